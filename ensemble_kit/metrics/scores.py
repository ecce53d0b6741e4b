"""The metrics as functions: of what was read off each image, and its labels.

A class that no label holds is left out of balanced accuracy; one that neither a label nor
a prediction holds is left out of macro F1, and one that is never found has an F1 of 0: as
scikit-learn does. NumPy only; never fits anything.
"""

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.errors import BadDataError
from ensemble_kit.types import Labels, Scores

Predicted = Int[np.ndarray, " images"]
LogProb = Float[np.ndarray, " images"]
PerClass = Float[np.ndarray, " classes"]


def accuracy(predicted: Predicted, labels: Labels) -> float:
    """Return the share of images whose predicted class is the label.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]))
        0.75
    """
    check_some(labels)
    return float((predicted == labels).mean())


def balanced_accuracy(predicted: Predicted, labels: Labels) -> float:
    """Return the mean recall of the classes that the labels hold.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2]))  # class 1 has no image
        0.5

    Source: Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010.
    """
    right, there, _ = class_counts(predicted, labels)
    return float((right[there > 0] / there[there > 0]).mean())


def macro_f1(predicted: Predicted, labels: Labels) -> float:
    """Return the mean F1 of the classes that the labels or the predictions hold.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> round(macro_f1(np.array([0, 0, 0, 1]), np.array([0, 0, 2, 1])), 6)  # F1: 0.8, 1 and 0
        0.6

    Source: van Rijsbergen, "Information Retrieval", 1979.
    """
    right, there, found = class_counts(predicted, labels)
    seen = there + found > 0
    return float((2 * right[seen] / (there + found)[seen]).mean())


def mean_loss(log_prob: LogProb, labels: Labels) -> float:
    """Return the mean of minus the log probability of the labels, in nats.

    Raises:
        BadDataError: there is no image.
    """
    check_some(labels)
    return -float(log_prob.mean())


def log_loss(probabilities: Scores, labels: Labels) -> float:
    """Return the mean of -log p(label), in nats; p is floored at 2.2e-16.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> bits = log_loss(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])) / float(np.log(2))
        >>> round(bits, 6)
        1.5
    """
    return mean_loss(log_prob(probabilities, labels), labels)


def log_prob(probabilities: Scores, labels: Labels) -> LogProb:
    """Return the log probability of each label, in nats; p is floored at 2.2e-16."""
    at_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    logs: LogProb = np.log(np.maximum(at_label, np.finfo(np.float64).eps))
    return logs


def check_some(rows: np.ndarray) -> None:
    """Raise unless there is an image to measure on.

    Raises:
        BadDataError: there is none.
    """
    if not len(rows):
        raise BadDataError("Wanted at least one image to measure on, got none.")


def class_counts(predicted: Predicted, labels: Labels) -> tuple[PerClass, PerClass, PerClass]:
    """Return for each class how many images are rightly predicted, labelled and predicted as such."""
    check_some(labels)
    classes = int(max(labels.max(), predicted.max())) + 1
    right = np.bincount(labels, weights=predicted == labels, minlength=classes)
    there, found = (np.bincount(each, minlength=classes).astype(np.float64) for each in (labels, predicted))
    return right, there, found
