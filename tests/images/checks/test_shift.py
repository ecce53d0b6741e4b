"""A shift is called one only where it can be seen and is beyond chance."""

import numpy as np
import pytest
from scipy import stats

from ensemble_kit.images.checks.shift import compare_classes, compare_values, group_means


def test_a_clear_shift_is_named_and_a_small_one_is_not():
    rng = np.random.default_rng(0)
    train = rng.normal(0.5, 0.1, 1009)
    assert compare_values("brightness", "val", train, rng.normal(0.6, 0.1, 307)).verdict == "shifted"
    assert compare_values("brightness", "val", train, rng.normal(0.5, 0.1, 307)).verdict == "no shift seen"
    few = compare_values("brightness", "val", train, rng.normal(0.6, 0.1, 31))
    assert few.verdict == "too few to tell"
    assert (few.train, few.measure, few.split) == (pytest.approx(train.mean()), "brightness", "val")


def test_many_images_do_not_make_a_trifle_a_shift():
    train, other = (np.tile([0.0, 1.0], 50_000) + add for add in (0.0, 0.05))  # a tenth of a standard deviation
    assert stats.ttest_ind(train, other).pvalue < 1e-9
    assert compare_values("contrast", "test", train, other).verdict == "no shift seen"


def test_values_that_are_all_the_same_shift_only_where_they_differ():
    assert compare_values("shorter side", "val", np.full(97, 28.0), np.full(89, 28.0)).verdict == "no shift seen"
    assert compare_values("shorter side", "val", np.full(97, 28.0), np.full(89, 29.0)).verdict == "shifted"


def test_the_class_whose_share_differs_most_is_named():
    train, val = np.repeat([0, 1, 2], [400, 400, 200]), np.repeat([0, 1, 2], [40, 40, 120])
    shift = compare_classes(["a", "b", "c"], "val", train, val)
    assert (shift.measure, shift.train, shift.other, shift.verdict) == ("share of 'c'", 0.2, 0.6, "shifted")
    assert compare_classes(["a", "b", "c"], "val", train, train[::5]).verdict == "no shift seen"
    assert compare_classes(["a", "b", "c"], "val", train, val, (1000, 14)).verdict == "too few to tell"


def test_chance_alone_is_rarely_called_a_shift_of_classes():
    """Bonferroni at three standard errors: well under one in a hundred, though ten classes are compared."""
    rng = np.random.default_rng(0)
    names = [str(i) for i in range(10)]
    calls = [
        compare_classes(names, "val", rng.integers(0, 10, 1578), rng.integers(0, 10, 300)).verdict == "shifted"
        for _ in range(400)
    ]
    assert sum(calls) <= stats.binom.ppf(0.999, 400, 0.0027)


def test_a_group_counts_once():
    np.testing.assert_array_equal(group_means(np.array([1.0, 5.0, 3.0]), ["x", "y", "x"]), [2.0, 5.0])
    np.testing.assert_array_equal(group_means(np.array([1.0, 5.0]), None), [1.0, 5.0])
