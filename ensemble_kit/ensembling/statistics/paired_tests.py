"""Two on the same images: exact tests, the interval of their difference, and what could be found.

Only images on which the two differ say anything, and groups count whole. Knows nothing of members or blends.
"""

from statistics import NormalDist
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.verdicts import LEVEL

SURE: Final = NormalDist().inv_cdf(0.975)  # 5 %, two-sided
POWER: Final = 0.8
FOUND: Final = NormalDist().inv_cdf(POWER)
FEWEST_UNITS: Final = 6  # images, or groups; of fewer no exact test falls below the level: 2 / 2^5 is 0.0625
PSEUDO_SHARE: Final = 0.1  # where the two mostly decide alike, see `evaluation.compare_scored`


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the p-value, exact and two-sided, of McNemar's test of two classifiers on the same images.

    Args:
        only_first, only_second: how many images only one of them has right.

    Example:
        >>> f"{mcnemar(121, 59):.3e}"
        '4.434e-06'

    Source: McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12, 1947.
    """
    differ, fewer = only_first + only_second, min(only_first, only_second)
    if not differ:
        return 1.0
    taken = np.arange(1, fewer + 1)
    log_chances = np.concatenate([[0.0], np.cumsum(np.log((differ + 1 - taken) / taken))]) - differ * np.log(2.0)
    tail = np.exp(log_chances - log_chances[-1]).sum() * np.exp(log_chances[-1])
    return min(1.0, float(2.0 * tail))


def sign_flip(nets: Int[np.ndarray, " units"]) -> float:
    """Return the exact two-sided p-value of a sum, were the sign of each unit a fair coin.

    The units are groups. Every sum of signs is counted, by dynamic programming over the
    integer sums; where every net is -1, 0 or 1 this is the exact McNemar test.

    Example:
        >>> sign_flip(np.array([1, 1, 1, 1, 1, -1]))  # 2 * (1 + 6) / 64
        0.21875
        >>> sign_flip(np.array([3, 2, -1]))  # 4 or more from the middle: +++, ++- and their mirrors
        0.5

    Source: Fisher, "The Design of Experiments", 1935.
    """
    sizes = np.abs(nets[nets != 0])
    chance = np.ones(1)  # of each amount that is flipped below 0
    for size in sizes:
        flipped = np.zeros(len(chance) + size)
        flipped[: len(chance)] = chance / 2
        flipped[size:] += chance / 2
        chance = flipped
    sums = sizes.sum() - 2 * np.arange(len(chance))
    return min(1.0, float(chance[np.abs(sums) >= abs(nets.sum())].sum()))


def difference_interval(only_first: float, only_second: float, images: int, pseudo: float = 1.0) -> tuple[float, float]:
    """Return the 95% interval of a paired difference of accuracies.

    Args:
        only_first, only_second: how many images only one has right; means over repeats, so
            not always whole.
        pseudo: images that are added to both of these: 1 as Bonett and Price do, who keep the
            promise on few images; 0 for the plain Wald interval.

    Example:
        >>> low, high = difference_interval(1.0, 7.0, 21)
        >>> round(low, 3), round(high, 3)
        (-0.508, -0.013)

    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data", J. Educational and Behavioral Statistics 37(4), 2012.
    """
    total = images + 2 * pseudo
    first, second = (only_first + pseudo) / total, (only_second + pseudo) / total
    half = SURE * np.sqrt((first + second - (first - second) ** 2) / total)
    return max(-1.0, float(first - second - half)), min(1.0, float(first - second + half))


def smallest_resolvable(discordant: float, images: int, level: float = LEVEL) -> float:
    """Return the smallest difference of accuracies that McNemar's test finds in 80 % of val sets.

    Solves difference * sqrt(n) = z * sqrt(d) + 0.84 * sqrt(d - difference^2), where z is 1.96
    at 5 % and d is the share of discordant images, taken to be no less than the difference itself.

    Args:
        discordant: the share of images on which the two differ, in [0, 1].
        level: of the two-sided test, in (0, 1); divide it where one of several tests is to stand.

    Example:
        >>> round(smallest_resolvable(0.1, 300), 4)
        0.0509

    Source: Connor, "Sample size for testing differences in proportions for the paired-sample
    design", Biometrics 43(1), 1987.
    """
    sure = NormalDist().inv_cdf(1 - level / 2)
    room = max(0.0, images + FOUND**2 - sure**2)
    slope = (sure * np.sqrt(images) + FOUND * np.sqrt(room)) / (images + FOUND**2)
    return min(1.0, float(slope * max(np.sqrt(discordant), slope)))


def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Return p-values that may each be held against a level that all tests share.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03]))  # 3 * 0.01; 2 * 0.03; no less than the one before
        array([0.03, 0.06, 0.06])

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6(2), 1979.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.arange(len(p_values), 0, -1) * p_values[order])
    return np.minimum(adjusted, 1.0)
