"""Which of two is better, on the same images: the difference, its interval, its p-value.

Pairing is all: only images on which the two differ say anything, and groups count whole.
Give it cross-fitted predictions; those on tuned rows make noise look significant. Never
tunes anything, never knows what the two are.

Every repeat is one paired comparison; differences and p-values are averaged over them, so
that several repeats are worth no more images than one. (To call an image right where most
repeats have it right would punish a side that wavers below one half and reward it above.)
The smallest difference that could be resolved is the one found at 5 % in 80 % of val sets.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.evaluation.scored import Judged
from ensemble_kit.ensembling.statistics import numbered, percentiles, resamples, swaps
from ensemble_kit.errors import MisalignedError

SURE: Final = NormalDist().inv_cdf(0.975)  # 5 %, two-sided
FOUND: Final = NormalDist().inv_cdf(0.8)  # 80 % power
PSEUDO_SHARE: Final = 0.1  # where the two mostly decide alike, see `compare_judged`
SAME: Final = 1e-12  # differences of metrics closer than this are equal


class Comparison(NamedTuple):
    """The first against the second; a difference is first minus second, in the metric's unit.

    test: the name of the test that gave `p`.
    resolvable: the smallest difference that this val set could resolve, above 0.
    only_first, only_second: how many images only one has right, averaged over repeats; None
        for other metrics than accuracy.
    """

    first_score: float
    first_interval: tuple[float, float]
    second_score: float
    second_interval: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    test: str
    p: float
    resolvable: float
    only_first: float | None = None
    only_second: float | None = None


def compare_judged(
    first: Judged,
    second: Judged,
    metric: str,
    ids: Sequence[str],
    groups: Sequence[str] | None = None,
    pseudo_share: float | None = None,
) -> Comparison:
    """Return how two procedures compare on the same images.

    Accuracy: the exact McNemar test, or sign flips of whole groups, of each repeat, p-values
    averaged (sound to a factor of 2 whatever the repeats share, and in simulations without
    it); the interval of `difference_interval`, or the percentiles of resampled groups where those are
    wider. Any other metric: 2000 random swaps of the two, p = (1 + as extreme) / 2001, and
    the percentiles of 2000 resamples. With fewer than about 30 groups percentiles are a
    little narrow: of 20 groups, 92 % of them hold the truth.

    Args:
        pseudo_share: how many pseudo-images each side of the interval may get for every image
            that only one has right, 1 at most; None: 1 always. Two that mostly decide alike would else have an
            interval that is made of little else.

    Raises:
        MisalignedError: the two were judged on other labels, or in other repeats.
        InvalidOptionError: a metric that reads probabilities, of votes.
        UnknownNameError: no metric has that name.

    Source: Vovk and Wang, "Combining p-values via averaging", Biometrika 107(4), 2020.
    """
    if not np.array_equal(first.labels, second.labels) or first.predicted.shape != second.predicted.shape:
        raise MisalignedError(
            "Wanted two judged on the same images in the same order and repeats, got "
            f"{first.predicted.shape} and {second.predicted.shape} (repeats, images), or other labels."
        )
    if metric == "accuracy":
        return _compare_correct(first, second, ids, groups, pseudo_share)
    return _compare_scores(first, second, metric, ids, groups)


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


def smallest_resolvable(discordant: float, images: int, level: float = 0.05) -> float:
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


def _compare_correct(
    first: Judged, second: Judged, ids: Sequence[str], groups: Sequence[str] | None, pseudo_share: float | None
) -> Comparison:
    """Compare two by which images they have right."""
    nets = first.correct.astype(np.int64) - second.correct
    repeats, images = nets.shape
    only_first, only_second = float((nets > 0).sum() / repeats), float((nets < 0).sum() / repeats)
    differ = only_first + only_second
    pseudo = 1.0 if pseudo_share is None else min(1.0, pseudo_share * differ)
    low, high = difference_interval(only_first, only_second, images, pseudo)
    resolvable = smallest_resolvable(differ / images, images)
    test, units = "exact McNemar", nets
    if groups is not None:
        place = numbered(groups)
        units = np.array([np.bincount(place, weights=row) for row in nets]).astype(np.int64)
        test = f"exact sign flips of {units.shape[1]} groups"
        differences = nets.mean(axis=0)
        drawn = np.array([(differences * counts).sum() / counts.sum() for counts in resamples(ids, groups)])
        lower, upper = percentiles(drawn)
        low, high = min(low, lower), max(high, upper)
        resolvable = max(resolvable, _resolvable_at(drawn))
    if (units != units[0]).any():
        test += f", mean of {repeats} repeats"
    return Comparison(
        first_score=first.accuracy,
        first_interval=first.interval(groups),
        second_score=second.accuracy,
        second_interval=second.interval(groups),
        difference=float(nets.mean()),
        interval=(low, high),
        test=test,
        p=float(np.mean([_exact_p(row) for row in units])),
        resolvable=resolvable,
        only_first=only_first,
        only_second=only_second,
    )


def _exact_p(nets: Int[np.ndarray, " units"]) -> float:
    """Return the exact p-value of one repeat: McNemar's where every unit counts one, else sign flips."""
    if np.abs(nets).max(initial=0) <= 1:
        return mcnemar(int((nets > 0).sum()), int((nets < 0).sum()))
    return sign_flip(nets)


def _compare_scores(
    first: Judged, second: Judged, metric: str, ids: Sequence[str], groups: Sequence[str] | None
) -> Comparison:
    """Compare two by a metric of all their predictions."""
    scores = first.score(metric), second.score(metric)
    drawn = np.array([(first.score(metric, each), second.score(metric, each)) for each in resamples(ids, groups)])
    differences = drawn[:, 0] - drawn[:, 1]
    return Comparison(
        first_score=scores[0],
        first_interval=percentiles(drawn[:, 0]),
        second_score=scores[1],
        second_interval=percentiles(drawn[:, 1]),
        difference=scores[0] - scores[1],
        interval=percentiles(differences),
        test="random swaps" if groups is None else f"random swaps of {len(set(groups))} groups",
        p=_swap_p(first, second, metric, ids, groups),
        resolvable=_resolvable_at(differences),
    )


def _swap_p(first: Judged, second: Judged, metric: str, ids: Sequence[str], groups: Sequence[str] | None) -> float:
    """Return how often a difference at least as large comes about when sides are swapped at random."""
    observed = abs(first.score(metric) - second.score(metric))
    extreme = []
    for swapped in swaps(ids, groups):
        one, other = _mixed(second, first, swapped), _mixed(first, second, swapped)
        extreme.append(abs(one.score(metric) - other.score(metric)) >= observed - SAME)
    return (1 + sum(extreme)) / (1 + len(extreme))


def _mixed(here: Judged, elsewhere: Judged, where: Bool[np.ndarray, " images"]) -> Judged:
    """Return the predictions of `here` where the mask says so, of `elsewhere` where not."""
    log_prob = None
    if here.log_prob is not None and elsewhere.log_prob is not None:
        log_prob = np.where(where, here.log_prob, elsewhere.log_prob)
    return Judged(np.where(where, here.predicted, elsewhere.predicted), log_prob, here.labels)


def _resolvable_at(differences: Float[np.ndarray, " resamples"]) -> float:
    """Return the difference found in 80 % of val sets, given how it varies over resamples."""
    return float((SURE + FOUND) * differences.std())
