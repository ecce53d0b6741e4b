"""What was said of labelled images, and how good that was in any metric.

The same for numbers evaluated on the rows that found them (one repeat, optimistic) and for
cross-fitted ones (several repeats, honest). Never tunes anything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.combining import METHODS, predict, probabilities
from ensemble_kit.ensembling.evaluation.calibration import ece_of, squared_errors
from ensemble_kit.ensembling.statistics import accuracy_interval, hidden_variance, share_interval, spread
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.metrics import METRICS, log_prob
from ensemble_kit.tables import pick
from ensemble_kit.types import Labels, Pool, Tuned


class Calibration(NamedTuple):
    """Expected calibration error of the top class (in [0, 1]), Brier score (0 to 2), log loss (nats)."""

    ece: float
    brier: float
    log_loss: float


@dataclass(frozen=True, eq=False)
class Scored:
    """The predictions of one procedure, in the pool's row order, beside the truth.

    predicted: the winning class, for every repeat.
    log_prob: log probability of the label (nats, floored at -36); None for votes.
    confidence: probability of the winning class; None for votes, or where nobody asked.
    squared: squared distance of the probabilities to the label's one-hot; likewise.
    """

    predicted: Int[np.ndarray, "repeats images"]
    log_prob: Float[np.ndarray, "repeats images"] | None
    labels: Labels
    confidence: Float[np.ndarray, "repeats images"] | None = None
    squared: Float[np.ndarray, "repeats images"] | None = None

    @property
    def correct(self) -> Bool[np.ndarray, "repeats images"]:
        """Right or wrong, for every repeat."""
        right: Bool[np.ndarray, "repeats images"] = self.predicted == self.labels
        return right

    @property
    def accuracy(self) -> float:
        """Mean accuracy over images and repeats."""
        return self.score("accuracy")

    def interval(self, groups: Sequence[str] | None = None) -> tuple[float, float]:
        """Return the 95% interval of the accuracy; see `statistics.accuracy_interval`."""
        return accuracy_interval(self.correct.mean(axis=0), groups)

    def calibration(self) -> Calibration | None:
        """Return how far the probabilities can be believed, averaged over repeats; None for votes."""
        if self.confidence is None or self.squared is None:
            return None
        gaps = [ece_of(*pair) for pair in zip(self.confidence, self.correct, strict=True)]
        return Calibration(float(np.mean(gaps)), float(self.squared.mean()), self.score("log-loss"))

    def score(self, metric: str) -> float:
        """Return the metric of each repeat's predictions, averaged over the repeats.

        Raises:
            UnknownNameError: no metric has that name.
            InvalidOptionError: the metric reads probabilities, and votes are none.
        """
        rule = pick(METRICS, metric, "metric")
        return float(np.mean([rule.score(row, self.labels) for row in self._read(metric)]))

    def influences(self, metric: str) -> Float[np.ndarray, "repeats images"]:
        """Return by how much each image moves the score of each repeat.

        Raises:
            UnknownNameError, InvalidOptionError: as `score`.
        """
        rule = pick(METRICS, metric, "metric")
        return np.array([rule.influences(row, self.labels) for row in self._read(metric)])

    def score_interval(self, metric: str, groups: Sequence[str] | None = None) -> tuple[float, float]:
        """Return the 95% interval of the score.

        Accuracy: as `interval`. Shares of other kinds: Wilson's of as many images as would vary as much. Log loss:
        Student's t of its logarithm, for a few images may lose much. See `statistics.spread`.

        Raises:
            UnknownNameError, InvalidOptionError: as `score`.
        """
        if metric == "accuracy":
            return self.interval(groups)
        score, found = self.score(metric), spread(self.influences(metric), groups)
        if METRICS[metric].reads == "predicted":
            hidden = hidden_variance(self.correct.mean(axis=0), self.labels)
            return share_interval(score, found, len(self.labels), hidden)
        if not math.isfinite(found.standard_error):
            return 0.0, METRICS[metric].highest
        with np.errstate(over="ignore"):
            times = float(np.exp(found.half_width / score)) if score > 0 else 1.0
        return score / times, min(METRICS[metric].highest, score * times)

    def _read(self, metric: str) -> np.ndarray:
        """Return what the metric reads, a row a repeat."""
        read: np.ndarray | None = getattr(self, pick(METRICS, metric, "metric").reads)
        if read is None:
            raise InvalidOptionError(f"{metric} needs probabilities; votes are none.")
        return read


def evaluate(pool: Pool, tuned: Tuned) -> Scored:
    """Return what a blend says of a labelled pool, as one repeat.

    Raises:
        BadDataError: the pool has no labels.
        MisalignedError: the numbers do not fit the pool's members or views.
    """
    if pool.labels is None:
        raise BadDataError(
            f"Wanted labelled images to evaluate on, got {len(pool.ids)} without labels; evaluate on val."
        )
    predicted = predict(pool, tuned)
    if METHODS[tuned.method].load().unit == "votes":
        return Scored(predicted[None], None, pool.labels)
    chances = probabilities(pool, tuned)
    rows = np.arange(len(pool.labels))
    return Scored(
        predicted[None],
        log_prob(chances, pool.labels)[None],
        pool.labels,
        confidence=chances[rows, predicted][None],
        squared=squared_errors(chances, pool.labels)[None],
    )
