import numpy as np
import pytest
from sklearn import metrics

from ensemble_kit.ensembling.combining.voting import softmax
from ensemble_kit.ensembling.evaluation.calibration import brier, ece
from ensemble_kit.errors import BadDataError

IMAGES, CLASSES = 211, 7
RANDOM = np.random.default_rng(0)
LABELS = np.r_[np.arange(CLASSES), RANDOM.integers(CLASSES, size=IMAGES - CLASSES)]
CHANCES = softmax(2 * np.eye(CLASSES)[LABELS] + 2 * RANDOM.normal(size=(IMAGES, CLASSES)))


def test_brier_is_sklearns() -> None:
    expected = metrics.brier_score_loss(LABELS, CHANCES, scale_by_half=False)
    assert brier(CHANCES, LABELS) == pytest.approx(expected, rel=1e-12)


def test_ece_is_counted_bin_by_bin() -> None:
    confidence, right = CHANCES.max(axis=1), CHANCES.argmax(axis=1) == LABELS
    total = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert ece(CHANCES, LABELS) == pytest.approx(total, rel=1e-10)


def test_ece_of_certainty_that_is_right_is_0() -> None:
    assert ece(np.eye(3), np.arange(3)) == 0.0


def test_no_images_are_refused() -> None:
    none, labels = np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
    for measure in (
        lambda: ece(none, labels),
        lambda: brier(none, labels),
    ):
        with pytest.raises(BadDataError, match="at least one image"):
            measure()
