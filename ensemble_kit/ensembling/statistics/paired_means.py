"""Two scores of the same images: the mean of their difference, how sure it is, and what could be found.

By Student's t, of images or of whole groups; for scores that are not right or wrong, such as log-likelihoods.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.statistics.folds import numbered
from ensemble_kit.ensembling.statistics.spread import spread
from ensemble_kit.verdicts import LEVEL

FEWEST_MEANT: Final = 5  # images, or groups, of which a mean difference tells anything


class PairedMean(NamedTuple):
    """A mean difference per image, its 95 % interval, Student's t, and p, two-sided.

    smallest: the difference that is found in 80 % of sets like this one.
    """

    difference: float
    interval: tuple[float, float]
    t: float
    p: float
    smallest: float


def paired_mean(
    differences: Float[np.ndarray, " images"], groups: Sequence[str] | None = None, level: float = LEVEL
) -> PairedMean:
    """Return the mean of paired differences; of fewer than 5 images or groups nothing is sure.

    Args:
        level: of the two-sided test, for `smallest`; divide it where one of several tests is to stand.

    Example:
        >>> found = paired_mean(np.array([0.2, -0.1, 0.3, 0.1, 0.0, 0.1]))
        >>> round(found.difference, 3), np.round(found.interval, 3).tolist(), round(found.t, 3), round(found.p, 3)
        (0.1, [-0.048, 0.248], 1.732, 0.144)

    Source: Student, "The probable error of a mean", Biometrika 6(1), 1908; of groups see `spread`.
    """
    mean, units = float(differences.mean()), len(differences) if groups is None else len(set(groups))
    if units < FEWEST_MEANT:
        return PairedMean(mean, (-np.inf, np.inf), 0.0, 1.0, np.inf)
    found = spread(((differences - mean) / len(differences))[None], groups)
    t = mean / max(found.standard_error, np.finfo(np.float64).tiny)
    interval = mean - found.half_width, mean + found.half_width
    return PairedMean(mean, interval, t, found.p_value(mean), found.smallest(level))


def largest_share(
    lost: Float[np.ndarray, " images"],
    of: Float[np.ndarray, " images"],
    groups: Sequence[str] | None = None,
    pseudo: float = 0.0,
) -> float:
    """Return the share of one mean that another is at most, one-sided, 95 %; infinite where no share can be said.

    None can where the whole is not above 0 beyond chance, or of fewer than 5 images or groups.

    Args:
        pseudo: two images that lose so much, and win as much, are added; so that of a few images of which none is
            lost the bound is not 0.

    Example:
        >>> random = np.random.default_rng(0)
        >>> lost, whole = random.normal(0.1, 0.5, size=401), random.normal(1.0, 0.5, size=401)
        >>> round(largest_share(lost, whole), 3), largest_share(lost, 0 * whole)
        (0.123, inf)

    Source: Fieller, "Some problems in interval estimation", J. Royal Statistical Society B 16(2), 1954.
    """
    from scipy.special import stdtrit

    pairs = np.stack([lost, of])
    part, whole = means = pairs.mean(axis=1)
    away = pairs - means[:, None]
    if groups is not None:
        away = np.stack([np.bincount(numbered(groups), weights=row) for row in away])
    units = away.shape[1]
    if units < FEWEST_MEANT:
        return np.inf
    products = away @ away.T
    products[0, 0] += 2 * pseudo**2
    (of_part, both), (_, of_whole) = products * units / (units - 1) / len(lost) ** 2 * stdtrit(units - 1, 0.95) ** 2
    if whole <= 0 or whole**2 <= of_whole:
        return np.inf
    middle, lead = part * whole - both, whole**2 - of_whole
    return float((middle + np.sqrt(max(0.0, middle**2 - lead * (part**2 - of_part)))) / lead)
