from itertools import accumulate, product
from math import comb, exp, lgamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ensemble_kit.ensembling.contest.public_split import (
    chance_to_show,
    draw_public,
    effective_images,
    expected_interval,
    prediction_interval,
    public_images,
    telling,
)
from ensemble_kit.ensembling.statistics.intervals import wilson


def by_gammas(first, second, images):
    """How likely 0, 1, ... of so many images are right, by the beta-binomial law, written out."""

    def log_beta(one, other):
        return lgamma(one) + lgamma(other) - lgamma(one + other)

    for right in range(images + 1):
        yield comb(images, right) * exp(log_beta(first + right, second + images - right) - log_beta(first, second))


@pytest.mark.parametrize(("right", "val", "public"), [(270, 300, 250), (300, 300, 250), (0, 53, 7), (41, 53, 101)])
def test_the_prediction_interval_is_the_middle_of_a_beta_binomial(right, val, public):
    below = list(accumulate(by_gammas(right + 0.5, val - right + 0.5, public)))
    low, high = prediction_interval(right / val, val, public)
    wanted = (next(count for count, chance in enumerate(below) if chance >= tail) for tail in (0.025, 0.975))
    assert (low * public, high * public) == pytest.approx(tuple(wanted))


def test_the_prediction_interval_covers_what_is_drawn():
    random = np.random.default_rng(5)
    held = []
    for truth in (0.62, 0.9, 0.97):
        val, public = random.binomial(300, truth, 400), random.binomial(250, truth, 400)
        bounds = [prediction_interval(one / 300, 300, 250) for one in val]
        held.append(np.mean([low <= one / 250 <= high for one, (low, high) in zip(public, bounds, strict=True)]))
    assert min(held) > 0.93


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_the_prediction_interval_is_one(val, public, share):
    low, high = prediction_interval(round(share * val) / val, val, public)
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize(("val", "new"), [(300, 500), (300, 250), (53, 101), (997, 499)])
@pytest.mark.parametrize("true", [0.5, 0.88, 0.95, 0.99])
def test_what_is_expected_holds_95_of_100_accuracies_on_new_images_summed_over_all_val_sets(val, new, true):
    rights = np.arange(val + 1)
    bounds = [expected_interval(right / val, wilson(right, val), val, new) for right in rights.tolist()]
    low, high = np.round(np.array(bounds).T * new)
    held = stats.binom.cdf(high, new, true) - stats.binom.cdf(low - 1, new, true)
    assert stats.binom.pmf(rights, val, true) @ held >= 0.95


def test_where_images_come_in_groups_both_val_and_test_are_worth_fewer():
    bounds = expected_interval(0.9, wilson(45, 50), 300, 600)
    assert bounds == pytest.approx(prediction_interval(0.9, 50, 100))


def test_what_is_expected_narrows_to_the_interval_of_the_accuracy_as_test_grows():
    some, many = (expected_interval(0.9, wilson(270, 300), 300, images) for images in (500, 1_000_000))
    assert some[0] < many[0] < 0.9 < many[1] < some[1]
    assert many == pytest.approx(stats.beta(270.5, 30.5).ppf([0.025, 0.975]), abs=1e-3)  # Jeffreys'


def test_groups_are_worth_fewer_images():
    assert effective_images(0.9, wilson(270, 300), 300) == pytest.approx(300, rel=1e-6)
    assert effective_images(0.9, wilson(45, 50), 300) == pytest.approx(50, rel=1e-6)
    assert effective_images(1.0, wilson(31, 31), 300) == pytest.approx(31, rel=1e-6)
    assert effective_images(0.9, wilson(900, 1000), 300) == pytest.approx(300)


def fair_coins_differ(coins, gap):
    """How often so many fair coins fall on one side at least `gap` times more than on the other."""
    return sum(comb(coins, heads) for heads in range(coins + 1) if abs(2 * heads - coins) >= gap) / 2**coins


def by_counting(differ, images, public):
    """The smallest difference, of whole numbers: of at least 6, reached by fair coins in 5 % of cases at most."""
    ways, all_ways = range(min(differ, public) + 1), comb(images, public)
    for gap in range(6, min(differ, public) + 1):
        tail = sum(
            comb(differ, rows) * comb(images - differ, public - rows) / all_ways * fair_coins_differ(rows, gap)
            for rows in ways
        )
        if tail <= 0.05:
            return gap
    return None


@pytest.mark.parametrize(
    ("differ", "images", "public"),
    [(0, 500, 250), (5, 500, 250), (13, 500, 250), (40, 500, 250), (97, 101, 31)],
)
def test_the_smallest_difference_is_that_of_fair_coins_among_hypergeometric_rows(differ, images, public):
    told = telling(differ, images, public)
    assert told.smallest == by_counting(differ, images, public)
    assert told.public_rows == pytest.approx(stats.hypergeom(images, differ, public).mean() if differ else 0.0)


def test_very_many_rows_go_by_the_normal_law_and_agree_with_counting():
    exact, normal = telling(4000, 10_000, 5000), telling(4001, 10_000, 5000)
    assert normal.smallest == pytest.approx(exact.smallest, abs=1)


def test_chance_to_show_is_that_of_a_multinomial_counted_out():
    public, wins, losses, smallest = 7, 0.3, 0.1, 3
    total = 0.0
    for one in product((1, -1, 0), repeat=public):
        if abs(sum(one)) >= smallest:
            total += np.prod([{1: wins, -1: losses, 0: 1 - wins - losses}[step] for step in one])
    assert chance_to_show(wins, losses, public, smallest) == pytest.approx(total)
    assert chance_to_show(0.0, 0.0, 250, 6) == 0.0
    assert chance_to_show(1.0, 0.0, 250, 6) == pytest.approx(1.0)


def test_the_public_part_is_drawn_by_the_set_of_ids_and_the_seed():
    ids = [f"{place:03d}" for place in range(101)]
    order = np.random.default_rng(1).permutation(101)
    public = draw_public(ids, 0.3, seed=7)
    assert public.sum() == public_images(101, 0.3) == 30
    assert (draw_public([ids[place] for place in order], 0.3, seed=7) == public[order]).all()
    assert (draw_public(ids, 0.3, seed=8) != public).any()
    assert draw_public(["one"], 0.5).tolist() == [True]
