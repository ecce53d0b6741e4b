"""Test-time views: pure functions on a batch, under canonical names.

    identity                    the picture as it is
    hflip  vflip                mirrored left to right, top to bottom
    crop@R:center|tl|tr|bl|br   a square of R times the side, 0 < R < 1, scaled back to full size
    scale@F                     zoomed by F about the centre, 0.5 <= F <= 2; edges repeated where F < 1

joined by `*`, applied from left to right: `crop@0.875:tl*hflip` crops, then mirrors. A list
is joined by `,` and may name sets (`VIEW_SETS`). Every view keeps the shape of the batch.
To add a view: write the function, add a line to `_OPERATIONS`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference import VIEW_SETS
from ensemble_kit.tables import pick

if TYPE_CHECKING:
    from torch import Tensor

Operation = Callable[["Tensor"], "Tensor"]
IDENTITY: Final = "identity"


def parse_views(text: str) -> tuple[str, ...]:
    """Return the canonical names of a list of views; `identity` always stands first, each view once.

    Raises:
        InvalidOptionError: a view that cannot be read; names the place.
        UnknownNameError: a name that is neither a view nor a set.

    Example:
        >>> parse_views("flips,scale@1.150")
        ('identity', 'hflip', 'scale@1.15')
    """
    names = {IDENTITY: None}
    for part in text.split(","):
        part = part.strip()
        if not part:
            raise InvalidOptionError(f"An empty view in '{text}'. Example: --views hflip,crop@0.875:center.")
        for name in VIEW_SETS[part].split(",") if part in VIEW_SETS else [part]:
            names[canonical(name)] = None
    return tuple(names)


def canonical(name: str) -> str:
    """Return the one spelling of a view.

    Raises:
        InvalidOptionError, UnknownNameError: as `parse_views`.

    Example:
        >>> canonical("crop@.8750:tl * identity * hflip")
        'crop@0.875:tl*hflip'
    """
    steps = [spelled for step in name.split("*") if (spelled := _spell(step.strip(), name)) != IDENTITY]
    return "*".join(steps) or IDENTITY


def apply_view(name: str, pixels: "Tensor") -> "Tensor":
    """Return the batch (images, 3, size, size) as seen through one view, in the same shape."""
    for step in canonical(name).split("*"):
        verb, number, place = _split(step)
        pixels = _OPERATIONS[verb](number, place)(pixels)
    return pixels


def _spell(step: str, name: str) -> str:
    verb, number, place = _split(step)
    pick({**_OPERATIONS, **VIEW_SETS}, verb, "view or view set")
    if verb in VIEW_SETS:
        raise InvalidOptionError(f"'{verb}' in '{name}' is a set of views; it stands alone, not joined by '*'.")
    wanted = _WANTED.get(verb)
    if wanted is None:
        if step != verb:
            raise InvalidOptionError(f"'{step}' in '{name}': '{verb}' takes no number. Write '{verb}'.")
        return verb
    low, high, places, example = wanted
    try:
        value = float(number)
    except ValueError:
        raise InvalidOptionError(f"'{step}' in '{name}': wanted a number after '@'. Example: {example}.") from None
    if not low < value < high or place not in places:
        where = f" and one of {', '.join(places)}" if places != ("",) else ""
        raise InvalidOptionError(
            f"'{step}' in '{name}': wanted a number between {low:g} and {high:g}{where}. Example: {example}."
        )
    return f"{verb}@{value:.6g}" + (f":{place}" if place else "")


def _split(step: str) -> tuple[str, str, str]:
    verb, _, rest = step.partition("@")
    number, _, place = rest.partition(":")
    return verb.strip(), number.strip(), place.strip()


def _identity(_number: str, _place: str) -> Operation:
    return lambda pixels: pixels


def _hflip(_number: str, _place: str) -> Operation:
    return lambda pixels: pixels.flip(-1)


def _vflip(_number: str, _place: str) -> Operation:
    return lambda pixels: pixels.flip(-2)


def _crop(number: str, place: str) -> Operation:
    def crop(pixels: "Tensor") -> "Tensor":
        size = pixels.shape[-1]
        side = max(round(float(number) * size), 1)
        rest = size - side
        top, left = {
            "center": (rest // 2, rest // 2),
            "tl": (0, 0),
            "tr": (0, rest),
            "bl": (rest, 0),
            "br": (rest, rest),
        }[place]
        return _resized(pixels[..., top : top + side, left : left + side], size)

    return crop


def _scale(number: str, _place: str) -> Operation:
    def scale(pixels: "Tensor") -> "Tensor":
        from torch.nn.functional import pad

        size, factor = pixels.shape[-1], float(number)
        if factor >= 1:
            side = max(round(size / factor), 1)
            start = (size - side) // 2
            return _resized(pixels[..., start : start + side, start : start + side], size)
        side = max(round(size * factor), 1)
        before = (size - side) // 2
        after = size - side - before
        return pad(_resized(pixels, side), (before, after, before, after), mode="replicate")

    return scale


def _resized(pixels: "Tensor", side: int) -> "Tensor":
    from torch.nn.functional import interpolate

    if pixels.shape[-1] == side:
        return pixels
    return interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)


_OPERATIONS: Final[dict[str, Callable[[str, str], Operation]]] = {
    "identity": _identity,
    "hflip": _hflip,
    "vflip": _vflip,
    "crop": _crop,
    "scale": _scale,
}
_WANTED: Final[dict[str, tuple[float, float, Sequence[str], str]]] = {
    "crop": (0, 1, ("center", "tl", "tr", "bl", "br"), "crop@0.875:center"),
    "scale": (0.5, 2, ("",), "scale@1.15"),
}
