"""Intervals of a share, against SciPy's, and of groups that count whole."""

import numpy as np
import pytest
from scipy.stats import binomtest, t

from ensemble_kit.ensembling.statistics.intervals import accuracy_interval, wilson
from ensemble_kit.errors import BadDataError, InvalidOptionError

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("count", "total"), [(0, 7), (7, 7), (270, 300), (1, 2), (499, 500)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_is_scipys(count: int, total: int, confidence: float) -> None:
    expected = binomtest(count, total).proportion_ci(confidence, method="wilson")
    assert wilson(count, total, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_takes_a_count_that_is_not_whole() -> None:
    below, between, above = wilson(80, 100), wilson(80.5, 100), wilson(81, 100)
    assert below[0] < between[0] < above[0]
    assert below[1] < between[1] < above[1]


@pytest.mark.parametrize(("count", "total"), [(0, 0), (-1, 5), (6, 5), (float("nan"), 5)])
def test_a_count_that_is_no_count_is_refused(count: float, total: int) -> None:
    with pytest.raises(BadDataError, match="right of at least 1 image"):
        wilson(count, total)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidOptionError, match="between 0 and 1"):
        wilson(3, 5, confidence)


def test_without_groups_the_interval_is_wilsons() -> None:
    correct = np.arange(97) % 5 > 0
    assert accuracy_interval(correct) == wilson(int(correct.sum()), 97)
    means = np.where(correct, 0.75, 0.25)
    assert accuracy_interval(means) == pytest.approx(wilson(float(means.sum()), 97))


def test_images_that_fail_together_widen_the_interval_as_far_as_theory_says() -> None:
    right = np.random.default_rng(1).random(101) < 0.8
    correct, groups = np.repeat(right, 13), [f"g{number}" for number in np.repeat(np.arange(101), 13)]
    low, high = accuracy_interval(correct, groups)
    spread = 2 * 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 101)
    assert high - low == pytest.approx(spread, rel=0.1)
    assert high - low > 3 * np.diff(wilson(int(correct.sum()), len(correct)))[0]


def test_groups_of_one_are_about_wilson_and_never_narrower() -> None:
    correct = np.random.default_rng(2).random(307) < 0.7
    low, high = accuracy_interval(correct, [str(place) for place in range(307)])
    narrow = wilson(int(correct.sum()), 307)
    assert low <= narrow[0] < narrow[1] <= high
    assert high - low == pytest.approx(narrow[1] - narrow[0], rel=0.1)


def test_groups_that_are_all_right_are_no_proof() -> None:
    low, high = accuracy_interval(np.ones(12, dtype=bool), ["a", "b", "c"] * 4)
    assert low == pytest.approx(12 / (12 + t.ppf(0.975, 2) ** 2))  # Wilson's, with Student's t of 3 groups
    assert high == 1.0


def test_the_interval_over_groups_repeats_and_ignores_row_order() -> None:
    correct, groups = np.arange(60) % 7 > 1, [f"g{place % 11}" for place in range(60)]
    order = np.random.default_rng(0).permutation(60)
    assert accuracy_interval(correct, groups) == accuracy_interval(correct[order], [groups[row] for row in order])


def test_no_images_are_refused() -> None:
    with pytest.raises(BadDataError, match="at least one image"):
        accuracy_interval(np.zeros(0))
