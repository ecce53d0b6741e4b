"""How far the logits of two ways to compute the same network are apart.

Used to check an engine against eager and one order of images against another. Knows no
module. To allow another distance: change TOLERANCES.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

TOLERANCES: Final[Mapping[str, float]] = {"float32": 1e-4, "bfloat16": 5e-2}
TOLERANCE_OFF_CPU: Final = 5e-3  # GPUs multiply in TF32 by default, with 10 bits of a float's 23


class Agreement(NamedTuple):
    """How well logits fit their reference.

    relative_error: the largest difference, divided by the largest absolute logit of the reference.
    changed: images that get another class although the reference has no tie there: its two
        best logits differ by more than the tolerance times its largest absolute logit.
    """

    relative_error: float
    changed: int


def tolerance_of(device: str, precision: str) -> float:
    """Return the relative error that is allowed on a device, computing in a precision.

    Example:
        >>> tolerance_of("cpu", "float32"), tolerance_of("cuda:0", "float32"), tolerance_of("cpu", "bfloat16")
        (0.0001, 0.005, 0.05)
    """
    return max(TOLERANCES[precision], 0.0 if device.startswith("cpu") else TOLERANCE_OFF_CPU)


def compare(
    logits: Float[Tensor, "images classes"], reference: Float[Tensor, "images classes"], tolerance: float
) -> Agreement:
    """Return how well logits fit a finite reference; logits that are not finite are infinitely far.

    Args:
        tolerance: relative, see `Agreement`; decides what is a tie.

    Example:
        >>> compare(torch.tensor([[4.0, 1.0], [1.0, 3.0]]), torch.tensor([[4.0, 1.0], [2.0, 1.0]]), 1e-4)
        Agreement(relative_error=0.5, changed=1)
    """
    scale = float(reference.abs().max())
    difference = float((logits - reference).abs().max())
    if not torch.isfinite(logits).all():
        return Agreement(float("inf"), int((~torch.isfinite(logits).all(dim=1)).sum()))
    best = reference.topk(min(2, reference.shape[1]), dim=1).values
    tied = best[:, 0] - best[:, -1] <= tolerance * scale
    changed = (logits.argmax(dim=1) != reference.argmax(dim=1)) & ~tied
    return Agreement(difference / scale if scale else difference and float("inf"), int(changed.sum()))
