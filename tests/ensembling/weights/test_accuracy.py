import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ensemble_kit.ensembling.combining.voting import (
    BORDA,
    GEO_MEAN,
    LOGIT_SUM,
    MAJORITY_VOTE,
    PROB_MEAN,
    Voting,
    cast_prob,
    combine,
    decide,
)
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.weights.accuracy import accuracy, along, climb
from ensemble_kit.ensembling.weights.evidence import Evidence, equal
from ensemble_kit.ensembling.weights.greedy import greedy
from ensemble_kit.ensembling.weights.margins import Margins, margins_of, right

MEMBERS, IMAGES, CLASSES = 5, 103, 7
EVERY = [LOGIT_SUM, PROB_MEAN, GEO_MEAN, MAJORITY_VOTE, BORDA]


def evidence(voting: Voting, seed: int = 0) -> Evidence:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    shared = random.normal(size=(IMAGES, CLASSES))
    strengths = np.linspace(0.8, 2.0, MEMBERS)[:, None, None]
    logits = strengths * np.eye(CLASSES)[labels] + 0.5 * shared + random.normal(size=(MEMBERS, IMAGES, CLASSES))
    fold = fold_of([f"{place:05d}" for place in range(IMAGES)], labels)
    return Evidence(voting, logits, labels, fold, None, np.full(MEMBERS, 1 / MEMBERS))


def margins(seen: Evidence) -> Margins:
    ties = cast_prob(seen.logits) if seen.voting.unit == "votes" else None
    return margins_of(seen.voting.cast(seen.logits), seen.labels, ties)


def by_argmax(seen: Evidence, weights: np.ndarray) -> int:
    """How many images are right when scores are added up and the winner is read off."""
    ties = combine(seen.logits, weights, cast_prob) if seen.voting.unit == "votes" else None
    return int((decide(combine(seen.logits, weights, seen.voting.cast), ties) == seen.labels).sum())


@pytest.mark.parametrize("voting", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_no_point_of_a_fine_grid_on_the_same_coordinate_has_more_right(voting: Voting, seed: int) -> None:
    seen = evidence(voting, seed)
    weights = np.random.default_rng(seed).dirichlet(np.ones(MEMBERS))
    for member in range(MEMBERS):
        others = np.where(np.arange(MEMBERS) == member, 0, weights)
        moved = along(margins(seen), weights, member)
        kept = np.delete(moved, member)
        np.testing.assert_allclose(kept / kept.sum(), np.delete(others / others.sum(), member), atol=1e-12)
        grid = [
            by_argmax(seen, (1 - share) * others / others.sum() + share * np.eye(MEMBERS)[member])
            for share in np.linspace(0, 1, 601)
        ]
        assert by_argmax(seen, moved) >= max(grid)


def test_the_middle_of_the_widest_best_interval_is_taken() -> None:
    # one rival: the label leads by 1 - 4t, 3t - 1, 1 - t for shares t of the second member, so
    # images are right for t < 1/4, t > 1/3 and t < 1: two are right on [0, 1/4) and (1/3, 1)
    lead = np.array([[1.0, -1.0, 1.0], [-3.0, 2.0, 0.0]])
    cast = np.stack([lead, np.zeros_like(lead)], axis=2)
    labels = np.zeros(3, dtype=np.int64)
    found = along(margins_of(cast, labels), np.array([0.9, 0.1]), 1)
    np.testing.assert_allclose(found, [1 / 3, 2 / 3], atol=1e-9)


def test_intervals_that_meet_with_the_same_count_are_one() -> None:
    # image 0 is right below t = 1/2, image 1 from there on, image 2 from 1/5 to 4/5: its middle is 1/2
    lead = np.array([[1.0, -1.0, -1.0, 4.0], [-1.0, 1.0, 4.0, -1.0]])
    cast = np.zeros((2, 3, 3))
    cast[:, 0, 1:] = -lead[:, :1]
    cast[:, 1, 1:] = -lead[:, 1:2]
    cast[:, 2, 1:] = -lead[:, 2:]
    found = along(margins_of(cast, np.zeros(3, dtype=np.int64)), np.array([0.1, 0.9]), 0)
    np.testing.assert_allclose(found, [0.5, 0.5], atol=1e-9)


@given(
    st.integers(0, 2**32 - 1),
    arrays(np.int8, 3, elements=st.integers(0, 8)).filter(lambda weights: weights.any()),
)
@settings(max_examples=60, deadline=None)
def test_ties_of_quantised_logits_are_counted_as_argmax_has_them(seed: int, weights: np.ndarray) -> None:
    random = np.random.default_rng(seed)
    cast = random.integers(-2, 3, size=(3, 53, 4)) / 2.0
    labels = random.integers(4, size=53)
    exact = weights / 8.0
    expected = int((np.tensordot(exact, cast, axes=1).argmax(axis=-1) == labels).sum())
    assert int(right(margins_of(cast, labels), exact)) == expected


@given(st.integers(0, 2**32 - 1), st.sampled_from(EVERY))
@settings(max_examples=40, deadline=None)
def test_the_search_never_ends_below_where_it_started(seed: int, voting: Voting) -> None:
    random = np.random.default_rng(seed)
    logits = random.integers(-2, 3, size=(3, 31, 4)) / 2.0
    seen = Evidence(voting, logits, random.integers(4, size=31), np.zeros(31, dtype=np.int64), None, np.ones(3) / 3)
    start = random.dirichlet(np.ones(3))
    assert right(margins(seen), climb(margins(seen), start)) >= right(margins(seen), start)


@pytest.mark.parametrize("voting", EVERY)
def test_accuracy_is_never_below_greedy_or_equal_on_its_own_rows(voting: Voting) -> None:
    for seed in range(3):
        seen = evidence(voting, seed)
        found = by_argmax(seen, accuracy(seen).weights)
        assert found >= max(by_argmax(seen, greedy(seen).weights), by_argmax(seen, equal(seen).weights))


def test_a_member_with_all_the_weight_stays_as_it_is() -> None:
    weights = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    assert along(margins(evidence(LOGIT_SUM)), weights, 1).tolist() == weights.tolist()


def test_images_that_no_weights_decide_leave_the_middle() -> None:
    labels = np.zeros(3, dtype=np.int64)
    cast = np.tile(np.array([1.0, 0.0, 0.0]), (2, 3, 1))
    assert along(margins_of(cast, labels), np.array([0.9, 0.1]), 0).tolist() == [0.5, 0.5]
