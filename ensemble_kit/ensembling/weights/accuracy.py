"""Weights with the most right images, found exactly along one member's weight at a time.

With the other weights held, each image is right for one interval of the weight that moves:
every pair of label and rival bounds it on one side. So a sweep over the sorted ends of all
intervals finds the largest count there is along that line, no grid needed. Accuracy is
coarse: many weights tie, and the middle of the widest best interval is taken. On few
images such weights promise more than they keep; the honest estimate says how much.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.combining import cast_prob
from ensemble_kit.ensembling.weights.evidence import PLAIN, Evidence, Weighing, equal, weigh
from ensemble_kit.ensembling.weights.greedy import greedy
from ensemble_kit.ensembling.weights.logloss import log_loss
from ensemble_kit.ensembling.weights.margins import Margins, margins_of, right
from ensemble_kit.types import Weights

PASSES: Final = 20

Bounds = Float[np.ndarray, " decided"]


def accuracy(evidence: Evidence) -> Weighing:
    """Find weights by the count of right images: coordinate search from three starts.

    Starts from the weights of log loss, of greedy selection and from equal ones; the best
    end wins (ties: in that order). Ties of scores are counted as argmax and votes have them.

    Source: own; the line search after Och, "Minimum error rate training", ACL 2003.
    """
    cast = evidence.voting.cast(evidence.logits)
    margins = margins_of(cast, evidence.labels, cast_prob(evidence.logits) if evidence.voting.unit == "votes" else None)
    plain = replace(evidence, search=PLAIN)  # greedy goes by accuracy here, whatever the metric
    starts = [way(plain).weights for way in (log_loss, greedy, equal)]
    ends = [climb(margins, start) for start in starts]
    best = int(np.argmax([int(right(margins, end)) for end in ends]))
    return weigh(evidence, ends[best])


def climb(margins: Margins, start: Weights) -> Weights:
    """Return weights, summing to 1, that no change of a single one improves.

    Members take turns, each moved to the middle of its widest best interval, until a round
    of turns has not raised the count of right images (20 rounds at most).
    """
    weights: Weights = start / start.sum()
    count = int(right(margins, weights))
    for _ in range(PASSES):
        before = count
        for member in range(len(weights)):
            moved = along(margins, weights, member)
            reached = int(right(margins, moved))
            if reached >= count:
                weights, count = moved, reached
        if count == before:
            break
    return weights


def along(margins: Margins, weights: Weights, member: int) -> Weights:
    """Return the weights with one member's at the middle of its widest best interval.

    Middle and width are measured in the member's share of all weight, which ends at 1. The
    weights come back summing to 1; a member that has all the weight stays as it is.

    Example:
        >>> cast = np.array([[[2.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]]])
        >>> along(margins_of(cast, np.array([0, 1])), np.array([0.2, 0.8]), 0)  # right both from 1/3 to 2/3
        array([0.5, 0.5])
    """
    others = weights.copy()
    others[member] = 0.0
    if not others.any():
        return weights
    others /= others.sum()
    begin, end = _intervals(margins, others @ margins.lead, margins.lead[member])
    share = _widest_best(begin, end)
    moved = others * (1.0 - share)
    moved[member] = share
    return moved


def _intervals(
    margins: Margins, fixed: Float[np.ndarray, " pairs"], slope: Float[np.ndarray, " pairs"]
) -> tuple[Bounds, Bounds]:
    """Return the half-open interval [begin, end) of w where fixed + w * slope wins each image.

    Where a tie is not enough, the next number above is where the interval begins, or the tie
    itself where it ends. Ties that confidence would break count as lost.
    """
    tie_wins = (margins.floor == 0) if margins.tie_lead is None else np.zeros(len(fixed), dtype=np.bool_)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        crossing = -fixed / slope
    after = np.nextafter(crossing, np.inf)
    begin = np.where(slope > 0, np.where(tie_wins, crossing, after), 0.0)
    end = np.where(slope < 0, np.where(tie_wins, after, crossing), np.inf)
    level_lost = (slope == 0) & ~((fixed > 0) | (tie_wins & (fixed == 0)))
    end[level_lost] = 0.0
    at = margins.widths[0] if margins.widths else 0
    lowest, highest = np.maximum(begin[:at], 0.0), np.maximum(end[:at], 0.0)
    for width in margins.widths[1:]:
        layer = slice(at, at + width)
        np.maximum(lowest[:width], begin[layer], out=lowest[:width])
        np.minimum(highest[:width], np.maximum(end[layer], 0.0), out=highest[:width])
        at += width
    return lowest, np.maximum(lowest, highest)


def _widest_best(begin: Bounds, end: Bounds) -> float:
    """Return the share w / (1 + w) in the middle of the widest interval that most images share."""
    ends, place = np.unique(np.concatenate([[0.0, np.inf], begin, end]), return_inverse=True)
    change = np.zeros(len(ends))
    np.add.at(change, place[2 : 2 + len(begin)], 1.0)
    np.add.at(change, place[2 + len(begin) :], -1.0)
    count = np.cumsum(change)[:-1]
    best = np.concatenate([[False], count == count.max(), [False]])
    edges = np.flatnonzero(best[1:] != best[:-1])  # where runs of best intervals begin and end
    share = np.append(ends[:-1] / (1.0 + ends[:-1]), 1.0)
    low, high = share[edges[::2]], share[edges[1::2]]
    widest = int(np.argmax(high - low))
    return float((low[widest] + high[widest]) / 2.0)
