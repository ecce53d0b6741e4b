"""How sure one can be of a share, as an accuracy: 95 % intervals. Accuracies are fractions in [0, 1]."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.ensembling.statistics.spread import Spread, spread
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels

Correct = Bool[np.ndarray, " images"] | Float[np.ndarray, " images"]


def wilson(count: float | int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a share.

    Args:
        count: how many of `total`; a mean over repeats, so not always whole.
        confidence: the share of intervals that hold the truth, in (0, 1).

    Raises:
        BadDataError: `total` is not above 0, or `count` not in 0 to `total`.
        InvalidOptionError: `confidence` is not in (0, 1).

    Example:
        >>> low, high = wilson(270, 300)
        >>> round(low, 4), round(high, 4)
        (0.8608, 0.9291)

    Source: Wilson, "Probable inference", JASA 22, 1927.
    """
    if not 0 < confidence < 1:
        raise InvalidOptionError(f"Wanted a confidence between 0 and 1, got {confidence}.")
    if not (total > 0 and 0 <= count <= total):
        raise BadDataError(f"Wanted 0 to {total} right of at least 1 image, got {count} of {total}.")
    return _wilson(count / total, total, NormalDist().inv_cdf(0.5 + confidence / 2))


def _wilson(share: float, images: float, errors: float) -> tuple[float, float]:
    """Return Wilson's interval that reaches so many standard errors to either side."""
    squared = errors * errors / images
    middle = (share + squared / 2) / (1 + squared)
    half = errors * math.sqrt(share * (1 - share) / images + squared / images / 4) / (1 + squared)
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return low, high


def share_interval(share: float, found: Spread, images: int, hidden: float = 0.0) -> tuple[float, float]:
    """Return the 95% interval of a score in [0, 1]: Wilson's, of as many images as would vary as much.

    Args:
        found: how much the score varies; of a lone group nothing can be told.
        images: so many at most.
        hidden: variance that the images do not show, see `hidden_variance`.

    Source: Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data", Survey Methodology 24(2), 1998.
    """
    if not math.isfinite(found.standard_error):
        return 0.0, 1.0
    variance, middle = found.standard_error**2 + hidden, (share * images + 2) / (images + 4)  # all right varies as well
    worth = min(middle * (1 - middle) / variance, images) if variance else images
    return _wilson(share, worth, found.quantile)


def accuracy_interval(correct: Correct, groups: Sequence[str] | None = None) -> tuple[float, float]:
    """Return the 95% interval of an accuracy.

    Without groups: Wilson's. With groups: Wilson's of as many images as would vary as much as the groups do, with
    Student's t of the groups in place of the normal law; of fewer than 5 groups hardly anything can be told, of one
    nothing. Images of one group are never worth more than as many separate ones.

    Args:
        correct: right or wrong an image, or its mean over repeats in [0, 1].

    Raises:
        BadDataError: there is no image.

    Example:
        >>> low, high = accuracy_interval(np.array([True] * 9 + [False]))
        >>> round(low, 3), round(high, 3)
        (0.596, 0.982)
        >>> low, high = accuracy_interval(np.array([True] * 9 + [False]), list("aaabbbcccc"))
        >>> round(low, 2), round(high, 2)
        (0.27, 1.0)
    """
    check_some(correct)
    count = min(float(correct.sum()), float(len(correct)))
    if groups is None:
        return wilson(count, len(correct))
    share = count / len(correct)
    return share_interval(share, spread(((correct - share) / len(correct))[None], groups), len(correct))


def hidden_variance(correct: Correct, labels: Labels) -> float:
    """Return by how much more the mean recall of the classes varies than its images show.

    A class with 2 of 2 right seems not to vary at all. Four images, half of them right, shared out among all
    classes, are added to show it.

    Args:
        correct: right or wrong an image, or its mean over repeats in [0, 1].

    Example:
        >>> round(hidden_variance(np.array([True] * 4), np.array([0, 0, 1, 1])), 4)  # (2 * .75 * .25 / 4) / 2 / 2
        0.0234

    Source: Price and Bonett, "An improved confidence interval for a linear function of binomial proportions",
    Computational Statistics and Data Analysis 45(3), 2004.
    """
    there = np.bincount(labels)
    right, there = np.bincount(labels, weights=correct)[there > 0], there[there > 0]
    classes = len(there)
    shown = right / there
    added = (right + 2 / classes) / (there + 4 / classes)
    more = added * (1 - added) / (there + 4 / classes) - shown * (1 - shown) / there
    return max(0.0, float(more.sum())) / classes**2
