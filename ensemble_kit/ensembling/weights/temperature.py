"""One number that makes scores honest probabilities: the temperature.

The one-member case of the log-loss fit, v = 1 / T: the mean log loss of v * scores is
convex in v, so its derivative is followed to zero by Newton steps inside a shrinking
bracket, for many problems at once. T stays in [0.05, 20]; where the scores say nothing
(every class the same) or there is no image, T is 1. The argmax never changes.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

import numpy as np
from jaxtyping import Float

from ensemble_kit.types import Labels, MemberLogits, Scores, Weights

COOLEST, HOTTEST = 0.05, 20.0  # bounds of T
_ROUNDS, _PRECISION = 100, 1e-12
_AT_ONCE = 2_000_000  # numbers in flight: problems * images * classes
_IN_CACHE = 256_000  # numbers that are worked on before they leave the processor's cache

Excess = Float[np.ndarray, "sets classes images"]


def fit_temperatures(logits: MemberLogits, labels: Labels) -> Weights:
    """Return the temperature of each member.

    Example:
        >>> sure_of_80 = np.log(np.array([[[0.8, 0.2], [0.8, 0.2], [0.8, 0.2]]]))
        >>> fit_temperatures(sure_of_80, np.array([0, 0, 1])).round(6)  # right 2 times of 3
        array([2.])
    """
    return 1.0 / fit_scales(logits, labels)


def fit_scales(scores: MemberLogits, labels: Labels) -> Weights:
    """Return, for each of several sets of scores, the v of least mean log loss of v * scores.

    As `fit_scale`, with other scores in every problem and every image counting once.
    """
    at_once = max(1, _AT_ONCE // max(1, scores[0].size))
    parts = [scores[begin : begin + at_once] for begin in range(0, len(scores), at_once)]
    return np.concatenate([_least(_excess(part, labels), np.ones((len(part), len(labels)))) for part in parts])


def fit_scale(
    scores: Scores, labels: Labels, row_weights: Float[np.ndarray, "problems images"]
) -> Float[np.ndarray, " problems"]:
    """Return, for each problem, the v in [1/20, 1/0.05] of least mean log loss of v * scores.

    Args:
        scores: logits or any other log-linear scores, shared by the problems.
        row_weights: how much each image counts in each problem, >= 0.
    """
    return _least(_excess(scores[None], labels), row_weights)


def _excess(scores: MemberLogits, labels: Labels) -> Excess:
    """Return by how much each score exceeds that of the label, images last: sums over a short last axis are slow."""
    turned = scores.transpose(0, 2, 1).astype(np.float64)
    excess: Excess = turned - turned[:, labels, np.arange(len(labels))][:, None, :]
    return excess


def _least(excess: Excess, row_weights: Float[np.ndarray, "problems images"]) -> Float[np.ndarray, " problems"]:
    """Return the v of each problem; one set of scores for all of them, or a set each."""
    low, high = np.full(len(row_weights), 1 / HOTTEST), np.full(len(row_weights), 1 / COOLEST)
    informed = ((row_weights > 0) & (excess != 0).any(axis=1)).any(axis=1)
    top = excess.max(axis=1)
    rising, falling = _slopes(low, excess, top, row_weights)[0] >= 0, _slopes(high, excess, top, row_weights)[0] <= 0
    v = np.where(~informed, 1.0, np.where(rising, low, np.where(falling, high, 1.0)))
    running = np.flatnonzero(informed & ~rising & ~falling)
    for _ in range(_ROUNDS):
        if not len(running):
            break
        now = v[running]
        own = slice(None) if len(excess) == 1 else running
        slope, bend = _slopes(now, excess[own], top[own], row_weights[running])
        low[running] = np.where(slope < 0, now, low[running])
        high[running] = np.where(slope < 0, high[running], now)
        newton = now - slope / np.maximum(bend, np.finfo(np.float64).tiny)
        inside = (newton >= low[running]) & (newton <= high[running])
        v[running] = np.where(inside, newton, np.sqrt(low[running] * high[running]))
        running = running[np.abs(v[running] - now) > _PRECISION * now]
    return v


def _slopes(
    v: Float[np.ndarray, " problems"],
    excess: Excess,
    top: Float[np.ndarray, "sets images"],
    row_weights: Float[np.ndarray, "problems images"],
) -> tuple[Float[np.ndarray, " problems"], Float[np.ndarray, " problems"]]:
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
