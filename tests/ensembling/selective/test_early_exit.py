from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ensemble_kit.ensembling.combining.apply import predict
from ensemble_kit.ensembling.combining.voting import cast_prob, cast_rank, cast_top1
from ensemble_kit.ensembling.selective.early_exit import (
    EarlyExitRule,
    cast,
    count,
    exact_rule,
    lead,
    ordered,
    replay,
    saved,
    settled,
    winners,
)
from ensemble_kit.errors import InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.types import Pool, Tuned

VIEWS, IMAGES, CLASSES = 5, 11, 3
BOUNDED = ["borda", "majority-vote", "prob-mean"]
FINITE = st.sampled_from([-7.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 30.0]) | st.floats(-50, 50, width=32)
WEIGHT = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 1.0, 2.0]) | st.floats(0, 3)
SOME_LOGITS = arrays(np.float32, (VIEWS, IMAGES, CLASSES), elements=FINITE)
SOME_WEIGHTS = arrays(np.float64, VIEWS, elements=WEIGHT).filter(lambda weights: weights.max() > 1e-3)


def of_all(logits: np.ndarray, weights: np.ndarray, method: str, temperature: float = 1.0) -> np.ndarray:
    """The decision of a pool whose members are the views."""
    members = tuple(f"view-{view}" for view in range(len(logits)))
    pool = Pool(
        members,
        (("identity",),) * len(members),
        tuple(logits[:, None]),
        tuple(map(str, range(logits.shape[1]))),
        tuple(map(str, range(logits.shape[2]))),
    )
    one = (np.ones(1),) * len(members)
    return predict(pool, Tuned(method, one, np.full(len(members), temperature), weights))


def drawn(seed: int, images: int = 211, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=images)
    core = 3 * np.eye(classes)[labels] + random.normal(size=(images, classes))
    return (core + random.normal(size=(VIEWS, images, classes))).astype(np.float32), labels


@pytest.mark.parametrize("method", BOUNDED)
@given(logits=SOME_LOGITS, weights=SOME_WEIGHTS, temperature=st.sampled_from([0.3, 1.0, 4.0]))
@settings(max_examples=60, deadline=None)
def test_an_exact_stop_decides_as_the_views_all_together(
    method: str, logits: np.ndarray, weights: np.ndarray, temperature: float
) -> None:
    found = replay(exact_rule(method, weights, temperature), logits)
    order = np.argsort(-weights, kind="stable")  # the pool in the order of looking: the same sums, ties and all
    np.testing.assert_array_equal(found.predicted, of_all(logits[order], weights[order], method, temperature))


@pytest.mark.parametrize("method", BOUNDED)
@given(logits=SOME_LOGITS, weights=SOME_WEIGHTS)
@settings(max_examples=40, deadline=None)
def test_the_order_of_summing_matters_to_nothing_but_the_last_bit_of_probabilities(
    method: str, logits: np.ndarray, weights: np.ndarray
) -> None:
    rule = exact_rule(method, weights)
    found, expected = replay(rule, logits), of_all(logits, weights, method)
    shares = weights / weights.sum()
    close = lead(np.tensordot(shares, cast_prob(logits), axes=1)) < 1e-11
    early = found.steps < len(rule.order)
    np.testing.assert_array_equal(found.predicted[early | ~close], expected[early | ~close])


@given(logits=SOME_LOGITS, weights=SOME_WEIGHTS, method=st.sampled_from(BOUNDED), others=SOME_LOGITS)
@settings(max_examples=40, deadline=None)
def test_nothing_that_the_views_left_could_say_turns_what_is_settled(
    logits: np.ndarray, weights: np.ndarray, method: str, others: np.ndarray
) -> None:
    rule = exact_rule(method, weights)
    found = replay(rule, logits)
    for step, view in enumerate(rule.order):
        unseen = found.steps <= step  # what these images would have said is anyone's guess
        logits[view, unseen] = 40 * others[view, unseen]
    again = replay(rule, logits)
    early = found.steps < len(rule.order)
    np.testing.assert_array_equal(again.steps[early], found.steps[early])
    order = np.argsort(-weights, kind="stable")
    np.testing.assert_array_equal(found.predicted[early], of_all(logits[order], weights[order], method)[early])


@pytest.mark.parametrize("method", BOUNDED)
def test_an_image_stops_at_the_first_look_at_which_rivals_voting_as_one_are_too_few(method: str) -> None:
    logits, _ = drawn(0, images=53)
    weights = np.array([0.1, 0.3, 0.2, 0.3, 0.1])
    rule = exact_rule(method, weights)
    assert rule.order == (1, 3, 2, 0, 4)
    votes = {"borda": cast_rank, "majority-vote": cast_top1, "prob-mean": cast_prob}[method](logits)
    taken = replay(rule, logits).steps
    for image in range(53):
        for steps in range(1, 6):
            seen = sum(weights[view] * votes[view, image] for view in rule.order[:steps])
            left = weights[list(rule.order[steps:])].sum()
            # the worst that can happen: what is left all goes to one rival
            turned = [seen + left * np.eye(7)[rival] for rival in range(7) if rival != seen.argmax()]
            if all(scores.argmax() == seen.argmax() and np.ptp(np.sort(scores)[-2:]) > 1e-8 for scores in turned):
                break
        assert taken[image] == steps
    assert len(set(taken)) > 1  # some stop early, some do not


def test_three_votes_of_five_settle_it_and_a_draw_never_does() -> None:
    first, second = [9.0, 0.0], [0.0, 9.0]
    logits = np.array([[first, first, first]] * 2 + [[first, second, first], [second, second, first], [first] * 3])
    found = replay(exact_rule("majority-vote", np.ones(5)), logits)
    assert found.steps.tolist() == [3, 5, 3]
    assert found.predicted.tolist() == [0, 0, 0]
    drawn_vote = replay(exact_rule("majority-vote", np.ones(2)), np.array([[[2.0, 0.0]], [[0.0, 3.0]]]))
    assert (drawn_vote.steps.tolist(), drawn_vote.predicted.tolist()) == ([2], [1])  # the surer vote breaks the draw


@pytest.mark.parametrize("method", [*BOUNDED, "logit-sum", "geo-mean"])
def test_live_prediction_in_batches_agrees_with_the_replay_bit_by_bit(method: str) -> None:
    logits, _ = drawn(1)
    weights = np.array([0.15, 0.3, 0.25, 0.2, 0.1])
    if method in BOUNDED:
        rule = exact_rule(method, weights, temperature=1.7)
    else:
        rule = EarlyExitRule("margin", method, (1, 2, 3, 0, 4), (0.3, 0.25, 0.2, 0.15, 0.1), 1.5, 1.7)
    predicted, taken = np.full(211, -1), np.zeros(211, int)
    tallies = []
    for batch in np.array_split(np.random.default_rng(2).permutation(211), 23):
        left, tally = batch, None
        for step, view in enumerate(rule.order):
            tally = count(rule, tally, step, np.asfortranarray(logits[view, left]))
            done = settled(rule, tally, step + 1)
            predicted[left[done]], taken[left[done]] = winners(tally[:, done]), step + 1
            tallies.append((step, left, tally))
            left, tally = left[~done], tally[:, ~done]
            if not len(left):
                break
    found = replay(rule, logits)
    np.testing.assert_array_equal(predicted, found.predicted)
    np.testing.assert_array_equal(taken, found.steps)
    whole = [None]
    for step, view in enumerate(rule.order):
        whole.append(count(rule, whole[-1], step, logits[view]))
    assert all((tally == whole[step + 1][:, left]).all() for step, left, tally in tallies)


def test_a_margin_stops_where_the_mean_so_far_leads_by_more_than_the_threshold() -> None:
    rule = EarlyExitRule("margin", "logit-sum", (2, 0, 1), (0.5, 0.25, 0.25), threshold=1.0, temperature=2.0)
    logits = np.array([[[0.0, 9.0], [8.1, 0.0], [0.0, 0.0]], [[7.0, 0.0]] * 3, [[2.1, 0.0], [0.0, 1.0], [2.0, 0.0]]])
    found = replay(rule, logits)
    # leads in nats: 1.05; -0.5, then (-0.5 * 2 + 4.05) / 3; 1.0 exactly, then 2 / 3, then all
    assert found.steps.tolist() == [1, 2, 3]
    assert found.predicted.tolist() == [0, 0, 0]
    never = replay(replace(rule, threshold=np.inf), logits)
    assert never.steps.tolist() == [3, 3, 3]
    np.testing.assert_array_equal(never.predicted, of_all(logits, np.array([0.25, 0.25, 0.5]), "logit-sum"))


def test_views_of_weight_0_are_never_looked_at_and_a_share_of_the_rest_is_saved() -> None:
    rule = exact_rule("majority-vote", np.array([0.0, 1.0, 1.0, 1.0, 0.0]))
    assert rule.order == (1, 2, 3)
    logits, _ = drawn(3)
    logits[[0, 4]] = np.nan
    taken = replay(rule, logits).steps
    assert saved(rule, taken) == pytest.approx((taken == 2).mean() / 3)
    assert saved(rule, taken[:0]) == 0.0


@pytest.mark.parametrize("classes", [1, 2])
def test_a_single_class_needs_one_look(classes: int) -> None:
    logits = np.zeros((3, 5, classes))
    assert set(replay(exact_rule("prob-mean", np.ones(3)), logits).steps) == {1 if classes == 1 else 3}


def test_half_precision_casts_as_double_does() -> None:
    logits, _ = drawn(4)
    halves = logits.astype(np.float16)
    rule = exact_rule("prob-mean", np.ones(VIEWS))
    np.testing.assert_array_equal(cast(rule, halves[0]), cast_prob(halves[:1].astype(np.float64)))
    assert cast(rule, halves[0]).dtype == np.float64


@pytest.mark.parametrize("method", ["logit-sum", "geo-mean"])
def test_a_method_without_bounds_has_no_exact_stop(method: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"Wanted a method with bounds for an exact stop, got '{method}'"):
        exact_rule(method, np.ones(3))


def test_unknown_methods_bad_weights_and_missing_views_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'borda'"):
        exact_rule("bordo", np.ones(3))
    with pytest.raises(InvalidOptionError, match="finite weights >= 0"):
        exact_rule("borda", np.array([1.0, -1.0]))
    with pytest.raises(MisalignedError, match="takes view 4, and there are 3 views"):
        replay(exact_rule("borda", np.ones(5)), np.zeros((3, 7, 2)))


def test_an_order_that_is_given_is_kept_and_must_hold_every_look_of_a_weight() -> None:
    assert ordered(np.array([1.0, 0.0, 3.0]), [0, 2]) == ((0, 2), (0.25, 0.75))
    for order in ([0], [0, 2, 2], [0, 1, 2]):
        with pytest.raises(MisalignedError, match=r"Wanted an order of the steps \[0, 2\], each once, got"):
            ordered(np.array([1.0, 0.0, 3.0]), order)


def test_what_is_saved_is_counted_in_costs_where_they_are_known() -> None:
    rule = exact_rule("majority-vote", np.array([1.0, 1.0, 0.0, 1.0]), order=[3, 0, 1])
    costs = np.array([2.0, 4.0, 100.0, 1.0])
    assert saved(rule, np.array([1, 2, 3, 3])) == pytest.approx(1 - 9 / 12)
    assert saved(rule, np.array([1, 2, 3, 3]), costs) == pytest.approx(1 - (1 + 3 + 7 + 7) / 28)
