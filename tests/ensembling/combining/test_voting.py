import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as scipy_softmax
from scipy.stats import rankdata

from ensemble_kit.ensembling.combining.voting import (
    cast_log_prob,
    cast_logit,
    cast_prob,
    cast_rank,
    cast_top1,
    combine,
    decide,
    merge_views,
    normalised,
    softmax,
)
from ensemble_kit.errors import InvalidOptionError, MisalignedError

MEMBERS, IMAGES, CLASSES = 3, 5, 7
LOGITS = np.random.default_rng(0).normal(size=(MEMBERS, IMAGES, CLASSES)).astype(np.float32)
WEIGHTS = np.array([0.2, 0.0, 1.4])


def test_softmax_is_scipys_even_for_huge_logits() -> None:
    logits = LOGITS.astype(np.float64) * 1e4
    np.testing.assert_allclose(softmax(logits), scipy_softmax(logits, axis=-1), rtol=1e-13)


def test_softmax_leaves_its_input_alone() -> None:
    before = LOGITS.copy()
    softmax(LOGITS)
    np.testing.assert_array_equal(before, LOGITS)


def test_logit_sum_is_the_weighted_mean_by_hand() -> None:
    by_hand = (0.2 * LOGITS[0].astype(np.float64) + 1.4 * LOGITS[2].astype(np.float64)) / 1.6
    np.testing.assert_allclose(combine(LOGITS, WEIGHTS, cast_logit), by_hand, rtol=1e-14)


def test_prob_mean_is_the_weighted_mean_of_probabilities() -> None:
    chances = scipy_softmax(LOGITS.astype(np.float64), axis=-1)
    np.testing.assert_allclose(combine(LOGITS, WEIGHTS, cast_prob), (chances[0] + 7 * chances[2]) / 8, rtol=1e-13)


def test_vote_shares_are_counted_by_hand() -> None:
    logits = np.array([[[5.0, 1.0, 0.0]], [[0.0, 9.0, 1.0]], [[2.0, 3.0, 1.0]]])
    np.testing.assert_allclose(combine(logits, np.array([2.0, 1.0, 1.0]), cast_top1), [[0.5, 0.5, 0.0]])


def test_a_vote_between_equal_logits_goes_to_the_lowest_class() -> None:
    np.testing.assert_array_equal(cast_top1(np.array([[[1.0, 4.0, 4.0]]])), [[[0.0, 1.0, 0.0]]])


def test_float16_logits_are_summed_in_float64() -> None:
    logits = np.full((1001, 1, 2), 0.1, dtype=np.float16)
    exact = float(np.float16(0.1))
    np.testing.assert_allclose(combine(logits, np.ones(1001)), [[exact, exact]], rtol=1e-14)
    assert combine(logits, np.ones(1001)).dtype == np.float64


def test_merging_views_is_the_logit_sum_of_members() -> None:
    np.testing.assert_array_equal(merge_views(LOGITS, WEIGHTS), combine(LOGITS, WEIGHTS, cast_logit))


def test_identity_alone_gives_its_logits_bit_by_bit() -> None:
    np.testing.assert_array_equal(merge_views(LOGITS, np.array([1.0, 0.0, 0.0])), LOGITS[0].astype(np.float64))


def test_huge_weights_do_not_overflow() -> None:
    np.testing.assert_array_equal(normalised(np.array([1e308, 1e308, 0.0]), 3), [0.5, 0.5, 0.0])


def test_too_few_weights_are_refused() -> None:
    with pytest.raises(MisalignedError, match="one weight for each of 3 members, got 2"):
        combine(LOGITS, np.ones(2))


@pytest.mark.parametrize("bad", [[-0.1, 1.0, 1.0], [0.0, 0.0, 0.0], [np.nan, 1.0, 1.0], [np.inf, 1.0, 1.0]])
def test_weights_that_are_no_weights_are_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidOptionError, match="finite weights >= 0 with at least one above 0"):
        combine(LOGITS, np.array(bad))


def test_ties_without_a_tie_break_go_to_the_lowest_class() -> None:
    assert decide(np.array([[1.0, 2.0, 2.0]])).tolist() == [1]


def test_vote_ties_go_to_the_larger_confidence_then_to_the_lowest_class() -> None:
    shares = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.3, 0.5, 0.2]])
    confidence = np.array([[0.3, 0.5, 0.9], [0.5, 0.3, 0.9], [0.4, 0.4, 0.9], [0.9, 0.1, 0.0]])
    assert decide(shares, confidence).tolist() == [1, 0, 0, 1]


def test_vote_ties_do_not_depend_on_the_order_of_summing() -> None:
    shares = np.array([[0.1 + 0.2 + 0.15, 0.45, 0.1], [0.45, 0.15 + 0.1 + 0.2, 0.1]])
    assert shares[0, 0] != shares[0, 1]  # the rounding that must not decide
    assert decide(shares, np.array([[0.2, 0.7, 0.1], [0.7, 0.2, 0.1]])).tolist() == [1, 0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_deciding_a_batch_is_deciding_each_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    shares, confidence = random.integers(0, 3, size=(2, 3, 5, 7)) / 4
    together = decide(shares, confidence)
    for member in range(3):
        np.testing.assert_array_equal(together[member], decide(shares[member], confidence[member]))


def test_the_mean_of_log_probabilities_is_the_geometric_mean() -> None:
    logits = np.random.default_rng(3).normal(size=(MEMBERS, IMAGES, CLASSES))
    weights = np.array([0.5, 0.2, 0.3])
    product = np.prod(scipy_softmax(logits, axis=-1) ** weights[:, None, None], axis=0)
    found = softmax(combine(logits, weights, cast_log_prob))
    np.testing.assert_allclose(found, product / product.sum(axis=-1, keepdims=True), rtol=1e-10)


def test_a_geometric_mean_says_what_the_logit_sum_says() -> None:
    logits = 300 * np.random.default_rng(4).normal(size=(MEMBERS, IMAGES, CLASSES))
    weights = np.array([0.5, 0.2, 0.3])
    np.testing.assert_allclose(
        softmax(combine(logits, weights, cast_log_prob)), softmax(combine(logits, weights)), atol=1e-9
    )
    assert np.isfinite(cast_log_prob(logits)).all()


@pytest.mark.parametrize("ties", [False, True])
def test_points_are_ranks_as_scipy_has_them(ties: bool) -> None:
    random = np.random.default_rng(5)
    logits = random.integers(-2, 3, size=(MEMBERS, IMAGES, CLASSES)) / 2.0 if ties else random.normal(size=(2, 3, 5))
    classes = logits.shape[-1]
    expected = (rankdata(logits, axis=-1) - 1) / (classes - 1)
    np.testing.assert_allclose(cast_rank(logits), expected, atol=1e-15)


def test_one_class_alone_has_no_points() -> None:
    assert cast_rank(np.ones((1, 2, 1))).tolist() == [[[0.0], [0.0]]]


def test_weighted_soft_votes_are_those_of_the_published_table() -> None:
    # scikit-learn's user guide, "Weighted average probabilities (soft voting)": 0.37, 0.4, 0.23, so class 2 wins
    chances = np.array([[[0.2, 0.5, 0.3]], [[0.6, 0.3, 0.1]], [[0.3, 0.4, 0.3]]])
    found = combine(np.log(chances), np.ones(3), cast_prob)
    np.testing.assert_allclose(found, [[0.37, 0.4, 0.23]], atol=0.005)
    assert decide(found).tolist() == [1]
    heavier = combine(np.log(chances), np.array([1.0, 2.0, 1.0]), cast_prob)
    np.testing.assert_allclose(heavier, [[1.7 / 4, 1.5 / 4, 0.8 / 4]], atol=1e-12)
    assert decide(heavier).tolist() == [0]


def test_ties_go_by_weight_then_by_confidence_then_to_the_lowest_class() -> None:
    sure, doubtful = np.array([0.0, 4.0, 0.0]), np.array([1.0, 0.0, 0.0])
    logits = np.stack([sure, doubtful])[:, None]
    said = [
        decide(combine(logits, weights, cast_top1), combine(logits, weights, cast_prob)).tolist()
        for weights in (np.array([1.0, 1.1]), np.array([1.0, 1.0]))
    ]
    assert said == [[0], [1]]  # the heavier vote; then, at equal weights, the surer one
    even = np.stack([np.array([0.0, 2.0, 0.0]), np.array([2.0, 0.0, 0.0])])[:, None]
    halves = np.array([0.5, 0.5])
    assert decide(combine(even, halves, cast_top1), combine(even, halves, cast_prob)).tolist() == [0]
