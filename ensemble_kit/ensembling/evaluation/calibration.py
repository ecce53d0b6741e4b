"""How calibrated probabilities are.

The metrics themselves live in `ensemble_kit.metrics`, intervals in `statistics`. Never fits anything. To add a
measure: a function of probabilities or correctness and labels.
"""

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, Scores

CALIBRATION_BINS = 15


def ece(probabilities: Scores, labels: Labels) -> float:
    """Return the expected calibration error of the top class, over 15 equal-width bins.

    Bins are open below and closed above; each counts by its share of the images. The
    estimate is biased upwards on few images.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> sure_of_90 = np.array([[0.9, 0.1], [0.9, 0.1]])
        >>> round(ece(sure_of_90, np.array([0, 1])), 6)  # right half of the time
        0.4

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    return ece_of(probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels)


def ece_of(confidence: Float[np.ndarray, " images"], correct: Bool[np.ndarray, " images"]) -> float:
    """Return the expected calibration error of what was said with some confidence, right or wrong.

    Raises:
        BadDataError: there is no image.
    """
    check_some(correct)
    place = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    gap = np.bincount(place, weights=confidence - correct, minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / len(correct))


def brier(probabilities: Scores, labels: Labels) -> float:
    """Return the mean squared distance to the one-hot label, summed over classes: 0 to 2.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> round(brier(np.array([[0.8, 0.2]]), np.array([1])), 6)
        1.28

    Source: Brier, "Verification of forecasts", Monthly Weather Review 78(1), 1950.
    """
    check_some(labels)
    return float(squared_errors(probabilities, labels).mean())


def squared_errors(probabilities: Scores, labels: Labels) -> Float[np.ndarray, " images"]:
    """Return the squared distance of each image's probabilities to its one-hot label."""
    at_label = probabilities[np.arange(len(labels)), labels]
    errors: Float[np.ndarray, " images"] = (probabilities**2).sum(axis=1) - 2.0 * at_label + 1.0
    return errors
