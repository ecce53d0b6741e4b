"""How sure one can be of a share, as an accuracy: 95 % intervals. Accuracies are fractions in [0, 1]."""

import hashlib
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.ensembling.statistics.resampling import RESAMPLES, percentiles
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.metrics import check_some

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
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, squared = count / total, z * z / total
    middle = (share + squared / 2) / (1 + squared)
    half = z * np.sqrt(share * (1 - share) / total + squared / total / 4) / (1 + squared)
    low = 0.0 if count == 0 else float(max(0.0, middle - half))
    high = 1.0 if count == total else float(min(1.0, middle + half))
    return low, high


def accuracy_interval(correct: Correct, groups: Sequence[str] | None = None) -> tuple[float, float]:
    """Return the 95% interval of an accuracy.

    Without groups: Wilson's. With groups: the percentiles of 2000 resamples of whole
    groups (seeded by the groups), widened to Wilson's where that is wider, since images
    of one group are never worth more than as many separate ones.

    Args:
        correct: right or wrong an image, or its mean over repeats in [0, 1].

    Raises:
        BadDataError: there is no image.

    Example:
        >>> low, high = accuracy_interval(np.array([True] * 9 + [False]))
        >>> round(low, 3), round(high, 3)
        (0.596, 0.982)

    Source: Field and Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007.
    """
    check_some(correct)
    count = min(float(correct.sum()), float(len(correct)))
    low, high = wilson(count, len(correct))
    if groups is None:
        return low, high
    names, place = np.unique(np.array(groups), return_inverse=True)
    sizes = np.bincount(place).astype(np.float64)
    right = np.bincount(place, weights=correct)
    text = "\n".join(f"{name}:{size:.0f}" for name, size in zip(names, sizes, strict=True))
    seed = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")
    random = np.random.default_rng(seed)
    drawn = random.integers(len(names), size=(RESAMPLES, len(names)))
    shares = right[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    lower, upper = percentiles(shares)
    return min(low, lower), max(high, upper)
