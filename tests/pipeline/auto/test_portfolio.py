"""How a budget of time is shared among candidates: laws, and examples worked by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.pipeline.auto import portfolio
from ensemble_kit.pipeline.auto.portfolio import LONGEST, MARGIN, PORTFOLIO, Candidate, Cost, candidates, plan
from ensemble_kit.pipeline.models.build import arch_options
from ensemble_kit.training.recipes import check, resolve

SECONDS = st.floats(0, 5_000)
COSTS = st.builds(Cost, epoch_s=st.floats(0.01, 300), look_s=st.floats(0, 100))


@st.composite
def fields(draw):
    """Candidates, each with its cost, and named by its place."""
    costs = draw(st.lists(COSTS, max_size=7))
    least = [draw(st.integers(1, 30)) for _ in costs]
    epochs = [one + draw(st.integers(0, 40)) for one in least]
    return [
        Candidate(str(i), "cnn", "strong", *both, 32) for i, both in enumerate(zip(epochs, least, strict=True))
    ], costs


def one(name="a", epochs=10, least=5, **more):
    return Candidate(name, "cnn", "strong", epochs, least, 32, **more)


def named(planned):
    return [(step.candidate.name, step.epochs) for step in planned]


def usable(seconds):
    return (1 - MARGIN) * seconds


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS, st.floats(0, 20))
def test_a_plan_fits_into_the_time_unless_nothing_does(field, seconds, evaluating_s):
    planned = plan(*field, seconds, evaluating_s, at_any_cost=False)
    assert sum(step.seconds for step in planned) <= usable(seconds) * (1 + 1e-6) + 1e-6
    forced = plan(*field, seconds, evaluating_s, at_any_cost=True)
    assert forced == planned or (not planned and len(forced) == 1)
    assert bool(forced) == bool(field[0])


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS, st.floats(0, 20), st.booleans())
def test_what_a_step_takes_is_its_epochs_and_its_looks(field, seconds, evaluating_s, at_any_cost):
    cost_of = {each.name: cost for each, cost in zip(*field, strict=True)}
    for step in plan(*field, seconds, evaluating_s, at_any_cost):
        cost = cost_of[step.candidate.name]
        assert step.seconds == pytest.approx(step.epochs * cost.epoch_s + cost.look_s + evaluating_s)


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS)
def test_the_order_is_kept_and_nobody_comes_twice(field, seconds):
    places = [int(step.candidate.name) for step in plan(*field, seconds)]
    assert places == sorted(set(places))


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS)
def test_nobody_gets_fewer_epochs_than_the_least_nor_more_than_the_longest(field, seconds):
    planned = plan(*field, seconds, at_any_cost=False)
    for step in planned:
        assert step.candidate.least_epochs <= step.epochs <= LONGEST * step.candidate.epochs
    assert all(step.epochs >= step.candidate.epochs for step in planned[:-1])  # the last alone may be cut


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS)
def test_who_is_passed_over_would_not_have_fitted_after_those_before(field, seconds):
    chosen = {step.candidate.name for step in plan(*field, seconds, at_any_cost=False)}
    left = usable(seconds)
    for each, cost in zip(*field, strict=True):
        least, whole = (epochs * cost.epoch_s + cost.look_s for epochs in (each.least_epochs, each.epochs))
        if abs(least - left) > 1e-6:  # not so near that rounding decides
            assert (each.name in chosen) == (least < left)
        left -= min(whole, left) if each.name in chosen else 0


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS, st.floats(0, 5_000))
def test_with_more_time_a_candidate_is_given_up_only_for_one_before_it(field, seconds, more):
    """First come first served: the first that differs is one gained."""
    times = (seconds, seconds + more)
    few, many = ({step.candidate.name for step in plan(*field, time, at_any_cost=False)} for time in times)
    differ = [each.name for each in field[0] if (each.name in few) != (each.name in many)]
    assert not differ or differ[0] in many


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), COSTS, SECONDS, st.floats(0, 5_000))
def test_more_time_never_means_fewer_members_where_all_cost_the_same(count, cost, seconds, more):
    field = [one(str(i)) for i in range(count)], [cost] * count
    few, many = plan(*field, seconds), plan(*field, seconds + more)
    assert len(few) <= len(many)
    if len(few) == len(many):
        assert all(a.epochs <= b.epochs for a, b in zip(few, many, strict=True))


@settings(max_examples=60, deadline=None)
@given(fields())
def test_without_end_everybody_is_trained_the_longest(field):
    assert named(plan(*field, 1e9)) == [(each.name, int(LONGEST * each.epochs)) for each in field[0]]


@pytest.mark.parametrize(
    ("seconds", "first"),
    [
        (0, ("b", 1)),  # nothing fits: the cheapest, an epoch at least
        (17, ("b", 4)),  # still nothing: b would need 5 x 3 + 3
        (18, ("b", 5)),
        (32, ("b", 9)),  # a would need 5 x 6 + 3
        (33, ("a", 5)),
        (48, ("a", 7)),
        (63, ("a", 10)),  # whole: 10 x 6 + 3; nothing is left for b
        (80, ("a", 12)),  # 17 are, too few for b, so a is lengthened
    ],
)
def test_two_candidates_by_hand(monkeypatch, seconds, first):
    monkeypatch.setattr(portfolio, "MARGIN", 0.0)
    field = [one("a"), one("b")], [Cost(6, 3), Cost(3, 3)]
    assert named(plan(*field, seconds)) == [first]
    assert named(plan(*field, 81)) == [("a", 10), ("b", 5)]
    assert named(plan(*field, 95)) == [("a", 10), ("b", 9)]
    assert named(plan(*field, 96)) == [("a", 10), ("b", 10)]


def test_the_first_that_fits_with_its_least_epochs_goes_before_a_cheaper_one(monkeypatch):
    monkeypatch.setattr(portfolio, "MARGIN", 0.0)
    field = [one("a"), one("b")], [Cost(6, 3), Cost(5, 3)]
    assert named(plan(*field, 33)) == [("a", 5)]
    assert named(plan(*field, 32)) == [("b", 5)]
    assert named(plan(*field, 27, at_any_cost=False)) == []
    assert named(plan(*field, 27, at_any_cost=True)) == [("b", 4)]


def test_what_is_left_lengthens_all_alike(monkeypatch):
    monkeypatch.setattr(portfolio, "MARGIN", 0.0)
    field = [one("a", 10), one("b", 20)], [Cost(4, 5), Cost(1, 3)]
    assert named(plan(*field, 68)) == [("a", 10), ("b", 20)]
    assert named(plan(*field, 98)) == [("a", 15), ("b", 30)]
    assert named(plan(*field, 98, evaluating_s=15)) == [("a", 10), ("b", 20)]
    assert named(plan(*field, 97, evaluating_s=15)) == [("a", 10), ("b", 19)]


def test_nobody_wanted_is_no_plan():
    assert plan([], [], 100) == []


def weights():
    return sorted({each.arch for each in PORTFOLIO if each.pretrained})


@pytest.mark.parametrize("at_hand", [[], weights()[:1], weights()])
@pytest.mark.parametrize("median_px", [8, 16, 32, 47, 48, 49, 64, 128, 500])
def test_every_kind_of_images_has_candidates_and_only_those_made_for_it(median_px, at_hand):
    found = candidates(median_px, at_hand)
    assert found
    assert [each for each in PORTFOLIO if each in found] == found
    for each in found:
        assert each.smallest_px <= median_px <= each.biggest_px
        assert not each.pretrained or each.arch in at_hand
    assert any(each.pretrained for each in found) == bool(at_hand)
    assert not at_hand or all(each.with_weights for each in found)


def test_weights_that_are_not_in_the_portfolio_change_nothing():
    assert candidates(32, ["resnet18"]) == candidates(32, [])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2_000))
def test_images_are_never_enlarged_but_to_sixteen_and_never_beyond_the_largest(median_px):
    for each in PORTFOLIO:
        assert each.size_px(median_px) == sorted([16, median_px, each.largest_px])[1]


def test_a_line_of_the_portfolio_can_be_trained():
    for each in PORTFOLIO:
        assert 1 <= each.least_epochs <= each.epochs
        check(resolve(each.recipe, {**each.overrides, "epochs": each.epochs}))
        enlarged = {"input_px": each.input_px} if each.input_px else {}
        assert arch_options(each.arch, {**each.arch_option, **enlarged}, each.pretrained).items() >= enlarged.items()


def test_no_two_candidates_for_one_image_size_have_the_same_name_and_seed():
    for median_px in (16, 32, 48, 49, 128):
        for at_hand in ([], weights()):
            counted = Counter((each.name, each.seed) for each in candidates(median_px, at_hand))
            assert max(counted.values()) == 1
