"""By how much each image moves a metric: the derivative of the score by how often the image counts.

What they vary by tells how sure the score is. The influences on one score sum to 0. NumPy only.

Source: Hampel, "The influence curve and its role in robust estimation", JASA 69(346), 1974.
"""

import numpy as np
from jaxtyping import Float

from ensemble_kit.metrics.scores import LogProb, Predicted, class_counts
from ensemble_kit.types import Labels

Influences = Float[np.ndarray, " images"]


def on_accuracy(predicted: Predicted, labels: Labels) -> Influences:
    """Return the influence of each image on the accuracy.

    Example:
        >>> on_accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
        array([ 0.0625,  0.0625,  0.0625, -0.1875])
    """
    return _centred(predicted == labels)


def on_balanced_accuracy(predicted: Predicted, labels: Labels) -> Influences:
    """Return the influence of each image on the mean recall: what it moves its own class.

    Example:
        >>> on_balanced_accuracy(np.array([0, 1, 1]), np.array([0, 0, 1]))
        array([ 0.125, -0.125,  0.   ])
    """
    right, there, _ = class_counts(predicted, labels)
    recall = right / np.maximum(there, 1)
    influences: Influences = ((predicted == labels) - recall[labels]) / there[labels] / np.count_nonzero(there)
    return influences


def on_macro_f1(predicted: Predicted, labels: Labels) -> Influences:
    """Return the influence of each image on the mean F1: what it moves the class it is, and the one predicted.

    Example:
        >>> on_macro_f1(np.array([0, 1, 1]), np.array([0, 0, 1])).round(4)  # F1 of both: 2 / 3
        array([ 0.1111, -0.2222,  0.1111])
    """
    right, there, found = class_counts(predicted, labels)
    both = np.maximum(there + found, 1)
    f1 = 2 * right / both
    moved = (2 * (predicted == labels) - f1[labels]) / both[labels] - f1[predicted] / both[predicted]
    influences: Influences = moved / np.count_nonzero(there + found)
    return influences


def on_mean_loss(log_prob: LogProb, labels: Labels) -> Influences:
    """Return the influence of each image on the log loss, in nats."""
    return _centred(-log_prob)


def _centred(values: np.ndarray) -> Influences:
    influences: Influences = (values - values.mean()) / len(values)
    return influences
