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
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.evaluation.scored import Scored
from ensemble_kit.ensembling.statistics import (
    FOUND,
    SURE,
    difference_interval,
    mcnemar,
    numbered,
    percentiles,
    resamples,
    sign_flip,
    smallest_resolvable,
    swaps,
)
from ensemble_kit.errors import MisalignedError

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


def compare_scored(
    first: Scored,
    second: Scored,
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
        MisalignedError: the two were evaluated on other labels, or in other repeats.
        InvalidOptionError: a metric that reads probabilities, of votes.
        UnknownNameError: no metric has that name.

    Source: Vovk and Wang, "Combining p-values via averaging", Biometrika 107(4), 2020.
    """
    if not np.array_equal(first.labels, second.labels) or first.predicted.shape != second.predicted.shape:
        raise MisalignedError(
            "Wanted two evaluated on the same images in the same order and repeats, got "
            f"{first.predicted.shape} and {second.predicted.shape} (repeats, images), or other labels."
        )
    if metric == "accuracy":
        return _compare_correct(first, second, ids, groups, pseudo_share)
    return _compare_scores(first, second, metric, ids, groups)


def _compare_correct(
    first: Scored, second: Scored, ids: Sequence[str], groups: Sequence[str] | None, pseudo_share: float | None
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
    first: Scored, second: Scored, metric: str, ids: Sequence[str], groups: Sequence[str] | None
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


def _swap_p(first: Scored, second: Scored, metric: str, ids: Sequence[str], groups: Sequence[str] | None) -> float:
    """Return how often a difference at least as large comes about when sides are swapped at random."""
    observed = abs(first.score(metric) - second.score(metric))
    extreme = []
    for swapped in swaps(ids, groups):
        one, other = _mixed(second, first, swapped), _mixed(first, second, swapped)
        extreme.append(abs(one.score(metric) - other.score(metric)) >= observed - SAME)
    return (1 + sum(extreme)) / (1 + len(extreme))


def _mixed(here: Scored, elsewhere: Scored, where: Bool[np.ndarray, " images"]) -> Scored:
    """Return the predictions of `here` where the mask says so, of `elsewhere` where not."""
    log_prob = None
    if here.log_prob is not None and elsewhere.log_prob is not None:
        log_prob = np.where(where, here.log_prob, elsewhere.log_prob)
    return Scored(np.where(where, here.predicted, elsewhere.predicted), log_prob, here.labels)


def _resolvable_at(differences: Float[np.ndarray, " resamples"]) -> float:
    """Return the difference found in 80 % of val sets, given how it varies over resamples."""
    return float((SURE + FOUND) * differences.std())
