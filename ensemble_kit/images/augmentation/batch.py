"""Random changes to a whole batch at once, each image by numbers of its own, within limits.

The fast way for small images: one call a batch, and every change is a formula of the
numbers handed in. What comes in from outside is a reflection of the image.
To add a change: a field in Limits, its formula below, its words in `words`.
"""

import math
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

ImageArray = Float[Tensor, "images 3 rows columns"]
Draws = Float[Tensor, "images draws"]

DRAWS: Final = 16  # random numbers per image
_IN_CACHE: Final = 1 << 19  # numbers of images that a processor changes at a time, all changes in its cache
_LEAST: Final = 2  # images at a time: several threads share out the sum of a single one, and round it otherwise
_GREY: Final = (0.299, 0.587, 0.114)


class Limits(NamedTuple):
    """How far each random change may go; 0 switches it off."""

    degrees: float = 0.0  # rotation, either way
    shift: float = 0.0  # share of the side, either way
    zoom: float = 0.0  # natural logarithm of the scale, either way
    stretch: float = 0.0  # natural logarithm of width over height, either way
    shear: float = 0.0  # sideways shift per unit of height, either way
    brightness: float = 0.0  # natural logarithm of the factor, either way
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0  # natural logarithm of a factor for each colour channel
    erase: float = 0.0  # probability that a rectangle is painted over
    erase_share: float = 0.0  # largest share of the image that the rectangle covers


def change_batch(images: ImageArray, draws: Draws, limits: Limits) -> ImageArray:
    """Return the images, in [0, 1] as before, each changed by its own numbers.

    Args:
        draws: `DRAWS` uniform numbers in [0, 1) an image.
    """
    few = max(_LEAST, _IN_CACHE // images[0].numel()) if images.device.type == "cpu" else len(images)
    parts = max(1, len(images) // few)
    pairs = zip(torch.tensor_split(images, parts), torch.tensor_split(draws, parts), strict=True)
    return torch.cat([_change(some, theirs, limits) for some, theirs in pairs])


def _change(images: ImageArray, draws: Draws, limits: Limits) -> ImageArray:
    """Return a few images, changed; they stay as they are."""
    images = _move(images, 2.0 * draws[:, :6] - 1.0, limits)
    images = _colour(images, 2.0 * draws[:, 6:12] - 1.0, limits)
    return _erase(images, draws[:, 12:16], limits)


def words(limits: Limits) -> tuple[str, ...]:
    """Return what may happen to an image, each change with its range.

    Example:
        >>> words(Limits(degrees=8, brightness=0.25))
        ('turned by up to 8° either way', 'brightness times 0.78 to 1.28')
    """
    moves = (
        (limits.degrees, f"turned by up to {limits.degrees:g}° either way"),
        (limits.shift, f"shifted by up to {100 * limits.shift:g} % of the side"),
        (limits.shear, f"slanted by up to {100 * limits.shear:g} % of the height"),
    )
    factors = (
        (limits.zoom, "size"),
        (limits.stretch, "width over height"),
        (limits.brightness, "brightness"),
        (limits.contrast, "contrast"),
        (limits.saturation, "saturation"),
        (limits.tint, "each colour channel"),
    )
    share, most = 100 * limits.erase, 100 * limits.erase_share
    hole = f"in {share:g} % of the images up to {most:g} % painted over in the image's mean colour"
    return (
        *(line for limit, line in moves if limit),
        *(f"{what} times {math.exp(-log):.2f} to {math.exp(log):.2f}" for log, what in factors if log),
        *((hole,) if limits.erase else ()),
    )


def _move(images: ImageArray, draws: Draws, limits: Limits) -> ImageArray:
    """Rotate, shift, zoom, stretch and shear; what comes in from outside is a reflection."""
    angle = draws[:, 0] * math.radians(limits.degrees)
    across, down = draws[:, 1] * 2 * limits.shift, draws[:, 2] * 2 * limits.shift
    zoom, stretch = draws[:, 3] * limits.zoom, draws[:, 4] * limits.stretch / 2
    shear = draws[:, 5] * limits.shear
    wide, high = torch.exp(-zoom - stretch), torch.exp(-zoom + stretch)
    cos, sin = torch.cos(angle), torch.sin(angle)
    upper = torch.stack([wide * cos, wide * (shear * cos - sin), across], dim=1)
    lower = torch.stack([high * sin, high * (shear * sin + cos), down], dim=1)
    grid = F.affine_grid(torch.stack([upper, lower], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _colour(images: ImageArray, draws: Draws, limits: Limits) -> ImageArray:
    """Change brightness, contrast, saturation and tint, in place; clamp to [0, 1]."""
    factors = torch.exp(
        draws * draws.new_tensor([limits.brightness, limits.contrast, limits.saturation] + 3 * [limits.tint])
    )[:, :, None, None]
    images = images.mul_(factors[:, 0:1]).mul_(factors[:, 3:6])
    grey = (images * images.new_tensor(_GREY)[:, None, None]).sum(dim=1, keepdim=True)
    images = torch.lerp(grey.expand_as(images), images, factors[:, 2:3].expand_as(images), out=images)
    middle = grey.mean(dim=(2, 3), keepdim=True)
    return images.sub_(middle).mul_(factors[:, 1:2]).add_(middle).clamp_(0.0, 1.0)


def _erase(images: ImageArray, draws: Draws, limits: Limits) -> ImageArray:
    """Paint a rectangle in the image's mean colour over some of the images."""
    rows, columns = images.shape[2:]
    wanted = draws[:, 0] < limits.erase
    side = torch.sqrt(limits.erase_share * draws[:, 1])
    rows_at = (torch.arange(rows, device=images.device) + 0.5) / rows
    columns_at = (torch.arange(columns, device=images.device) + 0.5) / columns
    top, left = (draws[:, 2] * (1 - side))[:, None], (draws[:, 3] * (1 - side))[:, None]
    down = (rows_at >= top) & (rows_at < top + side[:, None])
    across = (columns_at >= left) & (columns_at < left + side[:, None])
    hole = (down[:, :, None] & across[:, None, :] & wanted[:, None, None])[:, None]
    return torch.where(hole, images.mean(dim=(2, 3), keepdim=True), images)
