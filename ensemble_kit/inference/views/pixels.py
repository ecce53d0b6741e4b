"""Pixels as a primitive leaves them: pure functions on a batch (images, 3, height, width).

Each image is treated alone, whatever else is in the batch. Nothing is ever written in place,
but a result may be a slice of what came in. Knows no names: `steps` says what is to be
done. To add a primitive: a function here, a line in `CARRIED_OUT`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.views.primitives import Cut, Pad, Primitive, Resize, Tone
from ensemble_kit.inference.views.turns import Turn


def carry_out(primitive: Primitive, pixels: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 3 _ _"]:
    """Return the batch after one primitive.

    Raises:
        InvalidOptionError: a primitive that does not fit images of this size.
    """
    seen: Tensor = CARRIED_OUT[type(primitive)](pixels, *primitive)
    return seen


def resized(pixels: Float[Tensor, "images 3 height width"], side_px: int) -> Float[Tensor, "images 3 _ _"]:
    """Return the images as squares of that side: bilinear, antialiased."""
    return interpolate(pixels, size=(side_px, side_px), mode="bilinear", antialias=True)


def cut(
    pixels: Float[Tensor, "images 3 height width"], above: int, below: int, left: int, right: int
) -> Float[Tensor, "images 3 _ _"]:
    """Return the images without so many pixels at each side, as a slice.

    Raises:
        InvalidOptionError: nothing would be left, or a number is below 0.
    """
    height, width = pixels.shape[-2:]
    if min(above, below, left, right) < 0 or above + below >= height or left + right >= width:
        raise InvalidOptionError(
            f"A cut of {above} + {below} rows and {left} + {right} columns does not fit images of "
            f"{height} x {width} pixels. Cut less than there is, and nothing below 0."
        )
    return pixels[..., above : height - below, left : width - right]


def padded(
    pixels: Float[Tensor, "images 3 height width"], above: int, below: int, left: int, right: int, mode: str
) -> Float[Tensor, "images 3 _ _"]:
    """Return the images with so many pixels more at each side.

    Args:
        mode: `edge` repeats the last pixel, `reflect` mirrors about it (to and fro where an image
            is smaller than what is wanted), `zero` is black.

    Example:
        >>> row = torch.tensor([1.0, 2.0, 3.0]).expand(1, 3, 1, 3)
        >>> [padded(row, 0, 0, 2, 0, mode)[0, 0, 0].tolist() for mode in ("edge", "reflect")]
        [[1.0, 1.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 2.0, 3.0]]
    """
    if mode == "zero":
        return pad(pixels, (left, right, above, below))
    rows = _sources(pixels.shape[-2], above, below, mode).to(pixels.device)
    columns = _sources(pixels.shape[-1], left, right, mode).to(pixels.device)
    return pixels.index_select(-2, rows).index_select(-1, columns)


def turned(
    pixels: Float[Tensor, "images 3 height width"], swap: bool, rows: bool, columns: bool
) -> Float[Tensor, "images 3 _ _"]:
    """Return the images with rows and columns swapped, then mirrored along the axes named.

    Raises:
        InvalidOptionError: rows and columns of images that are not square cannot be swapped.
    """
    height, width = pixels.shape[-2:]
    if swap and height != width:
        raise InvalidOptionError(
            f"rot90, rot270, transpose and transverse want square images, these have {height} x {width} pixels "
            "(height x width). Take hflip, vflip or rot180."
        )
    axes = [axis for axis, mirrored in ((-2, rows), (-1, columns)) if mirrored]
    pixels = pixels.transpose(-2, -1) if swap else pixels
    return pixels.flip(axes) if axes else pixels


def toned(
    pixels: Float[Tensor, "images 3 height width"], quality: str, factor: float
) -> Float[Tensor, "images 3 height width"]:
    """Return the images in another light; contrast is about each image's own mean."""
    from torchvision.transforms.v2 import functional

    seen: Tensor = getattr(functional, f"adjust_{quality}")(pixels, factor)
    return seen


def _sources(size_px: int, before: int, after: int, mode: str) -> Tensor:
    """Return which pixel along an axis each pixel of the padded axis comes from."""
    places = torch.arange(-before, size_px + after)
    if mode == "edge":
        return places.clamp(0, size_px - 1)
    period = max(2 * (size_px - 1), 1)
    return torch.minimum(places % period, period - places % period)


CARRIED_OUT: Final[Mapping[type[Primitive], Callable[..., Any]]] = {
    Resize: resized,
    Cut: cut,
    Pad: padded,
    Tone: toned,
    Turn: turned,
}
