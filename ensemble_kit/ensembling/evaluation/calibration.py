"""How calibrated probabilities are, and how sure one can be of an accuracy.

The metrics themselves live in `ensemble_kit.metrics`. Accuracies are fractions in [0, 1].
Never fits anything. To add a measure: a function of probabilities or correctness and labels.
"""

import hashlib
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.ensembling.statistics import RESAMPLES, percentiles
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, Scores

CALIBRATION_BINS = 15
Correct = Bool[np.ndarray, " images"] | Float[np.ndarray, " images"]


def ece(probabilities: Scores, labels: Labels) -> float:
    """Return the expected calibration error of the top class, over 15 equal-width bins.

    Bins are open below and closed above; each counts by its share of the images. The
    estimate is biased upwards on few images.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> sure_of_90 = np.array([[0.9, 0.1], [0.9, 0.1]])
        >>> round(ece(sure_of_90, np.array([0, 1])), 6)  # right half of the time
        0.4

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    return ece_of(probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels)


def ece_of(confidence: Float[np.ndarray, " images"], correct: Bool[np.ndarray, " images"]) -> float:
    """Return the expected calibration error of what was said with some confidence, right or wrong.

    Raises:
        BadDataError: there is no image.
    """
    check_some(correct)
    place = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    gap = np.bincount(place, weights=confidence - correct, minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / len(correct))


def brier(probabilities: Scores, labels: Labels) -> float:
    """Return the mean squared distance to the one-hot label, summed over classes: 0 to 2.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> round(brier(np.array([[0.8, 0.2]]), np.array([1])), 6)
        1.28

    Source: Brier, "Verification of forecasts", Monthly Weather Review 78(1), 1950.
    """
    check_some(labels)
    return float(squared_errors(probabilities, labels).mean())


def squared_errors(probabilities: Scores, labels: Labels) -> Float[np.ndarray, " images"]:
    """Return the squared distance of each image's probabilities to its one-hot label."""
    at_label = probabilities[np.arange(len(labels)), labels]
    errors: Float[np.ndarray, " images"] = (probabilities**2).sum(axis=1) - 2.0 * at_label + 1.0
    return errors


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
