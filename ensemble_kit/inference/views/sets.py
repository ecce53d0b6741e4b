"""Sets of views: one word in a list stands for many views.

A set is a function from its fields to the names of its views, which `views` then spells
canonically; the help of each stands in `VIEW_SETS`. Nothing here depends on an image: even
`random` gives the same boxes for every image, in every order, on every machine.
To add a set: a function, a line in `SETS`, a line of help in `VIEW_SETS`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from ensemble_kit.inference.views.names import VERBS, Form, ratio, whole
from ensemble_kit.inference.views.steps import PLACES
from ensemble_kit.inference.views.turns import TURNS

SMALLEST: Final = 0.65  # side of a random crop, as a part of the image's
LARGEST: Final = 0.999  # 1 would be the image itself


def five_crop(side: float) -> list[str]:
    """Return the centre and the four corners.

    Example:
        >>> five_crop(0.75)[:2]
        ['crop@0.75:center', 'crop@0.75:tl']

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012.
    """
    return [f"crop@{side}:{place}" for place in PLACES]


def ten_crop(side: float) -> list[str]:
    """Return `hflip`, the five crops, and the same five of the mirrored image."""
    crops = five_crop(side)
    return ["hflip", *crops, *(f"hflip*{crop}" for crop in crops)]


def grid(count: int, side: float) -> list[str]:
    """Return count x count crops, spread evenly from edge to edge, row by row.

    Example:
        >>> grid(2, 0.75)
        ['crop@0.75:0x0', 'crop@0.75:0x1', 'crop@0.75:1x0', 'crop@0.75:1x1']
    """
    fractions = [place / (count - 1) for place in range(count)]
    return [f"crop@{side}:{y:.6g}x{x:.6g}" for y in fractions for x in fractions]


def random_crops(count: int, seed: int) -> list[str]:
    """Return crops drawn from the seed; the first ones are the same however many are drawn.

    Example:
        >>> random_crops(2, 7)[:1] == random_crops(1, 7)
        True
    """
    return [_random_crop(number, seed) for number in range(count)]


def _random_crop(number: int, seed: int) -> str:
    side, y, x = _fractions(f"random crop {number} of seed {seed}")
    return f"crop@{SMALLEST + (LARGEST - SMALLEST) * side:.3f}:{y:.3f}x{x:.3f}"


def _fractions(text: str) -> Iterator[float]:
    """Yield three numbers in [0, 1), as good as uniform."""
    digest = hashlib.sha256(text.encode()).digest()
    return (int.from_bytes(digest[start : start + 8]) / 2**64 for start in (0, 8, 16))


SETS: Final[Mapping[str, Form]] = {
    "flips": Form("flips", lambda: ["hflip"], is_set=True),
    "five-crop": Form("five-crop@0.875", five_crop, (ratio(0.875),), is_set=True),
    "ten-crop": Form("ten-crop@0.875", ten_crop, (ratio(0.875),), is_set=True),
    "d4": Form("d4", lambda: list(TURNS), is_set=True),
    "scales": Form("scales", lambda: ["scale@0.9", "scale@1.1", "scale@1.2"], is_set=True),
    "grid": Form("grid:3@0.75", grid, (whole(":", 2, 5), ratio()), is_set=True),
    "random": Form("random:20@7", random_crops, (whole(":", 1, 100), whole("@", 0, 2**32 - 1)), is_set=True),
}
FORMS: Final[Mapping[str, Form]] = {**VERBS, **SETS}  # all that a list may name
