"""The standard error of a score, against SciPy's t tests, and of few groups against many draws."""

import math

import numpy as np
import pytest
from scipy import stats

from ensemble_kit.ensembling.statistics.intervals import accuracy_interval
from ensemble_kit.ensembling.statistics.spread import Spread, spread

IMAGES = 101


def influences(values: np.ndarray) -> np.ndarray:
    """By how much each image moves the mean of each row."""
    return (values - values.mean(axis=1, keepdims=True)) / values.shape[1]


def test_the_mean_of_images_varies_as_a_t_test_says() -> None:
    values = np.random.default_rng(0).normal(0.2, size=(1, IMAGES))
    found, expected = spread(influences(values), None), stats.ttest_1samp(values[0], 0)
    assert found.standard_error == pytest.approx(stats.sem(values[0]))
    assert found.p_value(values.mean()) == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval()
    assert (values.mean() - found.half_width, values.mean() + found.half_width) == pytest.approx((low, high))


def test_groups_of_one_size_are_a_t_test_of_their_means() -> None:
    values = np.random.default_rng(1).normal(0.3, size=(7, 13)) + np.arange(7)[:, None] / 3
    found = spread(influences(values.reshape(1, -1)), [f"g{row}" for row in np.repeat(np.arange(7), 13)])
    assert found.standard_error == pytest.approx(stats.sem(values.mean(axis=1)))
    assert found.degrees_of_freedom == pytest.approx(6)


def test_of_groups_of_other_sizes_the_error_is_right_on_average_and_less_is_known() -> None:
    random, sizes = np.random.default_rng(2), np.array([47, 23, 11, 5, 3, 2])
    groups = [f"g{row}" for row in np.repeat(np.arange(6), sizes)]
    draws = random.normal(size=(2000, 1, sizes.sum()))  # images that have nothing in common: groups vary by their size
    found = [spread(influences(draw), groups) for draw in draws]
    assert np.mean([one.standard_error**2 for one in found]) == pytest.approx(1 / sizes.sum(), rel=0.08)
    assert 1 < found[0].degrees_of_freedom < 4


@pytest.mark.parametrize("groups", [3, 4, 6, 20])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_the_smallest_difference_is_found_in_80_percent_however_few_the_groups(groups: int, level: float) -> None:
    found = Spread(0.1, groups - 1.0)
    power = stats.nct.sf(stats.t.ppf(1 - level / 2, groups - 1), groups - 1, found.smallest(level) / 0.1)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_one_group_tells_nothing() -> None:
    found = spread(influences(np.eye(1, 5)), ["a"] * 5)
    assert (found.standard_error, found.degrees_of_freedom) == (math.inf, 0.0)
    assert (found.half_width, found.p_value(0.9)) == (math.inf, 1.0)
    assert found.smallest() == math.inf


def test_repeats_that_differ_add_what_weights_vary_by() -> None:
    random = np.random.default_rng(3)
    same = random.normal(size=IMAGES)
    differ = same + 0.1 * random.normal(size=(4, IMAGES))
    alone, found = spread(influences(np.tile(same, (4, 1))), None), spread(influences(differ), None)
    not_shared = 1 - 4 / 5 * IMAGES / (IMAGES - 1)  # of what two repeats see of the other images
    added = influences(differ).var(axis=0, ddof=1).sum() / not_shared
    assert alone.standard_error == pytest.approx(stats.sem(same))
    assert found.standard_error**2 == pytest.approx(stats.sem(differ.mean(axis=0)) ** 2 + added)


def test_of_five_groups_or_fewer_repeats_are_one() -> None:
    values = np.random.default_rng(4).normal(size=(4, 20))
    groups = [f"g{row % 5}" for row in range(20)]
    assert spread(influences(values), groups).standard_error == pytest.approx(
        spread(influences(values.mean(axis=0)[None]), groups).standard_error
    )


def test_a_difference_that_does_not_vary_is_certain_and_none_is_none() -> None:
    sure = Spread(0.0, 9.0)
    assert (sure.p_value(0.1), sure.p_value(0.0)) == (0.0, 1.0)


@pytest.mark.parametrize("groups", [4, 6, 10, 20, 60])
def test_intervals_of_few_groups_hold_the_truth(groups: int) -> None:
    random, held, draws = np.random.default_rng(groups), 0, 400
    for _ in range(draws):
        place = random.integers(groups, size=300)
        place[:groups] = np.arange(groups)  # each has an image
        rates = random.beta(8, 2, size=groups)
        low, high = accuracy_interval(random.random(300) < rates[place], [f"g{each}" for each in place])
        held += low <= 0.8 <= high
    assert 0.93 <= held / draws <= 0.99
