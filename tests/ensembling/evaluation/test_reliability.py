import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from ensemble_kit.ensembling.evaluation.calibration import ece_of
from ensemble_kit.ensembling.evaluation.reliability import reliability
from ensemble_kit.ensembling.statistics.intervals import wilson
from ensemble_kit.errors import BadDataError


def drawn(repeats=1, images=307):
    random = np.random.default_rng(0)
    confidence = random.uniform(0.1, 1.0, size=(repeats, images))
    return confidence, random.uniform(size=(repeats, images)) < confidence**2


def test_the_bins_are_those_of_scikit_learn():
    confidence, correct = drawn()
    right, said = calibration_curve(correct[0], confidence[0], n_bins=15)
    bins = reliability(confidence, correct)
    assert [bin.accuracy for bin in bins] == pytest.approx(right)
    assert [bin.confidence for bin in bins] == pytest.approx(said)
    assert sum(bin.images for bin in bins) == 307


def test_they_add_up_to_the_calibration_error():
    confidence, correct = drawn()
    gaps = [bin.images * abs(bin.accuracy - bin.confidence) for bin in reliability(confidence, correct)]
    assert sum(gaps) / 307 == pytest.approx(ece_of(confidence[0], correct[0]))


def test_repeats_count_each_image_once_and_narrow_no_interval():
    confidence, correct = drawn()
    once = reliability(confidence, correct)
    again = reliability(np.tile(confidence, (4, 1)), np.tile(correct, (4, 1)))
    for one, other in zip(once, again, strict=True):
        assert other[:5] == pytest.approx(one[:5])
        assert other.interval == pytest.approx(one.interval)
    assert once[-1].interval == pytest.approx(wilson(once[-1].accuracy * once[-1].images, int(once[-1].images)))


def test_a_bin_is_open_below_and_closed_above():
    confidence = np.array([[1 / 15, 2 / 15, 1.0]])
    assert [round(bin.high * 15) for bin in reliability(confidence, np.ones((1, 3), dtype=bool))] == [1, 2, 15]


def test_a_bin_that_holds_an_image_in_one_repeat_of_three_has_an_interval():
    confidence = np.array([[0.5, 0.9], [0.9, 0.9], [0.9, 0.9]])
    correct = np.array([[True, True], [True, True], [True, False]])
    low, high = reliability(confidence, correct)[0].interval
    assert 0 < low < high == 1


def test_without_images_there_are_no_bins():
    with pytest.raises(BadDataError, match="at least one image"):
        reliability(np.empty((1, 0)), np.empty((1, 0), dtype=bool))
