"""How a budget of time is shared among candidates: laws, and examples worked by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.pipeline.auto.portfolio import (
    LONGEST,
    PORTFOLIO,
    WANTED,
    Candidate,
    Cost,
    candidates,
    every_candidate,
    plan,
)
from ensemble_kit.pipeline.models.build import arch_options
from ensemble_kit.training.recipes import check, resolve
from models_zoo import IMAGENET

SECONDS = st.floats(0, 5_000)
COSTS = st.builds(Cost, epoch_s=st.floats(0.01, 300), view_s=st.floats(0, 10), once_s=st.floats(0, 20))
VIEWS = 11


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


def seconds_of(cost, epochs, views):
    return epochs * cost.epoch_s + views * cost.view_s + cost.once_s


def first_come(field, seconds, whole):
    """The names of those that fit one after the other, with all of their epochs or with the least."""
    names = []
    for each, cost in zip(*field, strict=True):
        needed = seconds_of(cost, each.epochs, VIEWS) if whole else seconds_of(cost, each.least_epochs, 1)
        if needed <= seconds:
            names.append(each.name)
            seconds -= needed
    return names


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS, st.integers(0, 4))
def test_a_plan_takes_all_of_the_time_unless_everybody_has_the_longest(field, seconds, done):
    planned = plan(*field, seconds, VIEWS, done)
    total = sum(step.seconds for step in planned)
    assert total <= seconds * (1 + 1e-6) + 1e-6
    longest = all(step.epochs == int(LONGEST * step.candidate.epochs + 1e-9) for step in planned)
    cost_of = dict(zip([each.name for each in field[0]], field[1], strict=True))
    a_view_s = sum(cost_of[step.candidate.name].view_s for step in planned)  # views are whole
    assert longest or not planned or total >= seconds - 1.01 * a_view_s - 1e-3


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS, st.integers(0, 4))
def test_who_fits_whole_is_taken_and_where_those_are_few_shorter_ones_are(field, seconds, done):
    chosen = [step.candidate.name for step in plan(*field, seconds, VIEWS, done)]
    whole, short = (first_come(field, seconds, kind) for kind in (True, False))
    short = short[: max(0, WANTED - done)]
    expected = whole if len(whole) + done >= WANTED or len(short) < len(whole) else short
    if expected or done or not field[0]:
        assert chosen == expected
    else:
        assert len(chosen) == 1  # nobody fits: one has what there is


@settings(max_examples=60, deadline=None)
@given(fields(), SECONDS, st.integers(0, 4))
def test_nobody_gets_fewer_epochs_than_the_least_nor_more_than_the_longest(field, seconds, done):
    planned = plan(*field, seconds, VIEWS, done)
    for step in planned:
        assert step.epochs <= LONGEST * step.candidate.epochs
        assert step.epochs >= step.candidate.least_epochs or not (done or first_come(field, seconds, whole=False))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), COSTS, SECONDS, st.floats(0, 5_000))
def test_more_time_never_means_fewer_members_where_all_cost_the_same(count, cost, seconds, more):
    field = [one(str(i)) for i in range(count)], [cost] * count
    few, many = plan(*field, seconds, VIEWS), plan(*field, seconds + more, VIEWS)
    assert len(few) <= len(many)
    if len(few) == len(many):
        assert all(a.epochs <= b.epochs for a, b in zip(few, many, strict=True))


@settings(max_examples=60, deadline=None)
@given(fields())
def test_without_end_everybody_is_trained_the_longest(field):
    assert named(plan(*field, 1e9, VIEWS)) == [(each.name, int(LONGEST * each.epochs)) for each in field[0]]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (8, [("b", 1)]),  # nobody fits: b comes nearer to its ten, at half the cost
        (16, [("b", 4)]),  # 3 + 1 at once, then 3 an epoch
        (19, [("b", 5)]),
        (34, [("a", 5)]),  # its least, 5 x 6 + 3 + 1, and no room for b
        (53, [("a", 5), ("b", 5)]),
        (73, [("a", 6), ("b", 6)]),  # six tenths of all: 36 + 6 + 3 and 18 + 6 + 3, and a second
        (118, [("a", 10), ("b", 10)]),  # 60 + 13 and 30 + 13, and two seconds
        (1000, [("a", 20), ("b", 20)]),
    ],
)
def test_two_candidates_by_hand(seconds, expected):
    field = [one("a"), one("b")], [Cost(6, 1, 3), Cost(3, 1, 3)]
    assert named(plan(*field, seconds, views=10)) == expected


def test_where_three_fit_by_their_least_there_are_three_and_kinds_are_not_passed_over():
    field = [one(name) for name in "abcd"], [Cost(6, 1, 3), Cost(3, 1, 3), Cost(6, 1, 3), Cost(1, 1, 3)]
    assert [name for name, _ in named(plan(*field, 90, views=10))] == ["a", "b", "c"]
    assert [name for name, _ in named(plan(*field, 90, views=10, done=2))] == ["a"]
    assert [name for name, _ in named(plan(*field, 130, views=10, done=3))] == ["a", "b"]


def test_nobody_wanted_is_no_plan():
    assert plan([], [], 100, VIEWS) == []


LITE = [f"timm:tf_efficientnet_lite{number}" for number in range(3)]
OTHERS = ["timm:hgnetv2_b1", "timm:resnet18", "timm:regnety_004"]
AT_HAND = [[], LITE[:1], LITE, [*OTHERS, LITE[0]], [LITE[0], "timm:resnet18", *LITE[1:]]]


@pytest.mark.parametrize("at_hand", AT_HAND)
@pytest.mark.parametrize("median_px", [8, 16, 32, 47, 48, 49, 64, 128, 500])
def test_every_kind_of_images_has_candidates_and_only_those_made_for_it(median_px, at_hand):
    found = candidates(median_px, at_hand)
    scratch = [each for each in found if not each.pretrained]
    assert scratch
    assert scratch == [each for each in PORTFOLIO if each in scratch]
    for each in found:
        assert each.smallest_px <= median_px <= each.biggest_px
        assert not each.pretrained or each.arch in at_hand
    assert {each.arch for each in found if each.pretrained} == set(at_hand)
    assert not at_hand or found[0].pretrained != found[1].pretrained  # kinds take turns


def order(median_px, at_hand):
    return ", ".join(f"{each.name} {each.seed}" for each in candidates(median_px, at_hand))


@pytest.mark.parametrize("median_px", [16, 48])
def test_small_images_and_efficientnet_lite_alone(median_px):
    found = candidates(median_px, LITE)
    assert order(median_px, LITE) == (
        "cnn-deep 0, lite0 0, cnn 0, cnn-deep 1, lite0 1, cnn-deep 2, lite1 2, lite2 3, cnn-deep 3"
    )
    assert {(each.largest_px, each.input_px) for each in found if each.pretrained} == {(128, 112)}
    assert {(each.name, each.largest_px) for each in found if not each.pretrained} == {("cnn-deep", 40), ("cnn", 32)}


@pytest.mark.parametrize("median_px", [49, 500])
def test_large_images_and_efficientnet_lite_alone(median_px):
    found = candidates(median_px, LITE)
    assert order(median_px, LITE) == (
        "lite0 0, cnn-deep 0, cnn 0, lite0 1, cnn-deep 1, lite1 2, cnn-deep 2, lite2 3, cnn-deep 3"
    )
    assert {(each.name, each.largest_px) for each in found if not each.pretrained} == {("cnn-deep", 64), ("cnn", 32)}


@pytest.mark.parametrize("median_px", [16, 500])
def test_without_weights_the_quick_one_is_second(median_px):
    assert order(median_px, []) == "cnn-deep 0, cnn 0, cnn-deep 1, cnn-deep 2, cnn-deep 3"


def test_families_take_turns_then_the_first_comes_once_more_then_their_other_sizes():
    pretrained = [each for each in candidates(32, ["timm:resnet34", *LITE[:2], "timm:resnet18"]) if each.pretrained]
    assert [each.name for each in pretrained] == ["resnet34", "lite0", "resnet34", "lite1", "resnet18"]
    assert [each.seed for each in pretrained] == [0, 1, 2, 3, 4]


def test_weights_that_are_not_in_the_portfolio_change_nothing():
    assert candidates(32, ["resnet18"]) == candidates(32, [])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2_000))
def test_images_are_never_enlarged_but_to_sixteen_and_never_beyond_the_largest(median_px):
    for each in every_candidate():
        assert each.size_px(median_px) == sorted([16, median_px, each.largest_px])[1]


def test_a_line_of_the_portfolio_can_be_trained():
    for each in every_candidate():
        assert 1 <= each.least_epochs <= each.epochs
        check(resolve(each.recipe, {**each.overrides, "epochs": each.epochs}))
        enlarged = {"input_px": each.input_px} if each.input_px else {}
        assert arch_options(each.arch, {**each.arch_option, **enlarged}, each.pretrained).items() >= enlarged.items()


def test_no_two_candidates_for_one_image_size_have_the_same_name_and_seed():
    for median_px in (16, 32, 48, 49, 128):
        for at_hand in (*AT_HAND, [*IMAGENET]):
            counted = Counter((each.name, each.seed) for each in candidates(median_px, at_hand))
            assert max(counted.values()) == 1


@pytest.mark.parametrize("at_hand", AT_HAND)
@pytest.mark.parametrize("median_px", [16, 48, 49, 500])
def test_all_kinds_have_had_a_turn_before_one_has_its_second(median_px, at_hand):
    kinds = ["pretrained" if each.pretrained else each.name for each in candidates(median_px, at_hand)]
    first = ["cnn-deep", *["pretrained"][: len(at_hand)]]
    first = [*(first if median_px <= 48 else first[::-1]), "cnn"]
    assert kinds[: len(first)] == first
    assert kinds[len(first)] == first[0]
    assert kinds.count("cnn") == 1


@pytest.mark.parametrize("median_px", [16, 500])
def test_the_quick_one_is_there_where_others_are_too_slow_and_takes_no_place_of_theirs(median_px):
    def planned(seconds):
        field = candidates(median_px, LITE[:1])
        costs = {"cnn": Cost(1, 0, 2), "cnn-deep": Cost(10, 0, 2), "lite0": Cost(30, 0, 2)}
        return {step.candidate.name for step in plan(field, [costs[each.name] for each in field], seconds, VIEWS)}

    assert planned(100) == {"cnn"}  # the least of lite0: 5 x 30 + 2 s
    assert planned(160) == {"lite0"}  # with its least; cnn with all its epochs would be one alone too
    assert planned(170) == {"cnn", "lite0"}  # the least of both: 152 + 18
    assert planned(420) == {"cnn", "lite0", "cnn-deep"}  # 152 + 18 + 242, with which no other is there
