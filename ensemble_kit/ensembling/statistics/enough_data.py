"""Whether there are images enough to fit anything, and why not."""

from typing import Final, Literal

import numpy as np

from ensemble_kit.types import Labels

FEWEST_IMAGES: Final = 50  # below this nothing is fitted
FEWEST_GROUPS: Final = 5  # below this hardly anything can be told about images of other groups
FEW_GROUPS: Final = 20  # below this intervals are noticeably wider than of many groups


def why_not_fitted(labels: Labels, part_of: int | None = None) -> Literal["too-few", "one-class"] | None:
    """Return why nothing can be fitted: fewer than `FEWEST_IMAGES`, or all of one class; None where it can.

    Whether there are too few is decided once, for all images: a fold that sees 40 of 50 fits as all 50 do, or its
    figure would be that of another blend.

    Args:
        part_of: of how many images these are the part that a fold sees; None: these are all.

    Example:
        >>> why_not_fitted(np.zeros(60, dtype=int)), why_not_fitted(np.arange(60) % 2)
        ('one-class', None)
        >>> why_not_fitted(np.arange(40) % 2), why_not_fitted(np.arange(40) % 2, part_of=50)
        ('too-few', None)
    """
    if (part_of or len(labels)) < FEWEST_IMAGES:
        return "too-few"
    return "one-class" if len(np.unique(labels)) < 2 else None
