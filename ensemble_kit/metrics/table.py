"""The metrics by name. Imports nothing heavy."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from ensemble_kit.metrics import scores
else:
    import ensemble_kit.metrics as scores  # lazily; type checkers read the module


class Metric(NamedTuple):
    """One line of `METRICS`.

    reach: fetches the function of `scores`: from what it reads, the labels and how often each image counts.
    heading: what a column of it is called, at most 8 characters.
    unit: a fraction printed in per cent, or nats.
    larger_is_better: whether a good score is a large one.
    reads: what it reads: the predicted classes, or the log probability of the labels.
    """

    reach: Callable[[], Callable[..., float]]
    help: str
    heading: str
    unit: Literal["%", "nats"]
    larger_is_better: bool
    reads: Literal["predicted", "log_prob"]

    def score(self, read: Any, labels: Any, counts: Any = None) -> float:
        """Return the metric of what was read off the images."""
        return float(self.reach()(read, labels, counts))

    def gain(self, score: float) -> float:
        """Return the score with the sign that makes more better."""
        return score if self.larger_is_better else -score


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric(lambda: scores.accuracy, "share of images that are right", "val %", "%", True, "predicted"),
    "balanced-accuracy": Metric(
        lambda: scores.balanced_accuracy, "mean recall of the classes", "bal %", "%", True, "predicted"
    ),
    "macro-f1": Metric(lambda: scores.macro_f1, "mean F1 of the classes", "F1 %", "%", True, "predicted"),
    "log-loss": Metric(
        lambda: scores.mean_loss, "mean -log p(label); less is better", "log loss", "nats", False, "log_prob"
    ),
}
HAVE_COLUMNS: Final = ("accuracy", "log-loss")
"""Metrics that have columns of their own in tables and in metrics.csv, chosen or not; a name here adds none."""
