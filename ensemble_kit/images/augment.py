"""Random changes to training pictures, a whole batch at once, seeded picture by picture.

What happens to a picture depends on (seed, epoch, its index) and on nothing else: not on
its neighbours in the batch, not on any generator's state. So a run can be repeated and
resumed exactly. Mirroring is a switch of its own, since it does harm to signs and letters.
To add a strength: a row in STRENGTHS.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from ensemble_kit.tables import pick

Pixels = UInt8[Tensor, "images 3 rows columns"]
Pictures = Float[Tensor, "images 3 rows columns"]
Draws = Float[Tensor, "images draws"]


class Strength(NamedTuple):
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
    erase_share: float = 0.0  # largest share of the picture that the rectangle covers


STRENGTHS: Final[Mapping[str, Strength]] = {
    "none": Strength(),
    "light": Strength(degrees=8, shift=0.08, zoom=0.1, brightness=0.15, contrast=0.15),
    "strong": Strength(
        degrees=12,
        shift=0.12,
        zoom=0.2,
        stretch=0.1,
        shear=0.1,
        brightness=0.25,
        contrast=0.25,
        saturation=0.3,
        tint=0.1,
        erase=0.5,
        erase_share=0.25,
    ),
}

_DRAWS: Final = 17  # random numbers a picture
_GREY: Final = (0.299, 0.587, 0.114)


def augment(
    images: Pixels,
    index: Int[Tensor, " images"],
    seed: int,
    epoch: int,
    *,
    strength: str = "none",
    flip: bool = False,
) -> Pictures:
    """Return the pictures in [0, 1], each randomly changed in its own way.

    Args:
        index: what each picture is called in the whole training set; names its randomness.
        strength: a row of `STRENGTHS`; `none` changes nothing.
        flip: mirror left and right with probability one half.

    Raises:
        UnknownNameError: no strength has that name.

    Example:
        >>> pixels = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
        >>> pictures = augment(pixels, torch.tensor([7]), seed=0, epoch=3)
        >>> bool((pictures * 255 == pixels).all())
        True
    """
    limits = pick(STRENGTHS, strength, "augmentation strength")
    pictures = images.float() / 255.0
    if limits == Strength() and not flip:
        return pictures
    draws = torch.from_numpy(draw(seed, epoch, index.cpu().numpy(), _DRAWS)).to(pictures)
    if flip:
        mirrored = draws[:, 0] < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)
    if limits == Strength():
        return pictures
    pictures = _move(pictures, 2.0 * draws[:, 1:7] - 1.0, limits)
    pictures = _colour(pictures, 2.0 * draws[:, 7:13] - 1.0, limits)
    return _erase(pictures, draws[:, 13:17], limits)


def draw(seed: int, epoch: int, index: Int[np.ndarray, " images"], count: int) -> Float[np.ndarray, "images draws"]:
    """Return `count` uniform numbers in [0, 1) a picture, from (seed, epoch, index) alone.

    Example:
        >>> both = draw(3, 1, np.array([5, 11]), 2)
        >>> bool((draw(3, 1, np.array([11]), 2) == both[1:]).all())
        True

    Source: Steele et al., "Fast splittable pseudorandom number generators" (SplitMix64), OOPSLA 2014.
    """
    key = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    state = _scramble(index.astype(np.uint64) + key)[:, None]
    slots = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (_scramble(state + slots) >> np.uint64(11)) / float(1 << 53)


def _scramble(bits: np.ndarray) -> np.ndarray:
    """Return 64-bit words with every input bit spread over all output bits."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _move(pictures: Pictures, draws: Draws, limits: Strength) -> Pictures:
    """Rotate, shift, zoom, stretch and shear; what comes in from outside is a reflection."""
    angle = draws[:, 0] * math.radians(limits.degrees)
    across, down = draws[:, 1] * 2 * limits.shift, draws[:, 2] * 2 * limits.shift
    zoom, stretch = draws[:, 3] * limits.zoom, draws[:, 4] * limits.stretch / 2
    shear = draws[:, 5] * limits.shear
    wide, high = torch.exp(-zoom - stretch), torch.exp(-zoom + stretch)
    cos, sin = torch.cos(angle), torch.sin(angle)
    upper = torch.stack([wide * cos, wide * (shear * cos - sin), across], dim=1)
    lower = torch.stack([high * sin, high * (shear * sin + cos), down], dim=1)
    grid = F.affine_grid(torch.stack([upper, lower], dim=1), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _colour(pictures: Pictures, draws: Draws, limits: Strength) -> Pictures:
    """Change brightness, contrast, saturation and tint; clamp to [0, 1]."""
    factors = torch.exp(
        draws * draws.new_tensor([limits.brightness, limits.contrast, limits.saturation] + 3 * [limits.tint])
    )[:, :, None, None]
    pictures = pictures * factors[:, 0:1] * factors[:, 3:6]
    grey = (pictures * pictures.new_tensor(_GREY)[:, None, None]).sum(dim=1, keepdim=True)
    pictures = torch.lerp(grey.expand_as(pictures), pictures, factors[:, 2:3].expand_as(pictures))
    middle = grey.mean(dim=(2, 3), keepdim=True)
    return ((pictures - middle) * factors[:, 1:2] + middle).clamp(0.0, 1.0)


def _erase(pictures: Pictures, draws: Draws, limits: Strength) -> Pictures:
    """Paint a rectangle in the picture's mean colour over some of the pictures."""
    rows, columns = pictures.shape[2:]
    wanted = draws[:, 0] < limits.erase
    side = torch.sqrt(limits.erase_share * draws[:, 1])
    rows_at = (torch.arange(rows, device=pictures.device) + 0.5) / rows
    columns_at = (torch.arange(columns, device=pictures.device) + 0.5) / columns
    top, left = (draws[:, 2] * (1 - side))[:, None], (draws[:, 3] * (1 - side))[:, None]
    down = (rows_at >= top) & (rows_at < top + side[:, None])
    across = (columns_at >= left) & (columns_at < left + side[:, None])
    hole = (down[:, :, None] & across[:, None, :] & wanted[:, None, None])[:, None]
    return torch.where(hole, pictures.mean(dim=(2, 3), keepdim=True), pictures)
