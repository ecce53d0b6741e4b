import numpy as np
import pytest

from ensemble_kit.ensembling.statistics.near_best import near_best, paired_errors

CHOICES, IMAGES = 5, 103


def test_errors_are_those_of_paired_differences() -> None:
    losses = np.random.default_rng(0).gamma(2, size=(CHOICES, IMAGES))
    worse = losses - losses[losses.mean(axis=1).argmin()]
    np.testing.assert_allclose(paired_errors(losses, None), worse.std(axis=1, ddof=1) / np.sqrt(IMAGES))
    within = worse.mean(axis=1) <= 0.5 * worse.std(axis=1, ddof=1) / np.sqrt(IMAGES)
    np.testing.assert_array_equal(near_best(losses, None), within)


def test_copies_in_groups_are_worth_one_image() -> None:
    losses = np.random.default_rng(1).gamma(2, size=(CHOICES, IMAGES))
    copies, groups = np.repeat(losses, 7, axis=1), 2 * np.repeat(np.arange(IMAGES), 7)
    np.testing.assert_allclose(paired_errors(copies, groups), paired_errors(losses, None))
    np.testing.assert_array_equal(near_best(copies, groups), near_best(losses, None))
    assert (paired_errors(copies, None) <= paired_errors(losses, None)).all()


def test_the_best_and_what_repeats_it_are_near_and_the_bounds_of_half_an_error_decide() -> None:
    difference = np.array([-1.0, 1.0, -1.0, 1.0, 1.0])  # mean 0.2, error sqrt(1.2 / 5) = 0.49, half of it 0.245
    losses = np.stack([np.ones(5), 1 + difference, np.ones(5), 1 + difference + 0.05])
    assert near_best(losses, None).tolist() == [True, True, True, False]
    assert paired_errors(losses, None)[[0, 2]].tolist() == [0.0, 0.0]
    assert paired_errors(losses, None)[1] == pytest.approx(np.sqrt(1.2 / 5))
