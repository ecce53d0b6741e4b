"""The steps that a view is made of: how they are spelled, reordered and carried out at a size.

A step is a small tuple that knows four things: whether it changes nothing (`neutral`), its one
spelling (`spelled`), what it becomes when a turn that stood before it is done after it (`past`;
None where that is not exact at every size), and its `Primitive`s on an image of known size
(`lowered`). Never touches pixels: `pixels` carries primitives out. To add a step: a class with
these four, in `Step`, and a line in `names.VERBS`.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.views.primitives import Cut, Pad, Primitive, Resize, Tone, Unturned
from ensemble_kit.inference.views.turns import TURNS, Turn
from ensemble_kit.types import IDENTITY

NO_TURN: Final = TURNS[IDENTITY]
LARGEST_PX: Final = 8192  # no image is enlarged to more than this
PLACES: Final[Mapping[str, tuple[float, float]]] = {
    "center": (0.5, 0.5),
    "tl": (0, 0),
    "tr": (0, 1),
    "bl": (1, 0),
    "br": (1, 1),
}
DIRECTIONS: Final[Mapping[str, tuple[int, int]]] = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
EDGE: Final = "edge"
MODES: Final = (EDGE, "reflect", "zero")


class Crop(NamedTuple):
    """A square of `ratio` times the side, at full size: enlarged once, then cut at fractions of what is over."""

    ratio: float
    y: float
    x: float

    @property
    def neutral(self) -> bool:
        """Whether the image stays as it is."""
        return self.ratio == 1

    def spelled(self) -> str:
        """Return the one spelling."""
        named = [name for name, place in PLACES.items() if place == (self.y, self.x)]
        return f"crop@{self.ratio:.6g}:{named[0] if named else f'{self.y:.6g}x{self.x:.6g}'}"

    def past(self, turn: Turn) -> "Crop | None":
        """Return the crop before the turn; only at an edge does a mirrored offset round alike."""
        if (turn.rows and self.y not in (0, 1)) or (turn.columns and self.x not in (0, 1)):
            return None
        return Crop(self.ratio, *turn.pulled(self.y, self.x, lambda fraction: 1 - fraction))

    def lowered(self, height_px: int, width_px: int) -> tuple[Unturned, ...]:
        """Return a resize and a cut, or nothing where the side does not grow."""
        size_px = _square(self.spelled(), height_px, width_px)
        if size_px > self.ratio * LARGEST_PX:
            raise InvalidOptionError(
                f"'{self.spelled()}' would enlarge images of {size_px} pixels to more than {LARGEST_PX}. "
                "Take a larger ratio, such as crop@0.5:center."
            )
        return _enlarged(round(size_px / self.ratio), size_px, self.y, self.x)


class Scale(NamedTuple):
    """Zoomed by `factor` about the centre; what is missing where it shrinks is padded."""

    factor: float
    mode: str

    @property
    def neutral(self) -> bool:
        """Whether the image stays as it is."""
        return self.factor == 1

    def spelled(self) -> str:
        """Return the one spelling; `edge` is not said, and nothing is padded where it grows."""
        padded = self.factor < 1 and self.mode != EDGE
        return f"scale@{self.factor:.6g}" + (f":{self.mode}" if padded else "")

    def past(self, turn: Turn) -> "Scale | None":
        """Return itself; not past a mirror, where the centre of an odd rest is a pixel elsewhere."""
        return None if turn.rows or turn.columns else self

    def lowered(self, height_px: int, width_px: int) -> tuple[Unturned, ...]:
        """Return a resize and a cut or a padding, or nothing where the side stays."""
        size_px = _square(self.spelled(), height_px, width_px)
        side_px = max(round(size_px * self.factor), 1)
        if side_px >= size_px:
            return _enlarged(side_px, size_px, *PLACES["center"])
        before = (size_px - side_px) // 2
        after = size_px - side_px - before
        return Resize(side_px), Pad(before, after, before, after, self.mode)


class Shift(NamedTuple):
    """Moved by `amount` times the side, in whole pixels; what comes in is padded."""

    amount: float
    down: int
    right: int
    mode: str

    @property
    def neutral(self) -> bool:
        """Whether the image stays as it is."""
        return self.amount == 0

    def spelled(self) -> str:
        """Return the one spelling; `edge` is not said."""
        direction = next(name for name, steps in DIRECTIONS.items() if steps == (self.down, self.right))
        return f"shift@{self.amount:.6g}:{direction}" + (f":{self.mode}" if self.mode != EDGE else "")

    def past(self, turn: Turn) -> "Shift":
        """Return the shift before the turn: the direction turned back."""
        return Shift(self.amount, *turn.pulled(self.down, self.right, lambda step: -step), self.mode)

    def lowered(self, height_px: int, width_px: int) -> tuple[Unturned, ...]:
        """Return a padding at one side and a cut at the other, or nothing where less than half a pixel is asked."""
        down, right = self.down * round(self.amount * height_px), self.right * round(self.amount * width_px)
        if not (down or right):
            return ()
        into = (max(down, 0), max(-down, 0), max(right, 0), max(-right, 0))
        out = (into[1], into[0], into[3], into[2])
        return Pad(*into, self.mode), Cut(*out)


Step = Turn | Crop | Scale | Shift | Tone


def normal(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps without neutral ones, every turn moved as far right as is exact at every size.

    Example:
        >>> [step.spelled() for step in normal([TURNS["hflip"], Crop(0.5, 0, 0), TURNS["vflip"], Tone("gamma", 1)])]
        ['crop@0.5:tr', 'rot180']
    """
    turn, ordered = NO_TURN, list[Step]()
    for step in steps:
        if isinstance(step, Turn):
            turn = turn.then(step)
        elif not step.neutral:
            moved = step.past(turn)
            if moved is None:
                ordered += [turn, step]
                turn = NO_TURN
            else:
                ordered.append(moved)
    return tuple(step for step in (*ordered, turn) if not step.neutral)


def lower(steps: Iterable[Step], height_px: int, width_px: int) -> tuple[Primitive, ...]:
    """Return what is to be done to an image of that size; one turn at most, at the very end.

    Raises:
        InvalidOptionError: a crop or a scale of images that are not square, or enlarged beyond `LARGEST_PX`.
    """
    turn, todo = NO_TURN, list[Unturned]()
    for step in steps:
        if isinstance(step, Turn):
            turn = turn.then(step)
        else:
            todo += [primitive.pulled(turn) for primitive in step.lowered(height_px, width_px)]
    return tuple(todo) if turn.neutral else (*todo, turn)


def _enlarged(side_px: int, size_px: int, y: float, x: float) -> tuple[Unturned, ...]:
    over = side_px - size_px
    above, left = round(y * over), round(x * over)
    return (Resize(side_px), Cut(above, over - above, left, over - left)) if over else ()


def _square(step: str, height_px: int, width_px: int) -> int:
    if height_px != width_px:
        raise InvalidOptionError(
            f"'{step}' wants square images, these have {height_px} x {width_px} pixels (height x width). "
            "Resize both sides to one size first."
        )
    return height_px
