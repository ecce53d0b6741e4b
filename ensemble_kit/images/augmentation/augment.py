"""Random changes to training images, seeded image by image.

What happens to an image depends on (seed, epoch, its index) and on nothing else: not on
its neighbours in the batch, not on any generator's state. So a run can be repeated and
resumed exactly. Mirroring is a switch of its own, since it does harm to signs and letters:
no strength does it. To add a strength: a row in STRENGTHS.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ensemble_kit.images.augmentation import batch as limits
from ensemble_kit.images.augmentation import torchvision_policies as policies
from ensemble_kit.images.augmentation.batch import Limits
from ensemble_kit.images.augmentation.torchvision_policies import Operations, Policy
from ensemble_kit.tables import pick

Pixels = UInt8[Tensor, "images 3 rows columns"]
ImageArray = Float[Tensor, "images 3 rows columns"]


class Strength(NamedTuple):
    """One line of help, and what is done: a batch at once within limits, or image by image by a policy."""

    help: str
    change: Limits | Policy | None


STRENGTHS: Final[Mapping[str, Strength]] = {
    "none": Strength("nothing", None),
    "light": Strength(
        "small moves, brightness and contrast",
        Limits(degrees=8, shift=0.08, zoom=0.1, brightness=0.15, contrast=0.15),
    ),
    "strong": Strength(
        "larger moves, colours, a hole",
        Limits(
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
    ),
    "crop": Strength("random parts enlarged, mild colours, a hole", Policy(area=0.35, colour=0.2, erase=0.25)),
    "trivial": Strength("parts, TrivialAugmentWide, a hole", Policy(area=0.6, operations="trivial", erase=0.25)),
    "rand": Strength("parts, RandAugment, a hole", Policy(area=0.6, operations="rand", erase=0.25)),
}


def augment(
    images: Pixels,
    index: Int[Tensor, " images"],
    seed: int,
    epoch: int,
    *,
    strength: str = "none",
    flip: bool = False,
) -> ImageArray:
    """Return the images in [0, 1], each randomly changed in its own way.

    Args:
        index: what each image is called in the whole training set; names its randomness.
        strength: a row of `STRENGTHS`; `none` changes nothing.
        flip: mirror left and right with probability one half, before anything else.

    Raises:
        UnknownNameError: no strength has that name.

    Example:
        >>> pixels = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
        >>> images = augment(pixels, torch.tensor([7]), seed=0, epoch=3)
        >>> bool((images * 255 == pixels).all())
        True
    """
    change = pick(STRENGTHS, strength, "augmentation strength").change
    if change is None and not flip:
        return images.float() / 255.0
    draws = draw(seed, epoch, index.cpu().numpy(), 1 + limits.DRAWS)
    if flip:
        mirrored = torch.from_numpy(draws[:, 0] < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    if isinstance(change, Policy):
        images = policies.change_each(images, (draws[:, 1] * 2.0**53).astype(np.int64), change)
    scaled = images.float() / 255.0
    if isinstance(change, Limits):
        return limits.change_batch(scaled, torch.from_numpy(draws[:, 1:]).to(scaled), change)
    return scaled


def describe(strength: str, flip: bool = False) -> tuple[str, ...]:
    """Return in plain words what `augment` may do to an image, each change with its range.

    Raises:
        UnknownNameError: no strength has that name.

    Example:
        >>> describe("light", flip=True)[:2]
        ('mirrored left and right: one half of the images', 'turned by up to 8° either way')
    """
    change = pick(STRENGTHS, strength, "augmentation strength").change
    mirrored = ("mirrored left and right: one half of the images",) if flip else ()
    if change is None:
        return mirrored
    return (*mirrored, *(limits.words(change) if isinstance(change, Limits) else policies.words(change)))


def operations_of(strength: str) -> Operations | None:
    """Return the published family of operations that a strength takes from; None: it takes none.

    Raises:
        UnknownNameError: no strength has that name.

    Example:
        >>> operations_of("trivial").degrees, operations_of("crop")
        (135, None)
    """
    change = pick(STRENGTHS, strength, "augmentation strength").change
    return policies.OPERATIONS.get(change.operations) if isinstance(change, Policy) else None


def draw(seed: int, epoch: int, index: Int[np.ndarray, " images"], count: int) -> Float[np.ndarray, "images draws"]:
    """Return `count` uniform numbers in [0, 1) an image, from (seed, epoch, index) alone.

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
