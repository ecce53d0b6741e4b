"""Mean differences beside SciPy's t-test, and of groups beside independent arithmetic."""

import numpy as np
import pytest
from scipy.stats import nct, ttest_1samp
from scipy.stats import t as student

from ensemble_kit.ensembling.statistics import largest_share, paired_mean

DIFFERENCES = np.random.default_rng(3).normal(0.1, 0.5, size=53)


def test_it_is_the_paired_t_test_of_scipy():
    found, expected = paired_mean(DIFFERENCES), ttest_1samp(DIFFERENCES, 0.0)
    assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    error = DIFFERENCES.std(ddof=1) / np.sqrt(53)
    for level, smallest in ((0.05, found.smallest), (0.01, paired_mean(DIFFERENCES, level=0.01).smallest)):
        assert nct.sf(student.ppf(1 - level / 2, 52), 52, smallest / error) == pytest.approx(0.8, abs=1e-4)


def test_copies_in_groups_are_worth_one_image_each():
    copies = np.repeat(DIFFERENCES, 7)
    groups = [f"sign {row:02d}" for row in np.repeat(np.arange(53), 7)]
    assert np.hstack(paired_mean(copies, groups)) == pytest.approx(np.hstack(paired_mean(DIFFERENCES)))
    assert paired_mean(copies).p < paired_mean(DIFFERENCES).p


@pytest.mark.parametrize("groups", [None, ["a", "b", "c", "d"] * 11])
def test_of_fewer_than_five_nothing_is_sure(groups):
    found = paired_mean(np.ones(4) if groups is None else np.ones(44), groups)
    assert (found.p, found.interval, found.smallest) == (1.0, (-np.inf, np.inf), np.inf)


def test_no_difference_at_all_is_no_proof():
    found = paired_mean(np.zeros(13))
    assert (found.difference, found.t, found.p, found.interval) == (0.0, 0.0, 1.0, (0.0, 0.0))


def test_the_largest_share_is_where_scipys_one_sided_t_test_turns():
    whole = 0.4 + DIFFERENCES[::-1]
    for lost in (DIFFERENCES, DIFFERENCES - 0.3):
        share = largest_share(lost, whole)
        assert ttest_1samp(lost - share * whole, 0.0, alternative="less").pvalue == pytest.approx(0.05)
        copies = [np.repeat(each, 7) for each in (lost, whole)]
        groups = [f"sign {row:02d}" for row in np.repeat(np.arange(53), 7)]
        assert largest_share(*copies, groups) == pytest.approx(share)
        assert largest_share(*copies) < share


def test_where_the_whole_may_be_nothing_or_there_are_four_no_share_is_said():
    assert largest_share(DIFFERENCES, DIFFERENCES - DIFFERENCES.mean()) == np.inf
    assert largest_share(np.zeros(4), np.ones(4)) == np.inf
    assert largest_share(np.zeros(44), np.ones(44), ["a", "b", "c", "d"] * 11) == np.inf


def test_of_few_images_none_of_which_is_lost_something_may_be():
    bounds = [largest_share(np.zeros(images), np.ones(images), pseudo=1.0) for images in (12, 48, 300)]
    expected = [student.ppf(0.95, n - 1) * np.sqrt(2 * n / (n - 1)) / n for n in (12, 48, 300)]
    assert bounds == pytest.approx(expected)


@pytest.mark.slow
def test_the_interval_holds_the_truth_of_few_groups_of_unequal_size():
    random = np.random.default_rng(8)
    sizes = random.integers(1, 20, size=10)
    groups = [f"g{group}" for group in np.repeat(np.arange(10), sizes)]
    held = 0
    for _ in range(1000):
        drawn = np.repeat(random.normal(size=10), sizes) + 0.3 * random.normal(size=sizes.sum())
        low, high = paired_mean(drawn, groups).interval
        held += low <= 0 <= high
    assert 0.90 < held / 1000 < 0.98
