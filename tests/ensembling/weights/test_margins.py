"""Counting right images over pairs, against argmax of the whole weighted sum."""

from collections.abc import Callable

import numpy as np
import pytest

from ensemble_kit.ensembling.combining.ballots import cast_prob, decide
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.weights.margins import Pairs, pairs_of, right, won

MEMBERS, IMAGES, CLASSES = 5, 61, 7
Numbers = np.ndarray


def drawn(seed: int, members: int = MEMBERS, images: int = IMAGES, classes: int = CLASSES) -> tuple[Numbers, Numbers]:
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=images)
    strengths = np.linspace(0.0, 3.0, members)[:, None, None]
    common = random.normal(size=(images, classes))
    return strengths * np.eye(classes)[labels] + common + random.normal(size=(members, images, classes)), labels


def some_weights(seed: int, members: int = MEMBERS) -> Numbers:
    """Rows of weights that sum to 1: each member alone, all alike, some left out, and any."""
    random = np.random.default_rng(seed)
    left_out = random.integers(3, size=(11, members)) + np.eye(members)[random.integers(members, size=11)]
    rows = np.concatenate([np.eye(members), np.ones((1, members)), left_out, random.random((13, members))])
    return rows / rows.sum(axis=1, keepdims=True)


def lexicographic(shares: Numbers, confidence: Numbers) -> Numbers:
    """The winner by three rules in turn, image by image, in plain Python."""
    ranked = [
        [(round(s, 9), round(c, 9), -k) for k, (s, c) in enumerate(zip(*row, strict=True))]
        for row in zip(shares, confidence, strict=True)
    ]
    return np.array([row.index(max(row)) for row in ranked])


@pytest.mark.parametrize("ballot", ["logit-sum", "prob-mean", "geo-mean"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_right_images_are_those_of_argmax(ballot: str, seed: int) -> None:
    logits, labels = drawn(seed)
    cast = METHODS[ballot].load().cast(logits)
    pairs, weights = pairs_of(cast, labels), some_weights(seed)
    expected = [(np.tensordot(row, cast, axes=1).argmax(axis=1) == labels).sum() for row in weights]
    assert right(pairs, weights).tolist() == expected


@pytest.mark.parametrize("ballot", ["majority-vote", "borda"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_right_images_of_votes_go_by_share_then_confidence_then_class_index(ballot: str, seed: int) -> None:
    logits, labels = drawn(seed)
    logits[:, ::3] = logits[:, ::3].round()  # so that confidence ties too
    cast, confidence = METHODS[ballot].load().cast(logits), cast_prob(logits)
    pairs, weights = pairs_of(cast, labels, confidence), some_weights(seed)
    sums = [(np.tensordot(row, cast, axes=1), np.tensordot(row, confidence, axes=1)) for row in weights]
    expected = [(lexicographic(*both) == labels).sum() for both in sums]
    assert right(pairs, weights).tolist() == expected
    assert [(decide(*both) == labels).sum() for both in sums] == expected


@pytest.mark.parametrize("seed", range(5))
def test_ties_of_coarse_ballots_go_to_the_lowest_class_index(seed: int) -> None:
    random = np.random.default_rng(seed)
    cast = random.integers(3, size=(MEMBERS, IMAGES, CLASSES)) / 4
    labels = random.integers(CLASSES, size=IMAGES)
    whole = random.integers(3, size=(17, MEMBERS)) + np.eye(MEMBERS, dtype=int)[random.integers(MEMBERS, size=17)]
    sums = np.tensordot(whole, (4 * cast).astype(int), axes=1)  # whole numbers, so ties are exact
    assert right(pairs_of(cast, labels), whole / 4).tolist() == (sums.argmax(axis=2) == labels).sum(axis=1).tolist()


def rows_won(pairs: Pairs, weights: Numbers) -> Numbers:
    return pairs.image[won(pairs, weights @ pairs.lead)]


def test_the_images_that_are_won_are_those_that_argmax_has_right_and_weights_decide() -> None:
    logits, labels = drawn(3)
    pairs = pairs_of(logits, labels)
    for weights in some_weights(3):
        by_argmax = np.flatnonzero(np.tensordot(weights, logits, axes=1).argmax(axis=1) == labels)
        assert sorted(rows_won(pairs, weights)) == [row for row in by_argmax if row in pairs.image]
        assert pairs.always_right == len(by_argmax) - len(rows_won(pairs, weights))


def test_layers_hold_each_open_pair_once_and_images_with_more_pairs_first() -> None:
    logits, labels = drawn(4)
    pairs = pairs_of(logits, labels)
    assert sum(pairs.widths) == pairs.lead.shape[1] == len(pairs.floor)
    assert list(pairs.widths) == sorted(pairs.widths, reverse=True)
    amounts = np.zeros(len(pairs.image), dtype=int)
    for width in pairs.widths:
        amounts[:width] += 1
    for row, amount in zip(pairs.image, amounts, strict=True):
        leads = logits[:, row, labels[row]][:, None] - logits[:, row]
        rivals = np.delete(leads, labels[row], axis=1)
        assert amount == (rivals.min(axis=0) < 0).sum()
        assert (rivals.max(axis=0) > 0).all()


def test_every_pair_of_votes_has_a_member_on_either_side() -> None:
    logits, labels = drawn(5)
    pairs = pairs_of(METHODS["majority-vote"].load().cast(logits), labels, cast_prob(logits))
    assert pairs.tie_lead is not None
    assert ((pairs.lead.min(axis=0) < 0) | (pairs.tie_lead.min(axis=0) < 0)).all()
    assert ((pairs.lead.max(axis=0) > 0) | (pairs.tie_lead.max(axis=0) > 0)).all()


def test_float32_ballots_are_counted_as_the_same_numbers_in_float64() -> None:
    logits, labels = drawn(6)
    coarse = cast_prob(logits).astype(np.float32)
    pairs, same = pairs_of(coarse, labels), pairs_of(coarse.astype(np.float64), labels)
    assert pairs.lead.dtype == np.float64
    np.testing.assert_array_equal(pairs.lead, same.lead)
    assert pairs.image.tolist() == same.image.tolist()


@pytest.mark.parametrize("at_once", [1, 40, 10**9])
def test_the_size_of_blocks_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = drawn(7)
    expected = pairs_of(logits, labels)
    monkeypatch.setattr("ensemble_kit.ensembling.weights.margins._AT_ONCE", at_once)
    found = pairs_of(logits, labels)
    np.testing.assert_array_equal(found.lead, expected.lead)
    assert found.image.tolist() == expected.image.tolist()


def test_ballots_in_any_memory_order_are_counted_alike() -> None:
    logits, labels = drawn(8)
    np.testing.assert_array_equal(pairs_of(np.asfortranarray(logits), labels).lead, pairs_of(logits, labels).lead)


HOPELESS: dict[str, Callable[[Numbers], Numbers]] = {"right": lambda truth: truth, "wrong": lambda truth: -truth}


@pytest.mark.parametrize("kind", HOPELESS)
def test_images_that_everyone_has_right_or_wrong_need_no_pair(kind: str) -> None:
    labels = np.arange(IMAGES) % CLASSES
    cast = np.tile(HOPELESS[kind](np.eye(CLASSES)[labels]), (MEMBERS, 1, 1))
    pairs = pairs_of(cast, labels)
    assert pairs.lead.shape == (MEMBERS, 0)
    assert pairs.always_right == (IMAGES if kind == "right" else 0)
    assert right(pairs, some_weights(9)).tolist() == [pairs.always_right] * 30


def test_a_wrong_image_needs_no_pair_though_members_differ_on_other_classes() -> None:
    cast = np.array([[[0.2, 0.5, 0.3]], [[0.3, 0.6, 0.1]]])
    assert pairs_of(cast, np.array([0])).lead.shape == (2, 0)


@pytest.mark.parametrize(("images", "classes"), [(0, 3), (3, 1)])
def test_without_images_or_rivals_there_are_no_pairs(images: int, classes: int) -> None:
    pairs = pairs_of(np.zeros((2, images, classes)), np.zeros(images, dtype=np.int64))
    assert (pairs.lead.shape, pairs.always_right, pairs.images) == ((2, 0), images, images)
    assert right(pairs, np.array([0.5, 0.5])) == images
