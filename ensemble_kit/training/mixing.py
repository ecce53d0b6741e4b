"""Pictures of a batch mixed in pairs, and the loss that goes with it.

Half of the mixed batches are blended (mixup), half get a rectangle of the other
picture (cutmix). All randomness comes from the generator that is handed in.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

Pictures = Float[Tensor, "images channels rows columns"]
Labels = Int[Tensor, " images"]


def mix_pairs(pictures: Pictures, generator: np.random.Generator) -> tuple[Pictures, Int[Tensor, " images"], float]:
    """Return the pictures mixed with a permutation of themselves.

    Returns:
        The mixed pictures, the partner's row for each, and the first picture's share
        in [0, 1] (for cutmix the exact share of its pixels).

    Source: Zhang et al., "mixup", ICLR 2018; Yun et al., "CutMix", ICCV 2019.
    """
    partner = torch.from_numpy(generator.permutation(len(pictures))).to(pictures.device)
    share = float(generator.uniform())
    if generator.uniform() < 0.5:
        share = max(share, 1.0 - share)
        return torch.lerp(pictures[partner], pictures, share), partner, share
    rows, columns = pictures.shape[2:]
    height, width = (round(side * (1.0 - share) ** 0.5) for side in (rows, columns))
    top, left = int(generator.integers(rows - height + 1)), int(generator.integers(columns - width + 1))
    mixed = pictures.clone()
    window = (slice(None), slice(None), slice(top, top + height), slice(left, left + width))
    mixed[window] = pictures[partner][window]
    return mixed, partner, 1.0 - height * width / (rows * columns)


def mixed_loss(
    logits: Float[Tensor, "images classes"],
    labels: Labels,
    partner: Int[Tensor, " images"],
    share: float,
    label_smoothing: float,
) -> Float[Tensor, ""]:
    """Return the mean cross entropy (nats) against both labels, weighted by their shares."""
    own = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    if share == 1.0:
        return own
    other = F.cross_entropy(logits, labels[partner], label_smoothing=label_smoothing)
    return share * own + (1.0 - share) * other
