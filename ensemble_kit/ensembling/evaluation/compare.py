"""Which of two is better, on the same images: the difference, its interval, its p-value.

Pairing is all: only images on which the two differ say anything, and groups count whole.
Give it cross-fitted predictions; those on tuned rows make noise look significant. Never
tunes anything, never knows what the two are.

Every repeat is one paired comparison; differences and p-values are averaged over them, so
that several repeats are worth no more images than one. (To call an image right where most
repeats have it right would punish a side that wavers below one half and reward it above.)
An interval is never a point: two that decide alike everywhere may differ on what n images
cannot exclude. The smallest difference that could be resolved is the one found at 5 % in
80 % of val sets.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.evaluation.scored import Scored
from ensemble_kit.ensembling.statistics import (
    FEWEST_UNITS,
    FOLDS,
    Spread,
    difference_interval,
    mcnemar,
    numbered,
    sign_flip,
    smallest_resolvable,
    spread,
    upper_bound,
)
from ensemble_kit.errors import MisalignedError
from ensemble_kit.metrics import METRICS
from ensemble_kit.verdicts import CLOSE

_ROUNDING: Final = 1e-12  # of sums of losses that are the same everywhere


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
    groups: Sequence[str] | None = None,
    pseudo_share: float | None = None,
) -> Comparison:
    """Return how two procedures compare on the same images.

    Accuracy: the exact McNemar test, or sign flips of whole groups, of each repeat, p-values
    averaged (sound to a factor of 2 whatever the repeats share, and in simulations without
    it); the interval of `difference_interval`, to which every repeat adds what it differs by. Any other metric: the
    paired t test. The intervals of those, and of groups, are Student's t, see `statistics.spread`.

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
    differ = float((first.correct != second.correct).sum(axis=1).mean())
    pseudo = 1.0 if pseudo_share is None else min(1.0, pseudo_share * differ)
    found = _spread_of(first, second, metric, groups, pseudo)
    difference, most = first.score(metric) - second.score(metric), METRICS[metric].highest
    excluded = _excluded(first, metric, found)
    half = max(found.half_width, excluded)
    interval = max(-most, difference - half), min(most, difference + half)
    test = "paired t test" if groups is None else f"paired t test of {len(set(groups))} groups"
    comparison = Comparison(
        first_score=first.score(metric),
        first_interval=first.score_interval(metric, groups),
        second_score=second.score(metric),
        second_interval=second.score_interval(metric, groups),
        difference=difference,
        interval=interval,
        test=test,
        p=found.p_value(difference),
        resolvable=min(most, max(found.smallest(), excluded)),
    )
    return comparison if metric != "accuracy" else _exact(comparison, first, second, groups, pseudo)


def _exact(found: Comparison, first: Scored, second: Scored, groups: Sequence[str] | None, pseudo: float) -> Comparison:
    """Return a comparison of accuracies with the exact test, of which images each has right."""
    nets = first.correct.astype(np.int64) - second.correct
    repeats, images = nets.shape
    only_first, only_second = float((nets > 0).sum() / repeats), float((nets < 0).sum() / repeats)
    low, high = difference_interval(only_first, only_second, images, pseudo)
    resolvable = smallest_resolvable((only_first + only_second) / images, images)
    test, units = "exact McNemar", nets
    if groups is not None:
        place = numbered(groups)
        units = np.array([np.bincount(place, weights=row) for row in nets]).astype(np.int64)
        test = f"exact sign flips of {units.shape[1]} groups"
        resolvable = max(resolvable, found.resolvable)
    if units.shape[1] < FEWEST_UNITS:
        resolvable = METRICS["accuracy"].highest
    if (units != units[0]).any():
        test += f", mean of {repeats} repeats"
    return found._replace(
        interval=(min(low, found.interval[0]), max(high, found.interval[1])),
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


def _spread_of(first: Scored, second: Scored, metric: str, groups: Sequence[str] | None, pseudo: float) -> Spread:
    """Return how much a difference varies; not at all for accuracy without groups, of which all that is said is exact.

    Other shares than accuracy vary by pseudo-images as well.

    Where each fold is one group, repeats cannot show how weights vary. Where the best weights are the baseline's, a
    difference is a sum over pairs of images, and varies twice as much as its terms say; so it is taken to be then.
    """
    if metric == "accuracy" and groups is None:
        return Spread(0.0, math.inf)
    found = spread(first.influences(metric) - second.influences(metric), groups)
    if groups is not None and len(first.predicted) > 1 and len(set(groups)) <= FOLDS:
        found = found._replace(standard_error=math.sqrt(2) * found.standard_error)
    if metric == "accuracy" or METRICS[metric].reads != "predicted":
        return found
    hidden = math.sqrt(2 * pseudo) * _one_image(first, metric)
    return found._replace(standard_error=math.hypot(found.standard_error, hidden))


def _excluded(scored: Scored, metric: str, found: Spread) -> float:
    """Return how large a difference images on which two are alike cannot exclude: about 3 of n may differ.

    Losses are hardly ever alike; of those that are the same everywhere, 3 of n may differ as `_one_image` says.
    """
    if METRICS[metric].reads != "predicted" and found.standard_error > _ROUNDING:
        return 0.0
    images = len(scored.labels)
    return upper_bound(0, images) * images * _one_image(scored, metric)


def _one_image(scored: Scored, metric: str) -> float:
    """Return by how much an image that is right instead of wrong moves the score: of all images, root mean square.

    Of a loss: by its standard deviation; where it hardly varies, as where all are right and equally certain, by what
    a mistake would cost: -log of p(label), or of 1 - p(label) where that is more.
    """
    images, there = len(scored.labels), np.bincount(scored.labels)
    if metric == "accuracy":
        return 1 / images
    if scored.log_prob is not None and METRICS[metric].reads == "log_prob":
        varies, likely = float(scored.log_prob.std()), np.exp(scored.log_prob)
        mistakes = np.log(np.maximum(np.minimum(likely, 1 - likely), np.finfo(np.float64).eps))
        return (varies if varies > CLOSE else math.sqrt((mistakes**2).mean())) / images
    return math.sqrt((1 / there[there > 0]).sum() / images) / np.count_nonzero(there)
