"""How good a blend would be with each member added once more, the quick way for every metric.

    MarginGains       accuracy, over the few pairs that one more member can turn
    PredictedGains  what reads predicted classes, over the few images that one can turn
    MixtureGains    log loss of a mean of probabilities, which needs the labels' alone
    SoftmaxGains    log loss of a mean of logits

All are exact: they leave out only what no member can change. Sums run in float64. Never
chooses a member. To add a metric: a line in `METRICS` is enough, where it reads the
predicted classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import TIE_WIDTH, decide
from ensemble_kit.ensembling.weights.margins import AtLabel, Margins, Places, ahead, at_label, margins_of, won
from ensemble_kit.metrics import METRICS, Metric, check_some
from ensemble_kit.tables import pick
from ensemble_kit.types import Labels, MemberLogits

Losses = Float[np.ndarray, " members"]
Team = Int[np.ndarray, " team"]
Unit = Literal["logits", "probabilities", "votes"]

_LEAST: Final = float(np.finfo(np.float64).eps)  # what `metrics.log_prob` raises probabilities to
_FACTORS: Final = 16  # probabilities that share one logarithm: 16 of the least are still above 1e-300
_AT_ONCE: Final = 64_000  # numbers in flight: as many as the cache likes
_STEEPEST: Final = 700.0  # exp of more overflows; a label so far behind has the least probability anyway


class GreedyGains(ABC):
    """Members that stand to be added to a blend, which is empty at first."""

    def __init__(self, *parts: Float[np.ndarray, "members ..."]) -> None:
        """Start empty, from what each member adds to every sum that the blend keeps."""
        self._parts = parts
        self.clear()

    def clear(self) -> None:
        """Start again from an empty blend."""
        self._size = 0
        self._sums = [np.zeros(part.shape[1:]) for part in self._parts]

    def add(self, member: int) -> None:
        """Add a member; it may come again."""
        self._size += 1
        for total, part in zip(self._sums, self._parts, strict=True):
            total += part[member]

    @abstractmethod
    def losses(self) -> Losses:
        """Return how far from perfect the blend is with each member added; 0 is perfect."""

    @abstractmethod
    def among(self, team: Team) -> "GreedyGains":
        """Return some of the members, in that order, before an empty blend."""


def greedy_gains(
    cast: MemberLogits, labels: Labels, metric: str, unit: Unit, confidence: MemberLogits | None = None
) -> GreedyGains:
    """Return the members before an empty blend, evaluated by a metric.

    Args:
        cast: what the members cast.
        metric: a name in `METRICS`.
        unit: what the votes are, as `Voting` has it.
        confidence: calibrated probabilities where they break ties of the votes; else None.

    Raises:
        UnknownNameError: no metric has that name.
        BadDataError: there is no image.

    Example:
        >>> cast = np.array([[[0.7, 0.3], [0.6, 0.4]], [[0.4, 0.6], [0.2, 0.8]], [[0.6, 0.4], [0.3, 0.7]]])
        >>> gains = greedy_gains(cast, np.array([0, 1]), "accuracy", "probabilities")
        >>> gains.losses()
        array([0.5, 0.5, 0. ])
        >>> gains.add(1)
        >>> gains.losses()
        array([0. , 0.5, 0. ])
    """
    check_some(labels)
    rule = pick(METRICS, metric, "metric")
    if metric == "accuracy":
        return MarginGains(margins_of(cast, labels, confidence))
    if rule.reads == "predicted":
        return PredictedGains(cast, confidence, labels, rule)
    if unit == "logits":
        return SoftmaxGains(cast - at_label(cast, labels).astype(np.float64)[..., None])
    return MixtureGains(at_label(cast, labels))


class MarginGains(GreedyGains):
    """By accuracy: the share of images that another class than the label wins."""

    def __init__(self, margins: Margins) -> None:
        """Start empty, from the pairs that decide which images are right."""
        super().__init__(*(part for part in (margins.lead, margins.tie_lead) if part is not None))
        self._pairs = margins
        self._image = np.concatenate([np.arange(width) for width in margins.widths] or [np.empty(0, dtype=np.int64)])
        self._least = [part.min(axis=0) for part in self._parts]
        self._most = [part.max(axis=0) for part in self._parts]

    def losses(self) -> Losses:
        """Return the share of wrong images with each member added."""
        if self._size:
            sure, at, begin = self._turnable()
            wins = self._ahead([part.take(at, axis=1) for part in self._parts], at)
            right = sure + np.logical_and.reduceat(wins, begin, axis=1).sum(axis=1)
        else:
            right = self._pairs.always_right + won(self._pairs, *self._parts).sum(axis=1)
        return np.asarray(1.0 - right / self._pairs.images)

    def among(self, team: Team) -> "MarginGains":
        """Return some of the members; pairs that only the others left open do no harm."""
        lead, *ties = (part[team] for part in self._parts)
        return MarginGains(self._pairs._replace(lead=lead, tie_lead=ties[0] if ties else None))

    def _turnable(self) -> tuple[int, Places, Int[np.ndarray, " images"]]:
        """Return how many images are right whoever comes, the pairs that one can turn, and where their images begin."""
        possible, certain = self._ahead(self._most), self._ahead(self._least)
        lost = np.zeros(len(self._pairs.image), dtype=np.bool_)
        lost[self._image[~possible]] = True
        at = np.flatnonzero(possible & ~certain)
        at = at[~lost[self._image[at]]]
        at = at[self._image[at].argsort(kind="stable")]
        first = np.ones(len(at), dtype=np.bool_)
        first[1:] = self._image[at[1:]] != self._image[at[:-1]]
        begin = np.flatnonzero(first)
        return self._pairs.always_right + len(lost) - int(lost.sum()) - len(begin), at, begin

    def _ahead(self, added: Sequence[np.ndarray], at: Places | slice = slice(None)) -> np.ndarray:
        """Return in which pairs the label wins where this is added to the sums."""
        lead, *ties = (total[at] + more for total, more in zip(self._sums, added, strict=True))
        return ahead(self._pairs.floor[at], lead, ties[0] if ties else None, TIE_WIDTH * (self._size + 1))


class PredictedGains(GreedyGains):
    """By any metric that reads the predicted classes."""

    def __init__(self, cast: MemberLogits, confidence: MemberLogits | None, labels: Labels, rule: Metric) -> None:
        """Start empty, from what the members cast, and the confidence that breaks their ties."""
        super().__init__(*(part for part in (cast, confidence) if part is not None))
        self._labels, self._rule = labels, rule
        spreads = [vote.max(axis=1).astype(np.float64) - vote.min(axis=1) for vote in cast]
        self._reach = np.max(spreads, axis=0)

    def losses(self) -> Losses:
        """Return 1 less the metric, or a metric of which less is better, with each member added."""
        predicted = self._sums[0].argmax(axis=1)
        open_rows = self._within_reach(predicted)
        found = np.empty(len(self._parts[0]))
        for member in range(len(found)):
            sums = (s[open_rows] + part[member, open_rows] for s, part in zip(self._sums, self._parts, strict=True))
            predicted[open_rows] = decide(*(total / (self._size + 1) for total in sums))
            score = self._rule.score(predicted, self._labels)
            found[member] = 1.0 - score if self._rule.larger_is_better else score
        return found

    def among(self, team: Team) -> "PredictedGains":
        """Return some of the members."""
        cast, *ties = (part[team] for part in self._parts)
        return PredictedGains(cast, ties[0] if ties else None, self._labels, self._rule)

    def _within_reach(self, best: Int[np.ndarray, " images"]) -> Int[np.ndarray, " open"]:
        """Return the images whose best class one member can overtake or meet."""
        rows = np.arange(len(best))
        if not self._size:
            return rows
        scores = self._sums[0].copy()
        top = scores[rows, best]
        scores[rows, best] = -np.inf
        rounding = TIE_WIDTH * max(self._size, float(np.abs(top).max()))
        return np.flatnonzero(top - scores.max(axis=1) <= self._reach + rounding)


class MixtureGains(GreedyGains):
    """By the log loss of a mean of probabilities."""

    def __init__(self, at_label: AtLabel) -> None:
        """Start empty, from the probability that each member gives to each label."""
        self._images = at_label.shape[1]
        filler = -self._images % _FACTORS  # images on which everyone is right and sure, to fill the last product
        super().__init__(np.pad(at_label.astype(np.float64), ((0, 0), (0, filler)), constant_values=1.0))
        self._floored = bool((at_label < _LEAST).any())

    def losses(self) -> Losses:
        """Return the log loss in nats with each member added."""
        (total,), (added,) = self._sums, self._parts
        members, images = added.shape
        logs = np.zeros(members)
        step = _FACTORS * max(1, _AT_ONCE // (_FACTORS * members))
        for begin in range(0, images, step):
            sums = total[begin : begin + step] + added[:, begin : begin + step]
            if self._floored:
                np.maximum(sums, _LEAST * (self._size + 1), out=sums)
            products = np.multiply.reduce(sums.reshape(members, _FACTORS, -1), axis=1)
            logs += np.log(products, out=products).sum(axis=1)
        return np.asarray((images * np.log(self._size + 1) - logs) / self._images)

    def among(self, team: Team) -> "MixtureGains":
        """Return some of the members."""
        return MixtureGains(self._parts[0][team, : self._images])


class SoftmaxGains(GreedyGains):
    """By the log loss of the softmax of a mean of logits."""

    def __init__(self, behind: MemberLogits) -> None:
        """Start empty, from how far each member has the label behind every class (nats)."""
        super().__init__(behind)

    def losses(self) -> Losses:
        """Return the log loss in nats with each member added."""
        (total,), (added,) = self._sums, self._parts
        members, images, classes = added.shape
        logs = np.zeros(members)
        step = max(1, _AT_ONCE // (members * classes))
        for begin in range(0, images, step):
            odds = total[begin : begin + step] + added[:, begin : begin + step]
            odds /= self._size + 1
            np.exp(np.minimum(odds, _STEEPEST, out=odds), out=odds)
            total_odds = odds @ np.ones(classes)  # several times as quick as `sum` where classes are few
            logs += np.log(np.minimum(total_odds, 1.0 / _LEAST)).sum(axis=1)
        return np.asarray(logs / images)

    def among(self, team: Team) -> "SoftmaxGains":
        """Return some of the members."""
        return SoftmaxGains(self._parts[0][team])
