import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from ensemble_kit.ensembling.combining.apply import predict, probabilities
from ensemble_kit.ensembling.selective.early_exit import EarlyExitRule, exact_rule, ordered, replay
from ensemble_kit.ensembling.selective.partial_blend import (
    answer,
    answers,
    apart,
    by_value_for_cost,
    runs_each_view,
    whole_steps,
)
from ensemble_kit.types import Pool, Tuned

IMAGES, CLASSES = 13, 5
VIEWS = (3, 1, 2)
BOUNDED = ["borda", "majority-vote", "prob-mean"]
FINITE = st.sampled_from([-7.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 30.0]) | st.floats(-50, 50, width=32)
SHARE = st.sampled_from([0.0, 0.5, 1.0, 1.0]) | st.floats(0, 3)


def pool_of(logits: list[np.ndarray]) -> Pool:
    return Pool(
        tuple(f"member-{place}" for place in range(len(logits))),
        tuple(tuple(f"view-{view}" for view in range(len(one))) for one in logits),
        tuple(logits),
        tuple(map(str, range(logits[0].shape[1]))),
        tuple(map(str, range(logits[0].shape[2]))),
    )


@st.composite
def blends(draw: st.DrawFn, votes: list[str]) -> tuple[Pool, Tuned]:
    """A pool of three members of several views, some of weight 0, with many ties among what they say."""
    logits = [draw(arrays(np.float32, (views, IMAGES, CLASSES), elements=FINITE)) for views in VIEWS]
    some = [draw(st.lists(SHARE, min_size=n, max_size=n).filter(lambda w: max(w) > 1e-3)) for n in (*VIEWS, 3)]
    views = tuple(np.array(one) / sum(one) for one in some[:-1])
    weights = np.array(some[-1]) / sum(some[-1])
    temperatures = np.array([draw(st.sampled_from([0.3, 1.0, 4.0])) for _ in VIEWS])
    return pool_of(logits), Tuned(draw(st.sampled_from(votes)), views, temperatures, weights, 0.7)


@given(blend=blends(BOUNDED), shuffle=st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_an_exact_cascade_decides_as_the_whole_blend_ties_and_all(blend: tuple[Pool, Tuned], shuffle: int) -> None:
    pool, tuned = blend
    plan = apart(tuned, each_view=False)
    order = np.random.default_rng(shuffle).permutation(len(plan.steps)).tolist()
    rule = exact_rule(tuned.method, plan.tuned.weights, order=order)
    taken = replay(rule, plan.logits(pool)).steps
    said = answers(whole_steps(tuned), plan, rule, pool, taken)
    np.testing.assert_array_equal(said.winners, predict(pool, tuned))
    everything = taken == len(order)
    np.testing.assert_array_equal(said.probabilities[everything], probabilities(pool, tuned)[everything])


@given(blend=blends(["logit-sum", "geo-mean"]))
@settings(max_examples=30, deadline=None)
def test_views_asked_one_by_one_are_the_same_sum_of_logits(blend: tuple[Pool, Tuned]) -> None:
    pool, tuned = blend
    plan = apart(tuned, each_view=True)
    assert all(len(step.views) == 1 for step in plan.steps)
    assert plan.tuned.weights.sum() == pytest.approx(1)
    there = probabilities(plan.pool(pool), plan.tuned)
    np.testing.assert_allclose(there, probabilities(pool, tuned), atol=1e-9)


def test_who_was_asked_answers_weighed_as_in_the_blend() -> None:
    random = np.random.default_rng(0)
    pool = pool_of([3 * random.normal(size=(views, IMAGES, CLASSES)) for views in VIEWS])
    tuned = Tuned(
        "prob-mean",
        (np.array([0.5, 0.0, 0.5]), np.ones(1), np.array([0.25, 0.75])),
        np.ones(3),
        np.array([0.2, 0.5, 0.3]),
    )
    plan = apart(tuned, each_view=False)
    rule = EarlyExitRule("exact", "prob-mean", (1, 2, 0), (0.5, 0.3, 0.2))
    taken = np.array([1, 2, 3] * 4 + [2])
    said = answers(whole_steps(tuned), plan, rule, pool, taken)
    merged = [np.tensordot(w, logits, axes=1) for w, logits in zip(tuned.view_weights, pool.logits, strict=True)]
    chances = [softmax(one, axis=1) for one in merged]
    for image, steps in enumerate(taken):
        asked = rule.order[:steps]
        share = sum(tuned.weights[m] for m in asked)
        expected = sum(tuned.weights[m] * chances[m][image] for m in asked) / share
        np.testing.assert_allclose(said.probabilities[image], expected)
        winner = expected.argmax()
        assert said.winners[image] == winner
        agree = sum(tuned.weights[m] for m in asked if merged[m][image].argmax() == winner)
        assert said.agreement[image] == pytest.approx(agree / share)


def test_what_was_not_asked_may_hold_anything() -> None:
    random = np.random.default_rng(1)
    pool = pool_of([random.normal(size=(views, IMAGES, CLASSES)) for views in VIEWS])
    tuned = Tuned(
        "logit-sum", (np.array([0.5, 0.5, 0.0]), np.ones(1), np.array([1.0, 0.0])), np.ones(3), np.ones(3) / 3
    )
    plan = apart(tuned, each_view=True)
    assert [tuple(step) for step in plan.steps] == [(0, (0,)), (0, (1,)), (1, (0,)), (2, (0,))]
    rule = EarlyExitRule("margin", "logit-sum", *ordered(plan.tuned.weights), threshold=1.0)
    taken = np.full(IMAGES, 2)  # members 1 and 2, the heaviest
    before = answers(whole_steps(tuned), plan, rule, pool, taken)
    pool.logits[0][:] = np.nan
    pool.logits[2][1] = np.nan
    after = answers(whole_steps(tuned), plan, rule, pool, taken)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_votes_of_members_agree_whatever_the_method() -> None:
    logits = [np.array([[[9.0, 0.0], [0.0, 1.0]]]), np.array([[[0.0, 1.0], [0.0, 2.0]]])]
    tuned = Tuned("logit-sum", (np.ones(1), np.ones(1)), np.ones(2), np.array([0.75, 0.25]))
    assert answer(pool_of(logits), tuned).agreement.tolist() == [0.75, 1.0]


def greedy_by_hand(logits: np.ndarray, weights: np.ndarray, costs: np.ndarray) -> list[int]:
    """The order, from the divergences as a textbook has them."""
    wanted = softmax(np.average(logits, axis=0, weights=weights), axis=1)
    left, order = [step for step in range(len(weights)) if weights[step]], []

    def distance(asked: list[int]) -> float:
        if not asked:
            said = np.full(wanted.shape, -np.log(wanted.shape[1]))
        else:
            said = log_softmax(np.average(logits[asked], axis=0, weights=weights[asked]), axis=1)
        return float((wanted * (np.log(wanted) - said)).sum(axis=1).mean())

    while left:
        best = max(left, key=lambda step: (distance(order) - distance([*order, step])) / costs[step])
        left.remove(best)
        order.append(best)
    return order


def test_looks_are_ordered_by_how_much_nearer_they_bring_for_their_cost() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(7, 53, CLASSES)) * np.array([1, 4, 2, 1, 3, 2, 1])[:, None, None]
    weights, costs = np.array([1.0, 2, 0, 1, 1, 3, 1]) / 9, np.array([1.0, 8, 1, 2, 3, 9, 1])
    found = by_value_for_cost(logits, weights, costs)
    assert list(found) == greedy_by_hand(logits, weights, costs)
    assert sorted(found) == [0, 1, 3, 4, 5, 6]
    assert by_value_for_cost(0.5 * logits, weights, costs, temperature=0.5) == found


def test_only_sums_of_logits_ask_view_by_view() -> None:
    assert [runs_each_view(name) for name in ("logit-sum", "geo-mean", *BOUNDED)] == [True, True, False, False, False]
