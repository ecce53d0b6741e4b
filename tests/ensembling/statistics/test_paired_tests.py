"""Exact tests of two on the same images, against SciPy's and by trying every case."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, multinomial

from ensemble_kit.ensembling.statistics.paired_tests import (
    difference_interval,
    holm,
    mcnemar,
    sign_flip,
    smallest_resolvable,
)


def paired(only_first: int, only_second: int, both: int, neither: int) -> np.ndarray:
    """First right minus second right, an image each."""
    return np.repeat([1, -1, 0], [only_first, only_second, both + neither])


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 5), (3, 11), (40, 17), (613, 702)])
def test_flips_of_single_images_are_mcnemars_exact_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert sign_flip(paired(first, second, 3, 2)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_flips_of_groups_are_counted_as_by_trying_them_all(seed: int) -> None:
    nets = np.random.default_rng(seed).integers(-5, 6, size=11)
    sums = [np.dot(signs, np.abs(nets)) for signs in itertools.product([-1, 1], repeat=11)]
    expected = np.mean(np.abs(sums) >= abs(nets.sum()))
    assert sign_flip(nets) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("only_first", "only_second", "images"), [(0.05, 0.05, 101), (0.02, 0.10, 101), (0.2, 0.1, 53)]
)
def test_the_interval_of_the_difference_holds_the_truth_in_95_of_100(
    only_first: float, only_second: float, images: int
) -> None:
    held = weight = 0.0
    outcomes = multinomial(images, [only_first, only_second, 1 - only_first - only_second])
    for first, second in itertools.product(range(41), repeat=2):
        if first + second > images:
            continue
        chance = outcomes.pmf([first, second, images - first - second])
        if chance > 1e-7:
            low, high = difference_interval(first, second, images)
            held += chance * (low <= only_first - only_second <= high)
            weight += chance
    assert weight > 0.999
    assert 0.94 < held / weight < 0.985


def test_the_interval_stays_inside_what_can_be() -> None:
    low, high = difference_interval(2, 0, 2)
    assert -1 <= low < high == 1
    low, high = difference_interval(0, 0, 5)
    assert low == -high < 0


@pytest.mark.parametrize(("discordant", "images"), [(0.1, 300), (0.3, 300), (0.05, 5000)])
def test_the_smallest_difference_is_found_four_times_of_five(discordant: float, images: int) -> None:
    difference = smallest_resolvable(discordant, images)
    share = (discordant + difference) / 2 / discordant  # of the discordant images, those the better side has
    found = 0.0
    counts = np.arange(images + 1)
    for count, chance in zip(counts, binom.pmf(counts, images, discordant), strict=True):
        if chance > 1e-9:
            wins = np.arange(count + 1)
            significant = 2 * binom.cdf(np.minimum(wins, count - wins), count, 0.5) < 0.05
            found += chance * binom.pmf(wins, count, share)[significant].sum()
    assert 0.73 < found < 0.83  # the formula is that of large samples; the exact test is a little stricter


def test_where_the_two_never_differ_a_difference_must_still_be_large() -> None:
    assert smallest_resolvable(0.0, 300) == pytest.approx((1.96 + 0.84 * np.sqrt(1 - 0.026)) ** 2 / 300, rel=0.01)
    assert smallest_resolvable(0.0, 1) == 1.0


def test_mcnemars_table_is_the_published_one() -> None:
    # [[101, 121], [59, 33]]: exact p as printed by McNemar tests of other packages
    assert mcnemar(121, 59) == pytest.approx(4.434e-06, rel=1e-3)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (3, 3), (4, 3), (17, 5), (2000, 2130), (9000, 11000)])
def test_mcnemars_p_is_scipys_binomial_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    for found in (mcnemar(first, second), mcnemar(second, first)):
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("level", [0.05 / 12, 0.2])
def test_the_smallest_difference_at_another_level_is_found_as_often(level: float) -> None:
    discordant, images = 0.2, 997
    difference = smallest_resolvable(discordant, images, level)
    share = (discordant + difference) / 2 / discordant
    found = 0.0
    for count in range(120, 290):
        wins = np.arange(count + 1)
        significant = 2 * binom.cdf(np.minimum(wins, count - wins), count, 0.5) < level
        found += binom.pmf(count, images, discordant) * binom.pmf(wins, count, share)[significant].sum()
    assert 0.73 < found < 0.83


def test_holms_p_values_are_rs() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm"), and a case with a tie out of order
    np.testing.assert_allclose(holm(np.array([0.01, 0.02, 0.03, 0.04, 0.05])), [0.05, 0.08, 0.09, 0.09, 0.09])
    np.testing.assert_allclose(holm(np.array([0.6, 0.01, 0.3, 0.01])), [0.6, 0.04, 0.6, 0.04])
    assert holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=11), st.floats(0.001, 0.999))
def test_holm_rejects_what_stepping_down_rejects(p_values: list[float], level: float) -> None:
    rejected: set[int] = set()
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] * (len(p_values) - step) > level:
            break
        rejected.add(place)
    assert set(np.flatnonzero(holm(np.array(p_values)) <= level)) == rejected
