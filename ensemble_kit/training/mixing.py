"""Images of a batch mixed in pairs, and the soft targets that go with them.

Half of the mixed batches are blended (mixup), half get a rectangle of the other
image (cutmix). All randomness comes from the generator that is handed in. The loss is
`torch.nn.functional.cross_entropy`, which takes soft targets and label smoothing as they are.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

ImageArray = Float[Tensor, "images channels rows columns"]
Labels = Int[Tensor, " images"]
Shares = Float[Tensor, "images classes"]


def mix(
    images: ImageArray, labels: Labels | Shares, classes: int, generator: np.random.Generator
) -> tuple[ImageArray, Float[Tensor, "images {classes}"]]:
    """Return the images mixed with their neighbours in the batch, and each one's share of every class.

    The first image's share is uniform in [0, 1]; for cutmix it is the exact share of its pixels. Labels may be
    shares of the classes themselves.

    Returns:
        The mixed images, and targets whose rows sum to 1.

    Example:
        >>> _, targets = mix(torch.rand(2, 3, 5, 7), torch.tensor([0, 2]), 3, np.random.default_rng(1))
        >>> targets.sum(dim=1)
        tensor([1., 1.])

    Source: Zhang et al., "mixup", ICLR 2018; Yun et al., "CutMix", ICCV 2019.
    """
    from torchvision.transforms import v2

    rule = v2.MixUp if generator.uniform() < 0.5 else v2.CutMix
    with torch.random.fork_rng(devices=[]):  # shares and places are drawn on the processor
        torch.default_generator.manual_seed(int(generator.integers(2**63)))
        mixed, targets = rule(num_classes=classes, alpha=1.0)(images, labels)
    return mixed, targets
