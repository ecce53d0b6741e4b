"""Random changes by torchvision's transforms, on uint8 images, one at a time.

A transform draws one set of numbers a call, so images that are to differ are changed one
by one, with torch's generator seeded for each; afterwards it is as it was before.
No transform here mirrors. What comes in from outside, and what is erased, is mid grey.
To add a family of operations: a line in OPERATIONS.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

Pixels = UInt8[Tensor, "images 3 rows columns"]

GREY: Final = 128
HOLE: Final = (0.02, 0.25)  # share of the image that is erased


class Policy(NamedTuple):
    """Which transforms per image goes through, in this order."""

    area: float  # smallest share of the image that is cut out and enlarged
    colour: float = 0.0  # brightness, contrast and saturation times 1 - colour to 1 + colour
    operations: str = ""  # a line of OPERATIONS
    erase: float = 0.0  # probability that a rectangle is painted over


class Operations(NamedTuple):
    """A published family of operations: torchvision's class, its options, and what it does in words."""

    transform: str
    options: Mapping[str, int]
    degrees: int  # how far it turns an image, either way
    shift_px: int  # how far it shifts an image of any size, either way; 0: by a share of its side
    words: str


OPERATIONS: Final[Mapping[str, Operations]] = {
    "trivial": Operations(
        "TrivialAugmentWide",
        {},
        135,
        32,
        "one of 14 operations at any strength (TrivialAugmentWide): turned by up to 135°, shifted by up to 32 px, "
        "slanted by up to 99 %, brightness, colour, contrast or sharpness times 0.01 to 1.99, posterised down to "
        "2 bits, solarised, contrast stretched, histogram equalised, or nothing",
    ),
    "rand": Operations(
        "RandAugment",
        {"num_ops": 2, "magnitude": 9},
        9,
        0,
        "two of 14 operations at strength 9 of 30 (RandAugment): turned by 9°, shifted by 14 % of the side, "
        "slanted by 9 %, brightness, colour, contrast or sharpness times 0.73 or 1.27, posterised to 7 bits, "
        "solarised above 70 %, contrast stretched, histogram equalised, or nothing",
    ),
}


def change_each(images: Pixels, seeds: Int[np.ndarray, " images"], policy: Policy) -> Pixels:
    """Return the images, each changed as its own seed has it.

    Args:
        seeds: at least 0; all the randomness there is.

    Source: Müller and Hutter, "TrivialAugment", ICCV 2021; Cubuk et al., "RandAugment", NeurIPS 2020;
        Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    transform = _transform(policy, images.shape[2], images.shape[3])

    def change(image: Tensor, seed: int) -> Tensor:
        torch.default_generator.manual_seed(seed)
        changed: Tensor = transform(image)
        return changed

    with torch.random.fork_rng(devices=[]):  # parameters are drawn on the processor, wherever the images are
        return torch.stack([change(image, seed) for image, seed in zip(images, seeds.tolist(), strict=True)])


def words(policy: Policy) -> tuple[str, ...]:
    """Return what may happen to an image, each transform with its range.

    Example:
        >>> words(Policy(area=0.6, colour=0.2))[0]
        'a part of 60 to 100 % of the area enlarged, its sides 3:4 to 4:3'
    """
    low, high = (f"{100 * share:g}" for share in HOLE)
    lines = (
        (True, f"a part of {100 * policy.area:g} to 100 % of the area enlarged, its sides 3:4 to 4:3"),
        (policy.colour, f"brightness, contrast, saturation times {1 - policy.colour:g} to {1 + policy.colour:g}"),
        (policy.operations, OPERATIONS[policy.operations].words if policy.operations else ""),
        (policy.erase, f"in {100 * policy.erase:g} % of the images {low} to {high} % painted over in grey"),
    )
    return tuple(line for there, line in lines if there)


@lru_cache(maxsize=8)
def _transform(policy: Policy, rows: int, columns: int) -> Any:
    """Return the transforms of a policy, for images of that size, as one."""
    from torchvision.transforms import InterpolationMode, v2

    chain: list[Any] = [v2.RandomResizedCrop((rows, columns), scale=(policy.area, 1.0))]
    if policy.colour:
        chain.append(v2.ColorJitter(policy.colour, policy.colour, policy.colour))
    if policy.operations:
        name, options, *_ = OPERATIONS[policy.operations]
        chain.append(getattr(v2, name)(**options, interpolation=InterpolationMode.BILINEAR, fill=GREY))
    if policy.erase:
        chain.append(v2.RandomErasing(policy.erase, scale=HOLE, value=GREY))
    return v2.Compose(chain)
