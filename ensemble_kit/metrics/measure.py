"""One metric by its name, of probabilities."""

from ensemble_kit.metrics.scores import log_prob
from ensemble_kit.metrics.table import METRICS
from ensemble_kit.tables import pick
from ensemble_kit.types import Labels, Scores


def measure(metric: str, probabilities: Scores, labels: Labels) -> float:
    """Return the metric of that name; the predicted class is the likeliest (ties: the lowest index).

    Raises:
        UnknownNameError: no metric has that name.
        BadDataError: there is no image.

    Example:
        >>> import numpy as np
        >>> probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
        >>> measure("accuracy", probabilities, np.array([0, 1]))
        0.5
    """
    rule = pick(METRICS, metric, "metric")
    read = log_prob(probabilities, labels) if rule.reads == "log_prob" else probabilities.argmax(axis=-1)
    return rule.score(read, labels)
