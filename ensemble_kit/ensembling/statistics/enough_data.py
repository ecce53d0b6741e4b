"""Whether there are images enough to fit anything, and why not."""

from typing import Final, Literal

import numpy as np

from ensemble_kit.types import Labels

FEWEST_IMAGES: Final = 50  # below this nothing is fitted


def why_not_fitted(labels: Labels) -> Literal["too-few", "one-class"] | None:
    """Return why nothing can be fitted: fewer than `FEWEST_IMAGES`, or all of one class; None where it can.

    Example:
        >>> why_not_fitted(np.zeros(60, dtype=int)), why_not_fitted(np.arange(60) % 2)
        ('one-class', None)
    """
    if len(labels) < FEWEST_IMAGES:
        return "too-few"
    return "one-class" if len(np.unique(labels)) < 2 else None
