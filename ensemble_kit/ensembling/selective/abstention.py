"""From which probability on an answer is given, so that enough of those that are given are right.

A threshold is safe where so few of the answered images are wrong that, with 95 % confidence,
no more than the wanted share would be of all. Thresholds are tried from the largest down, as
they stand in `THRESHOLDS` whatever the data, up to the first that is not safe; so trying many
costs no confidence. They are tried from the first on that answers enough images to stay safe
with one of them wrong: sooner, chance would break most runs off at once. Probabilities must
come from images that the blend was not tuned on. Vote shares do as well.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.ensembling.statistics import most_lost, numbered, upper_bound, wilson
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import check_some

THRESHOLDS: Final = (*(1 / (1 + 2.0 ** (-step / 4)) for step in range(56, -41, -1)), 0.0)
AFFORDED: Final = 1  # images that may be wrong where the first threshold is tried

Confidence = Float[np.ndarray, "repeats images"]
Correct = Bool[np.ndarray, "repeats images"]


class Abstention(NamedTuple):
    """A threshold, and what it did on the images that it was found on; shares.

    threshold: answers are given from this probability on; infinite where none is safe.
    coverage: of images that were answered, mean over repeats; accuracy: of these, right.
    at_least: lower bound of that accuracy, one-sided, 95 %; of groups where there are groups.
    Without a safe threshold nothing is answered, and the last two are 0.
    """

    threshold: float
    coverage: float
    coverage_interval: tuple[float, float]
    accuracy: float
    accuracy_interval: tuple[float, float]
    at_least: float


class _Count(NamedTuple):
    """Mean over repeats of what was answered, and of what of it was wrong."""

    answered: float
    wrong: float


def abstention(confidence: Confidence, correct: Correct, groups: Sequence[str] | None, accuracy: float) -> Abstention:
    """Return the smallest safe threshold.

    Args:
        confidence: the probability (or vote share) of the winning class, cross-fitted, for every repeat.
        correct: whether that class is right.
        groups: images that belong together; a group with one wrong answer is wrong.
        accuracy: the share of answered images that is to be right, in (0, 1).

    Raises:
        InvalidOptionError: an accuracy that is no share.
        BadDataError: there is no image.

    Example:
        >>> confidence = np.linspace(0.5, 1.0, 400)[None]
        >>> found = abstention(confidence, confidence > 0.6, None, 0.95)
        >>> round(found.threshold, 3), found.accuracy, round(found.at_least, 3)
        (0.627, 1.0, 0.99)

    Source: one threshold after another as in Angelopoulos et al., "Learn then test: calibrating
    predictive algorithms to achieve risk control", Annals of Applied Statistics 19(2), 2025.
    """
    if not 0 < accuracy < 1:
        raise InvalidOptionError(f"Wanted an accuracy among answered images between 0 and 1, got {accuracy}.")
    images = confidence.shape[1]
    check_some(np.zeros(images, np.int64))
    units = [np.arange(images), *([] if groups is None else [numbered(groups)])]
    chosen, wanted = math.inf, fewest(accuracy)
    for threshold in THRESHOLDS:
        counts = [_count(confidence >= threshold, correct, unit) for unit in units]
        if any(math.floor(each.answered) < wanted for each in counts):
            continue
        if min(map(_at_least, counts)) < accuracy:
            break
        chosen = threshold
    return _described(chosen, confidence, correct, units)


def fewest(accuracy: float) -> int:
    """Return how many images must be answered before a threshold is tried.

    Example:
        >>> fewest(0.95), fewest(0.99)
        (93, 473)
    """
    enough = math.ceil(5 / (1 - accuracy)) + 1  # 4.75 / (1 - accuracy) is the limit
    return 1 + bisect_left(range(1, enough), AFFORDED, key=lambda total: most_lost(total, 1 - accuracy))


def _count(answered: Correct, correct: Correct, unit: np.ndarray) -> _Count:
    """Return how many units have an answered image, and how many a wrong one among these."""
    pairs = [
        (len(np.unique(unit[given])), len(np.unique(unit[given & ~right])))
        for given, right in zip(answered, correct, strict=True)
    ]
    return _Count(*map(float, np.mean(pairs, axis=0)))


def _at_least(count: _Count) -> float:
    """Return the lower bound of the share that is right; what is not whole is rounded to its disadvantage."""
    return 1.0 - upper_bound(math.ceil(count.wrong), math.floor(count.answered))


def _described(threshold: float, confidence: Confidence, correct: Correct, units: Sequence[np.ndarray]) -> Abstention:
    """Return what a threshold did."""
    images = confidence.shape[1]
    counts = [_count(confidence >= threshold, correct, unit) for unit in units]
    answered, wrong = counts[0]
    coverage = answered / images
    if not answered:
        return Abstention(threshold, 0.0, wilson(0.0, images), 0.0, (0.0, 1.0), 0.0)
    right, total = answered - wrong, math.floor(counts[-1].answered)
    share = right / answered
    return Abstention(
        threshold,
        coverage,
        wilson(coverage * len(np.unique(units[-1])), len(np.unique(units[-1]))),
        share,
        wilson(share * total, total),
        min(map(_at_least, counts)),
    )
