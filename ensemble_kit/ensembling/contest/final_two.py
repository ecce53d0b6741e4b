"""Which two submissions to end with: the best, and one nearly as good that decides otherwise.

Two that err on the same images are worth one. Never knows what is chosen.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class FinalTwo(NamedTuple):
    """Places of the best and of its partner; near_best: whether the partner is as good as far as one can tell."""

    first: int
    second: int | None
    near_best: bool


def final_two(
    accuracies: Float[np.ndarray, " choices"],
    disagreement: Float[np.ndarray, "choices choices"],
    images: Float[np.ndarray, " choices"],
) -> FinalTwo:
    """Return the best by accuracy and, among the near-best, the one that differs most from it.

    Near-best is within half a standard error of a paired difference, which is at most
    sqrt(disagreement / images): two that differ on few images cannot be far apart. Where none is, the
    next best that differs at all. Ties go to the lowest place.

    Args:
        accuracies: honest ones; NaN for a choice that cannot be judged.
        disagreement: the share of images on which two say different classes.
        images: how many images each accuracy was measured on.

    Example:
        >>> differ = np.array([[0.0, 0.02, 0.1], [0.02, 0.0, 0.1], [0.1, 0.1, 0.0]])
        >>> final_two(np.array([0.92, 0.919, 0.915]), differ, np.array([300.0, 300.0, 300.0]))
        FinalTwo(first=0, second=2, near_best=True)

    Source: own; half a standard error as in `near_best`, after Breiman et al., "CART", 1984.
    """
    known = np.where(np.isnan(accuracies), -np.inf, accuracies)
    first = int(known.argmax())
    apart = disagreement[first]
    others = np.flatnonzero((apart > 0) & np.isfinite(known))
    if not len(others):
        return FinalTwo(first, None, False)
    errors = np.sqrt(apart[others] / np.minimum(images[others], images[first]))
    near = others[known[first] - known[others] <= 0.5 * errors]
    if len(near):
        return FinalTwo(first, int(near[apart[near].argmax()]), True)
    return FinalTwo(first, int(others[known[others].argmax()]), False)
