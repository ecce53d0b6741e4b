"""One number that makes scores honest probabilities: the temperature.

The one-member case of the log-loss fit, v = 1 / T: the mean log loss of v * scores is
convex in v, so its derivative is followed to zero by Newton steps inside a shrinking
bracket, for many problems at once. Where the scores say nothing (every class the same) or
there is no image, T is 1. The argmax never changes.

Multiplying the scores multiplies T, at its bounds too: at the least T the best two classes of
a typical image are 20 nats apart, at the largest its best and its worst 0.4. Where every
image is right, a prior keeps T from certainty: see `pseudo_share`.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; the prior and the bounds: own.
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.types import Labels, MemberLogits, Scores, Weights

LARGEST_MARGIN: Final = 20.0  # nats between the best two classes of a typical image, at the least T
SMALLEST_SPAN: Final = 0.4  # nats between its best and its worst, at the largest T
PSEUDO_WRONG: Final = 0.5  # wrong images that every fit counts beside its own
_TIE_DIGITS = 12  # of what sets scores apart, in units of their span
_START = 4.0  # nats between the best two classes, where the search begins
_NEARLY = 1 + 1e-6
_ROUNDS, _PRECISION = 100, 1e-6  # Newton leaves the square of its last step
_AT_ONCE = 2_000_000  # numbers in flight: problems * images * classes
_IN_CACHE = 256_000  # numbers that are worked on before they leave the processor's cache

Excess = Float[np.ndarray, "sets classes images"]
Classes = Int[np.ndarray, "*sets images"]
Sizes = Float[np.ndarray, "sets images"]
RowWeights = Float[np.ndarray, "problems images"]
PerProblem = Float[np.ndarray, " problems"]


def fit_temperatures(logits: MemberLogits, labels: Labels) -> Weights:
    """Return the temperature of each member.

    Example:
        >>> sure_of_80 = np.log(np.full((1, 4, 2), [0.8, 0.2]))
        >>> fit_temperatures(sure_of_80, np.array([0, 0, 0, 1])).round(6)  # right 3 times of 4, then 3 of 4.5
        array([2.])
    """
    return 1.0 / fit_scales(logits, labels)


def no_temperatures(logits: MemberLogits, _: Labels) -> Weights:
    """Return 1 for each member: its logits stay as they are."""
    return np.ones(len(logits))


def fit_scales(scores: MemberLogits, labels: Labels) -> Weights:
    """Return, for each of several sets of scores, the v of least mean log loss of v * scores.

    As `fit_scale`, with other scores in every problem and every image counting once.
    """
    at_once = max(1, _AT_ONCE // max(1, scores[0].size))
    parts = [scores[begin : begin + at_once] for begin in range(0, len(scores), at_once)]
    return np.concatenate([_least(_excess(part, labels), np.ones((len(part), len(labels)))) for part in parts])


def fit_scale(scores: Scores, labels: Labels, row_weights: RowWeights) -> PerProblem:
    """Return, for each problem, the v of least mean log loss of v * scores.

    Args:
        scores: logits or any other log-linear scores, shared by the problems.
        row_weights: how much each image counts in each problem, >= 0.
    """
    return _least(_excess(scores[None], labels), row_weights)


def at_bound(calibrated: MemberLogits) -> Bool[np.ndarray, " members"]:
    """Return of which members the temperature ended at a bound, so that no finite one would have suited.

    Args:
        calibrated: logits divided by the temperatures that were found.

    Example:
        >>> labels, always_wrong = np.array([0, 1, 0]), np.array([[[0.0, 3.0], [3.0, 0.0], [0.0, 3.0]]])
        >>> at_bound(always_wrong / fit_temperatures(always_wrong, labels)[:, None, None])
        array([ True])
    """
    counts = np.ones((1, calibrated.shape[1]))
    sizes = [_typical_sizes(one.T[None], one.T.max(axis=0)[None], counts) for one in calibrated]
    span, margin = np.concatenate(sizes, axis=1)
    reached: Bool[np.ndarray, " members"] = (span <= SMALLEST_SPAN * _NEARLY) | (margin * _NEARLY >= LARGEST_MARGIN)
    return reached


def best_two(scores: Float[np.ndarray, "*sets classes images"]) -> tuple[Classes, Classes]:
    """Return, for each image, the class of its best score and that of the next score below it (ties: the lowest).

    What a trillionth of the image's span sets apart ties, so the order in which scores were summed cannot matter.
    """
    least, span = scores.min(axis=-2, keepdims=True), np.ptp(scores, axis=-2, keepdims=True)
    place = np.round((scores - least) / np.where(span > 0, span, 1.0), _TIE_DIGITS)
    best = place.argmax(axis=-2)
    place[place == 1] = -1.0
    return best, place.argmax(axis=-2)


def pseudo_share(row_weights: RowWeights) -> PerProblem:
    """Return what part of all images, in each problem, the pseudo-images are.

    The fit counts half an image more than there are, a typical one that is wrong: its label is
    the runner-up. So 300 right of 300 are taken for 300 of 300.5, and no weight and no 1 / T
    grows without end; among mistakes it moves a fit by a fraction of its standard error. Half:
    after Krichevsky and Trofimov, "The performance of universal encoding", IEEE TIT 27(2), 1981.
    """
    share: PerProblem = PSEUDO_WRONG / (PSEUDO_WRONG + row_weights.sum(axis=1))
    return share


def _excess(scores: MemberLogits, labels: Labels) -> Excess:
    """Return by how much each score exceeds that of the label, images last: sums over a short last axis are slow."""
    turned = scores.transpose(0, 2, 1).astype(np.float64)
    excess: Excess = turned - turned[:, labels, np.arange(len(labels))][:, None, :]
    return excess


def _least(excess: Excess, row_weights: RowWeights) -> PerProblem:
    """Return the v of each problem; one set of scores for all of them, or a set each."""
    best, images = excess.max(axis=1), row_weights.sum(axis=1)
    span, margin = _typical_sizes(excess, best, row_weights)
    informed = np.isfinite(span)
    low = np.where(informed, SMALLEST_SPAN / span, 1.0)
    high = np.where(informed, LARGEST_MARGIN / margin, 1.0)
    pull = pseudo_share(row_weights) * ((row_weights * best).sum(axis=1) - images * margin)
    v = np.where(informed, np.maximum(low, high * _START / LARGEST_MARGIN), 1.0)
    tried, running = np.zeros(len(v), dtype=np.bool_), np.flatnonzero(informed)
    for _ in range(_ROUNDS):
        if not len(running):
            break
        now = v[running]
        own = slice(None) if len(excess) == 1 else running
        slope, bend = _slopes(now, excess[own], best[own], row_weights[running])
        slope -= pull[running]
        low[running] = np.where(slope < 0, now, low[running])
        high[running] = np.where(slope < 0, high[running], now)
        newton = now - slope / np.maximum(bend, np.finfo(np.float64).tiny)
        inside = (newton > low[running]) & (newton < high[running])
        below = (newton <= low[running]) & ~tried[running]  # of the least v, which is tried once
        tried[running] |= below
        other = np.where(below, low[running], np.sqrt(low[running] * high[running]))
        v[running] = np.where(inside, newton, other)
        running = running[np.abs(v[running] - now) > _PRECISION * now]
    return v


def _slopes(v: PerProblem, excess: Excess, top: Sizes, row_weights: RowWeights) -> tuple[PerProblem, PerProblem]:
    """Return the first and second derivative, by v, of each problem's summed log loss; top: the largest excess."""
    rate, some = v[:, None, None], max(1, _IN_CACHE // max(1, len(v) * excess.shape[2]))  # classes
    total, first, second = np.zeros((3, len(v), excess.shape[2]))
    for begin in range(0, excess.shape[1], some):
        part = excess[:, begin : begin + some]
        tilted = rate * (part - top[:, None])
        np.exp(tilted, out=tilted)
        total += tilted.sum(axis=1)
        tilted *= part
        first += tilted.sum(axis=1)
        tilted *= part
        second += tilted.sum(axis=1)
    first /= total
    return (row_weights * first).sum(axis=1), (row_weights * (second / total - first**2)).sum(axis=1)


def _typical_sizes(excess: Excess, best: Sizes, row_weights: RowWeights) -> Float[np.ndarray, "2 problems"]:
    """Return how far the worst, and the runner-up, are typically below the best; NaN where scores say nothing."""
    second = np.take_along_axis(excess, best_two(excess)[1][:, None], axis=1)[:, 0]
    return np.array([_typical(best - each, row_weights) for each in (excess.min(axis=1), second)])


def _typical(sizes: Sizes, row_weights: RowWeights) -> PerProblem:
    """Return the median size of each problem's images, leaving out those of size 0; NaN where there are no others."""
    order = sizes.argsort(axis=1)
    ordered, counts = (
        np.take_along_axis(each, np.broadcast_to(order, row_weights.shape), axis=1)
        for each in (np.broadcast_to(sizes, row_weights.shape), row_weights)
    )
    reached = np.where(ordered > 0, counts, 0.0).cumsum(axis=1)
    if not reached.size:
        return np.full(len(row_weights), np.nan)
    middle = (reached >= reached[:, -1:] / 2).argmax(axis=1)
    found: PerProblem = ordered[np.arange(len(ordered)), middle]
    return np.where(reached[:, -1] > 0, found, np.nan)
