"""What a judge's public part can tell: which score to expect there, and which difference means something.

A judge shows the score of some of the test images and ranks by the others. Which images are
public is unknown and taken to be drawn at random, so that of the images on which two
submissions differ a hypergeometric number is public. Never sees a label.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.ensembling.statistics import SURE, generator
from ensemble_kit.verdicts import LEVEL

_MANY: Final = 4000  # images that differ; from here on the normal law will do
_FEWEST_COINS: Final = 6  # that can all fall alike by less than 5 %: 2 / 2^6
_NOTHING: Final = 1e-12  # chances below are not counted
_HALVINGS: Final = 60


def public_images(images: int, fraction: float) -> int:
    """Return how many images are public: the fraction, rounded, but at least one and not all where that can be.

    Example:
        >>> public_images(500, 0.5), public_images(7, 0.01), public_images(1, 0.5)
        (250, 1, 1)
    """
    return max(1, min(round(images * fraction), images - 1))


def draw_public(ids: Sequence[str], fraction: float, seed: int = 0) -> Bool[np.ndarray, " images"]:
    """Return which images are public: a simple draw from the sorted ids, so that row order cannot matter.

    Example:
        >>> ids = ["b", "a", "d", "c"]
        >>> bool((draw_public(ids, 0.5)[::-1] == draw_public(ids[::-1], 0.5)).all())
        True
    """
    drawn = generator(ids, f"public {seed}").permutation(len(ids))[: public_images(len(ids), fraction)]
    public = np.zeros(len(ids), dtype=np.bool_)
    public[np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)[drawn]] = True
    return public


def prediction_interval(accuracy: float, val_images: float, images: int) -> tuple[float, float]:
    """Return the interval that holds the accuracy on so many new images with at least 95 %.

    The middle of the beta-binomial law that val leaves after Jeffreys' prior.

    Args:
        accuracy: the honest one.
        val_images: what it was measured on; see `effective_images` where images come in groups.

    Example:
        >>> low, high = prediction_interval(0.9, 300, 250)
        >>> round(low, 3), round(high, 3)
        (0.844, 0.944)

    Source: Krishnamoorthy and Peng, "Improved closed-form prediction intervals for binomial and
    Poisson distributions", J. Statistical Planning and Inference 141(5), 2011.
    """
    from scipy.special import betaln  # scipy.stats takes longer to import than a blend to evaluate

    right, wrong = np.arange(images + 1), np.arange(images + 1)[::-1]
    first, second = accuracy * val_images + 0.5, (1 - accuracy) * val_images + 0.5
    ways = -betaln(right + 1, wrong + 1)  # the logarithm of how many, up to a constant
    below = np.cumsum(np.exp(ways + betaln(right + first, wrong + second) - betaln(first, second)))
    low, high = np.searchsorted(below, np.array([LEVEL / 2, 1 - LEVEL / 2]) * below[-1])
    return float(low) / images, float(high) / images


def expected_interval(
    accuracy: float, interval: tuple[float, float], val_images: int, images: int
) -> tuple[float, float]:
    """Return where 95 % of accuracies on so many new images lie, if they are like val.

    It is wider than the interval of the accuracy itself, for the new images are a sample too. Where val has groups,
    images of both are worth as many separate ones as val's interval says.

    Args:
        accuracy, interval: the honest ones, on `val_images`.

    Example:
        >>> low, high = expected_interval(0.9, (0.8608, 0.9291), 300, 500)
        >>> round(low, 3), round(high, 3)
        (0.852, 0.938)
    """
    worth = effective_images(accuracy, interval, val_images)
    return prediction_interval(accuracy, worth, max(1, round(images * worth / val_images)))


def effective_images(accuracy: float, interval: tuple[float, float], images: int) -> float:
    """Return how many separate images would give an accuracy this interval: fewer where images come in groups.

    Args:
        images: how many there are; never exceeded.

    Example:
        >>> round(effective_images(0.9, (0.8608, 0.9290), 300)), round(effective_images(0.9, (0.80, 0.96), 300))
        (300, 56)
    """
    low, high = 1.0, float(images)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _wilson_width(accuracy, middle) > interval[1] - interval[0] else (low, middle)
    return high


class Telling(NamedTuple):
    """What a public part can tell about two submissions.

    public_rows: how many of the images that differ are public, on average.
    smallest: the smallest difference of right images that means something; None: none can.
    """

    public_rows: float
    smallest: int | None


def telling(differ: int, images: int, public: int) -> Telling:
    """Return what the public part can tell, given on how many images two submissions differ.

    Were neither better, each public image that differs would be a fair coin (one side right, the
    other wrong). A difference means something where such coins, over all draws of the public
    part, reach it in 5 % of cases at most; fewer than six coins never do. Images that both have
    wrong only make chance smaller, so the figure is cautious.

    Args:
        differ: how many of all `images`.
        public: how many images are public.

    Example:
        >>> telling(6, 6, 6)  # six of six: 2 / 64
        Telling(public_rows=6.0, smallest=6)
        >>> telling(40, 500, 250).smallest, telling(5, 500, 250).smallest
        (10, None)

    Source: own; the sign test of McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12, 1947.
    """
    mean, most = differ * public / images, min(differ, public)
    if differ > _MANY:
        return Telling(mean, math.ceil(1.96 * math.sqrt(mean)))
    from scipy.stats import hypergeom

    chances = hypergeom(images, differ, public).pmf(np.arange(differ + 1))
    tails = np.zeros(differ + 1)  # of a difference of at least so many
    for rows in np.flatnonzero(chances > _NOTHING):
        tails[: rows + 1] += chances[rows] * _two_sided(int(rows))
    enough = np.flatnonzero(tails[: most + 1] <= LEVEL)
    smallest = max(_FEWEST_COINS, int(enough[0])) if len(enough) else most + 1
    return Telling(mean, smallest if smallest <= most else None)


def chance_to_show(only_first: float, only_second: float, public: int, smallest: int) -> float:
    """Return how likely the public part shows a difference of at least `smallest` right images, either way.

    Args:
        only_first, only_second: the shares of images that only one has right, as found on val, cross-fitted.

    Example:
        >>> round(chance_to_show(0.06, 0.01, 250, 10), 3)
        0.765
    """
    from scipy.stats import binom

    differ = min(1.0, only_first + only_second)
    if differ <= 0:
        return 0.0
    rows = np.arange(public + 1)
    ahead, behind = (rows + smallest + 1) // 2, (rows - smallest) // 2  # of so many rows: the fewest, the most won
    shown = binom.sf(ahead - 1, rows, only_first / differ) + binom.cdf(behind, rows, only_first / differ)
    return min(1.0, float(binom.pmf(rows, public, differ) @ shown))


def _two_sided(rows: int) -> Float[np.ndarray, " differences"]:
    """Return how likely as many fair coins differ by at least 0, 1, ... `rows`."""
    from scipy.stats import binom

    fewest_won = (rows + np.arange(rows + 1) + 1) // 2
    tails: Float[np.ndarray, " differences"] = np.minimum(1.0, 2 * binom.sf(fewest_won - 1, rows, 0.5))
    return tails


def _wilson_width(share: float, images: float) -> float:
    """Return the width of Wilson's interval where the number of images need not be whole."""
    squared = SURE**2 / images
    return 2 * math.sqrt(squared * share * (1 - share) + squared * squared / 4) / (1 + squared)
