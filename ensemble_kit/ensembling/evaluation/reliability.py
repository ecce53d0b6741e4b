"""Whether confidence can be believed: what was said, beside how often it was right.

The bins are those of the calibration error, see `calibration.ece_of`. Never fits anything.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ensemble_kit.ensembling.evaluation.calibration import CALIBRATION_BINS
from ensemble_kit.ensembling.statistics import wilson
from ensemble_kit.metrics import check_some


class Bin(NamedTuple):
    """Images of about the same confidence; images: their number, a mean over repeats.

    low, high: between which confidence lies, low excluded.
    """

    low: float
    high: float
    images: float
    confidence: float
    accuracy: float
    interval: tuple[float, float]


def reliability(
    confidence: Float[np.ndarray, "repeats images"], correct: Bool[np.ndarray, "repeats images"]
) -> tuple[Bin, ...]:
    """Return the bins that hold an image, of 15 equally wide ones; Wilson's intervals at 95 %.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> [one] = reliability(np.array([[0.9, 0.92]]), np.array([[True, False]]))
        >>> one.images, round(one.confidence, 2), one.accuracy
        (2.0, 0.91, 0.5)

    Source: DeGroot and Fienberg, "The comparison and evaluation of forecasters", The Statistician 32, 1983.
    """
    repeats = len(confidence)
    check_some(confidence[0])
    place = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1).ravel()
    counts, said, right = (
        np.bincount(place, weights=weights, minlength=CALIBRATION_BINS).tolist()
        for weights in (np.ones(place.size), confidence.ravel(), correct.ravel().astype(np.float64))
    )
    return tuple(
        Bin(
            low=number / CALIBRATION_BINS,
            high=(number + 1) / CALIBRATION_BINS,
            images=counts[number] / repeats,
            confidence=said[number] / counts[number],
            accuracy=right[number] / counts[number],
            interval=_interval(right[number] / repeats, counts[number] / repeats),
        )
        for number in np.flatnonzero(counts).tolist()
    )


def _interval(right: float, images: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of images whose number, a mean over repeats, is rarely whole."""
    total = max(round(images), 1)
    return wilson(min(right / images, 1.0) * total, total)
