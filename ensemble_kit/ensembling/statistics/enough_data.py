"""Whether there are images enough to fit anything, and the sentence that says why not."""

from typing import Final

import numpy as np

from ensemble_kit.types import Labels

FEWEST_IMAGES: Final = 50  # below this nothing is fitted


def why_not_fitted(labels: Labels, consequence: str = "so weights are equal and every temperature is 1") -> str | None:
    """Return the sentence that explains why nothing can be fitted; None where it can.

    Args:
        consequence: what follows from it.

    Example:
        >>> why_not_fitted(np.zeros(60, dtype=int))
        'All images to evaluate on are of one class, so weights are equal and every temperature is 1.'
    """
    if len(labels) < FEWEST_IMAGES:
        return f"There are {len(labels)} images to evaluate on, fewer than {FEWEST_IMAGES}, {consequence}."
    if len(np.unique(labels)) < 2:
        return f"All images to evaluate on are of one class, {consequence}."
    return None
