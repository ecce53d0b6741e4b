"""Counting right images over pairs, against argmax of the whole weighted sum."""

from collections.abc import Callable

import numpy as np
import pytest

from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.combining.voting import cast_prob, decide
from ensemble_kit.ensembling.weights.margins import Margins, margins_of, right, won

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


@pytest.mark.parametrize("method", ["logit-sum", "prob-mean", "geo-mean"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_right_images_are_those_of_argmax(method: str, seed: int) -> None:
    logits, labels = drawn(seed)
    cast = METHODS[method].load().cast(logits)
    margins, weights = margins_of(cast, labels), some_weights(seed)
    expected = [(np.tensordot(row, cast, axes=1).argmax(axis=1) == labels).sum() for row in weights]
    assert right(margins, weights).tolist() == expected


@pytest.mark.parametrize("method", ["majority-vote", "borda"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_right_images_of_votes_go_by_share_then_confidence_then_class_index(method: str, seed: int) -> None:
    logits, labels = drawn(seed)
    logits[:, ::3] = logits[:, ::3].round()  # so that confidence ties too
    cast, confidence = METHODS[method].load().cast(logits), cast_prob(logits)
    margins, weights = margins_of(cast, labels, confidence), some_weights(seed)
    sums = [(np.tensordot(row, cast, axes=1), np.tensordot(row, confidence, axes=1)) for row in weights]
    expected = [(lexicographic(*both) == labels).sum() for both in sums]
    assert right(margins, weights).tolist() == expected
    assert [(decide(*both) == labels).sum() for both in sums] == expected


@pytest.mark.parametrize("seed", range(5))
def test_ties_of_coarse_votes_go_to_the_lowest_class_index(seed: int) -> None:
    random = np.random.default_rng(seed)
    cast = random.integers(3, size=(MEMBERS, IMAGES, CLASSES)) / 4
    labels = random.integers(CLASSES, size=IMAGES)
    whole = random.integers(3, size=(17, MEMBERS)) + np.eye(MEMBERS, dtype=int)[random.integers(MEMBERS, size=17)]
    sums = np.tensordot(whole, (4 * cast).astype(int), axes=1)  # whole numbers, so ties are exact
    assert right(margins_of(cast, labels), whole / 4).tolist() == (sums.argmax(axis=2) == labels).sum(axis=1).tolist()


def rows_won(margins: Margins, weights: Numbers) -> Numbers:
    return margins.image[won(margins, weights @ margins.lead)]


def test_the_images_that_are_won_are_those_that_argmax_has_right_and_weights_decide() -> None:
    logits, labels = drawn(3)
    margins = margins_of(logits, labels)
    for weights in some_weights(3):
        by_argmax = np.flatnonzero(np.tensordot(weights, logits, axes=1).argmax(axis=1) == labels)
        assert sorted(rows_won(margins, weights)) == [row for row in by_argmax if row in margins.image]
        assert margins.always_right == len(by_argmax) - len(rows_won(margins, weights))


def test_layers_hold_each_open_pair_once_and_images_with_more_pairs_first() -> None:
    logits, labels = drawn(4)
    margins = margins_of(logits, labels)
    assert sum(margins.widths) == margins.lead.shape[1] == len(margins.floor)
    assert list(margins.widths) == sorted(margins.widths, reverse=True)
    amounts = np.zeros(len(margins.image), dtype=int)
    for width in margins.widths:
        amounts[:width] += 1
    for row, amount in zip(margins.image, amounts, strict=True):
        leads = logits[:, row, labels[row]][:, None] - logits[:, row]
        gains = np.delete(leads, labels[row], axis=1)
        assert amount == (gains.min(axis=0) < 0).sum()
        assert (gains.max(axis=0) > 0).all()


def test_every_pair_of_votes_has_a_member_on_either_side() -> None:
    logits, labels = drawn(5)
    margins = margins_of(METHODS["majority-vote"].load().cast(logits), labels, cast_prob(logits))
    assert margins.tie_lead is not None
    assert ((margins.lead.min(axis=0) < 0) | (margins.tie_lead.min(axis=0) < 0)).all()
    assert ((margins.lead.max(axis=0) > 0) | (margins.tie_lead.max(axis=0) > 0)).all()


def test_float32_votes_are_counted_as_the_same_numbers_in_float64() -> None:
    logits, labels = drawn(6)
    coarse = cast_prob(logits).astype(np.float32)
    margins, same = margins_of(coarse, labels), margins_of(coarse.astype(np.float64), labels)
    assert margins.lead.dtype == np.float64
    np.testing.assert_array_equal(margins.lead, same.lead)
    assert margins.image.tolist() == same.image.tolist()


@pytest.mark.parametrize("at_once", [1, 40, 10**9])
def test_the_size_of_blocks_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = drawn(7)
    expected = margins_of(logits, labels)
    monkeypatch.setattr("ensemble_kit.ensembling.weights.margins._AT_ONCE", at_once)
    found = margins_of(logits, labels)
    np.testing.assert_array_equal(found.lead, expected.lead)
    assert found.image.tolist() == expected.image.tolist()


def test_votes_in_any_memory_order_are_counted_alike() -> None:
    logits, labels = drawn(8)
    np.testing.assert_array_equal(margins_of(np.asfortranarray(logits), labels).lead, margins_of(logits, labels).lead)


HOPELESS: dict[str, Callable[[Numbers], Numbers]] = {"right": lambda truth: truth, "wrong": lambda truth: -truth}


@pytest.mark.parametrize("kind", HOPELESS)
def test_images_that_everyone_has_right_or_wrong_need_no_pair(kind: str) -> None:
    labels = np.arange(IMAGES) % CLASSES
    cast = np.tile(HOPELESS[kind](np.eye(CLASSES)[labels]), (MEMBERS, 1, 1))
    margins = margins_of(cast, labels)
    assert margins.lead.shape == (MEMBERS, 0)
    assert margins.always_right == (IMAGES if kind == "right" else 0)
    assert right(margins, some_weights(9)).tolist() == [margins.always_right] * 30


def test_a_wrong_image_needs_no_pair_though_members_differ_on_other_classes() -> None:
    cast = np.array([[[0.2, 0.5, 0.3]], [[0.3, 0.6, 0.1]]])
    assert margins_of(cast, np.array([0])).lead.shape == (2, 0)


@pytest.mark.parametrize(("images", "classes"), [(0, 3), (3, 1)])
def test_without_images_or_rivals_there_are_no_pairs(images: int, classes: int) -> None:
    margins = margins_of(np.zeros((2, images, classes)), np.zeros(images, dtype=np.int64))
    assert (margins.lead.shape, margins.always_right, margins.images) == ((2, 0), images, images)
    assert right(margins, np.array([0.5, 0.5])) == images
