"""The metrics by name. Imports nothing heavy."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple


class Metric(NamedTuple):
    """One line of `METRICS`.

    heading: what a column of it is called, at most 8 characters.
    unit: a fraction printed in per cent, or nats.
    larger_is_better: whether a good score is a large one.
    reads: what it looks at: the predicted classes, or the log probability of the labels.
    function: the function in `scores`: from what it reads, the labels and how often each image counts.
    """

    help: str
    heading: str
    unit: Literal["%", "nats"]
    larger_is_better: bool
    reads: Literal["predicted", "log_prob"]
    function: str

    def score(self, read: Any, labels: Any, counts: Any = None) -> float:
        """Return the metric of what was read off the images."""
        function = getattr(import_module("ensemble_kit.metrics.scores"), self.function)
        return float(function(read, labels, counts))

    def gain(self, score: float) -> float:
        """Return the score with the sign that makes more better."""
        return score if self.larger_is_better else -score


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric("share of pictures that are right", "val %", "%", True, "predicted", "accuracy"),
    "balanced-accuracy": Metric("mean recall of the classes", "bal %", "%", True, "predicted", "balanced_accuracy"),
    "macro-f1": Metric("mean F1 of the classes", "F1 %", "%", True, "predicted", "macro_f1"),
    "log-loss": Metric("mean -log p(label); less is better", "log loss", "nats", False, "log_prob", "mean_loss"),
}
