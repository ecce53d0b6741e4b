"""Whether val and test look like train: class shares, brightness, contrast and size.

A shift is called one only where it is both noticeable (TELLING standard deviations) and
beyond chance (SURE standard errors); a split too small to show that is said to be so.
Where images come in groups, a group counts once. Knows numbers only, no images.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.results import Shift

TELLING: Final = 0.2  # standard deviations: less is hardly seen
SURE: Final = 3.0  # standard errors
BLUNT: Final = 0.5  # standard deviations: where chance alone reaches that far, nothing can be told
FEW: Final = 5  # images a class, on average
SHIFTED, STILL, FEW_TO_TELL = "shifted", "no shift seen", "too few to tell"


def compare_values(
    measure: str, split: str, train: Float[np.ndarray, " train"], other: Float[np.ndarray, " other"]
) -> Shift:
    """Return how the mean of one measure differs between train and another split.

    Example:
        >>> compare_values("brightness", "val", np.tile([0.2, 0.4], 50), np.tile([0.5, 0.7], 50)).verdict
        'shifted'
        >>> compare_values("brightness", "val", np.tile([0.2, 0.4], 50), np.array([0.5, 0.7])).verdict
        'too few to tell'
    """
    spread = math.sqrt((train.var() + other.var()) / 2)
    difference = abs(float(other.mean() - train.mean()))
    chance = SURE * math.sqrt(1 / len(train) + 1 / len(other))
    verdict = SHIFTED if difference > max(chance, TELLING) * spread else STILL
    if chance > BLUNT:
        verdict = FEW_TO_TELL
    return Shift(measure, split, float(train.mean()), float(other.mean()), verdict)


def compare_classes(
    classes: Sequence[str],
    split: str,
    train: Int[np.ndarray, " train"],
    other: Int[np.ndarray, " other"],
    independent: tuple[int, int] | None = None,
) -> Shift:
    """Return how the share of the class that differs most compares between train and another split.

    Args:
        train, other: labels, as indices into `classes`.
        independent: how many images, or groups, of each split count as drawn one by one.

    Source: two-proportion z-test, Bonferroni-corrected over the classes.
    """
    ours, theirs = (np.bincount(labels, minlength=len(classes)) / len(labels) for labels in (train, other))
    counts = independent or (len(train), len(other))
    pooled = (ours * len(train) + theirs * len(other)) / (len(train) + len(other))
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * sum(1 / count for count in counts))
    most = int(np.abs(theirs - ours).argmax())
    sure = NormalDist().inv_cdf(1 - NormalDist().cdf(-SURE) / len(classes))
    verdict = SHIFTED if float(np.max(np.abs(theirs - ours) / error)) > sure else STILL
    if min(counts) < FEW * len(classes):
        verdict = FEW_TO_TELL
    return Shift(f"share of '{classes[most]}'", split, float(ours[most]), float(theirs[most]), verdict)


def group_means(values: Float[np.ndarray, " images"], groups: Sequence[str] | None) -> Float[np.ndarray, " groups"]:
    """Return one mean a group; the values themselves where there are no groups.

    Example:
        >>> group_means(np.array([1.0, 3.0, 7.0]), ["a", "a", "b"])
        array([2., 7.])
    """
    if groups is None:
        return values
    names, place = np.unique(np.array(groups, dtype=object), return_inverse=True)
    return np.bincount(place, weights=values) / np.bincount(place, minlength=len(names))
