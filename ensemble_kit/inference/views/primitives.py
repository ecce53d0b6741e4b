"""What is done to pixels of known size: small tuples, equal where the same is done.

A primitive knows what it becomes when a turn that stood before it is done after it
(`pulled`), which is exact at a known size. `steps` gives them, `pixels` carries them
out. To add a primitive: a tuple here and in `Unturned`, and a line in `pixels.CARRIED_OUT`. It needs a length that no
other has, since tuples of equal values are equal whatever they are called; a test holds that.
"""

from typing import Final, NamedTuple

from ensemble_kit.inference.views.turns import Turn

GREY: Final = "grey"


class Resize(NamedTuple):
    """Bilinear with antialiasing, to a square."""

    side_px: int

    def pulled(self, turn: Turn) -> "Resize":
        """Return the resize that comes before the turn and gives the same."""
        return self


class Cut(NamedTuple):
    """So many pixels taken away at each side."""

    above: int
    below: int
    left: int
    right: int

    def pulled(self, turn: Turn) -> "Cut":
        """Return the cut that comes before the turn and gives the same."""
        return Cut(*_pulled_margins(turn, *self))


class Pad(NamedTuple):
    """So many pixels added at each side."""

    above: int
    below: int
    left: int
    right: int
    mode: str

    def pulled(self, turn: Turn) -> "Pad":
        """Return the padding that comes before the turn and gives the same."""
        return Pad(*_pulled_margins(turn, *self[:4]), self.mode)


class Tone(NamedTuple):
    """Another light: brightness, contrast, saturation, gamma or sharpness, by a factor."""

    quality: str
    factor: float

    @property
    def neutral(self) -> bool:
        """Whether the image stays as it is."""
        return self.factor == 1

    def spelled(self) -> str:
        """Return the one spelling."""
        return GREY if self == ("saturation", 0) else f"{self.quality}@{self.factor:.6g}"

    def past(self, turn: Turn) -> "Tone":
        """Return itself: light does not ask where a pixel stands."""
        return self

    def lowered(self, height_px: int, width_px: int) -> "tuple[Tone, ...]":
        """Return itself: a tone is a primitive."""
        return (self,)

    def pulled(self, turn: Turn) -> "Tone":
        """Return itself."""
        return self


Unturned = Resize | Cut | Pad | Tone
Primitive = Unturned | Turn


def _pulled_margins(turn: Turn, above: int, below: int, left: int, right: int) -> tuple[int, int, int, int]:
    rows, columns = turn.pulled((above, below), (left, right), lambda pair: (pair[1], pair[0]))
    return (*rows, *columns)
