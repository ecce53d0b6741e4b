"""Which of several choices are hardly worse than the best, given a loss for every image.

Hardly worse is within half a standard error of the paired difference, over groups where
there are groups: what the same images find hard cancels out. Never knows what is chosen.

Source: own; half a standard error after Breiman et al., "CART", 1984.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Losses = Float[np.ndarray, "choices images"]


def paired_errors(losses: Losses, groups: Int[np.ndarray, " images"] | None) -> Float[np.ndarray, " choices"]:
    """Return the standard error of each choice's mean loss less that of the best (ties: the first).

    Args:
        groups: a number for the group of each image; their sums vary, not the images.

    Example:
        >>> losses = np.array([[1.0, 1.0, 1.0], [2.0, 4.0, 3.0]])
        >>> paired_errors(losses, None).round(4)  # of differences 1, 3, 2: 1 / sqrt(3)
        array([0.    , 0.5774])
    """
    centred = _worse(losses)
    centred -= centred.mean(axis=1, keepdims=True)
    if groups is not None:
        names, place = np.unique(groups, return_inverse=True)
        centred = np.array([np.bincount(place, weights=row, minlength=len(names)) for row in centred])
    units = centred.shape[1]
    errors: Float[np.ndarray, " choices"] = (
        np.sqrt((centred**2).sum(axis=1) * units / max(units - 1, 1)) / losses.shape[1]
    )
    return errors


def near_best(losses: Losses, groups: Int[np.ndarray, " images"] | None) -> Bool[np.ndarray, " choices"]:
    """Return whether each choice's mean loss is within half a standard error of the best.

    Example:
        >>> near_best(np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.1], [9.0, 9.0, 8.0]]), None)
        array([ True,  True, False])
    """
    within: Bool[np.ndarray, " choices"] = _worse(losses).mean(axis=1) <= 0.5 * paired_errors(losses, groups)
    return within


def _worse(losses: Losses) -> Losses:
    """Return by how much each image's loss exceeds that of the best choice."""
    worse: Losses = losses - losses[losses.mean(axis=1).argmin()]
    return worse
