"""The metrics by name. Imports nothing heavy."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from ensemble_kit.metrics import influences, scores
else:
    import ensemble_kit.metrics as scores  # lazily; type checkers read the modules

    influences = scores


MOST_LOSS: Final = 52 * math.log(2)
"""The log loss of a probability of 0, which is floored at 2.2e-16, in nats."""


class Metric(NamedTuple):
    """One line of `METRICS`.

    reach: fetches the function of `scores`: from what it reads, and the labels.
    heading: what a column of it is called, at most 8 characters.
    unit: a fraction printed in per cent, or nats.
    larger_is_better: whether a good score is a large one.
    reads: what it reads: the predicted classes, or the log probability of the labels.
    influence: fetches the function of `influences`: by how much each image moves the score.
    """

    reach: Callable[[], Callable[..., float]]
    help: str
    heading: str
    unit: Literal["%", "nats"]
    larger_is_better: bool
    reads: Literal["predicted", "log_prob"]
    influence: Callable[[], Callable[..., Any]]

    def score(self, read: Any, labels: Any) -> float:
        """Return the metric of what was read off the images."""
        return float(self.reach()(read, labels))

    def influences(self, read: Any, labels: Any) -> Any:
        """Return by how much each image moves the metric; they sum to 0."""
        return self.influence()(read, labels)

    @property
    def highest(self) -> float:
        """The largest score that there can be; the smallest is 0."""
        return 1.0 if self.unit == "%" else MOST_LOSS

    def gain(self, score: float) -> float:
        """Return the score with the sign that makes more better."""
        return score if self.larger_is_better else -score


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric(
        lambda: scores.accuracy,
        "share of images that are right",
        "val %",
        "%",
        True,
        "predicted",
        lambda: influences.on_accuracy,
    ),
    "balanced-accuracy": Metric(
        lambda: scores.balanced_accuracy,
        "mean recall of the classes",
        "bal %",
        "%",
        True,
        "predicted",
        lambda: influences.on_balanced_accuracy,
    ),
    "macro-f1": Metric(
        lambda: scores.macro_f1,
        "mean F1 of the classes",
        "F1 %",
        "%",
        True,
        "predicted",
        lambda: influences.on_macro_f1,
    ),
    "log-loss": Metric(
        lambda: scores.mean_loss,
        "mean -log p(label); less is better",
        "log loss",
        "nats",
        False,
        "log_prob",
        lambda: influences.on_mean_loss,
    ),
}
HAVE_COLUMNS: Final = ("accuracy", "log-loss")
"""Metrics that have columns of their own in tables and in metrics.csv, chosen or not; a name here adds none."""
