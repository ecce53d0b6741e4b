from itertools import combinations
from math import inf

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from temperature_by_scipy import log_temperature

from ensemble_kit.ensembling.diagnostics.ensemble_equivalent import (
    calibrated_log_likelihood,
    equal_blend_curve,
    equivalent,
)
from ensemble_kit.errors import BadDataError

MEMBERS, IMAGES, CLASSES = 5, 103, 7


def drawn(seed: int, members: int = MEMBERS, images: int = IMAGES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=images)
    common = random.normal(size=(images, CLASSES))
    logits = 1.5 * np.eye(CLASSES)[labels] + common + 0.8 * random.normal(size=(members, images, CLASSES))
    return logits, labels, random.permutation(images) % 2


def by_scipy(scores: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> float:
    """Found on the rows outside each fold, scored on those inside."""

    def losses(log_t: float, rows: np.ndarray) -> np.ndarray:
        return -log_softmax(scores[rows] / np.exp(log_t), axis=1)[np.arange(len(rows)), labels[rows]]

    total = 0.0
    for held in np.unique(fold):
        inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
        total -= losses(log_temperature(scores[outside], labels[outside]), inside).sum()
    return total / len(labels)


@pytest.mark.parametrize("folds", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_a_calibrated_log_likelihood_is_scipys(seed: int, folds: int) -> None:
    logits, labels, _ = drawn(seed)
    fold = np.random.default_rng(seed).permutation(IMAGES) % folds
    found = calibrated_log_likelihood(3.0 * logits[0], labels, fold)
    assert found == pytest.approx(by_scipy(3.0 * logits[0], labels, fold), abs=1e-6)


def test_a_temperature_changes_nothing() -> None:
    logits, labels, fold = drawn(3)
    plain = calibrated_log_likelihood(logits[0], labels, fold)
    for times in (0.3, 2.7):
        assert calibrated_log_likelihood(times * logits[0], labels, fold) == pytest.approx(plain, abs=1e-9)


def test_a_single_fold_leaves_nothing_to_find_a_temperature_on() -> None:
    logits, labels, _ = drawn(4)
    found = calibrated_log_likelihood(logits[0], labels, np.zeros(IMAGES, dtype=int))
    by_hand = log_softmax(logits[0], axis=1)[np.arange(IMAGES), labels].mean()
    assert found == pytest.approx(by_hand, abs=1e-12)


def test_the_curve_is_the_mean_over_all_subsets_of_a_size() -> None:
    logits, labels, fold = drawn(5)
    curve = equal_blend_curve(logits, labels, fold)
    assert curve.shape == (MEMBERS + 1,)
    assert curve[0] == pytest.approx(-np.log(CLASSES))
    chances = softmax(logits, axis=-1)
    for size in range(1, MEMBERS + 1):
        each = [
            by_scipy(np.log(chances[list(some)].mean(axis=0)), labels, fold)
            for some in combinations(range(MEMBERS), size)
        ]
        assert curve[size] == pytest.approx(np.mean(each), abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_drawn_subsets_stand_for_all_of_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels, fold = drawn(seed, members=9, images=211)
    logits[:4] += np.random.default_rng(seed).normal(size=(4, 211, CLASSES))  # four of nine are weaker
    drawn_few = equal_blend_curve(logits, labels, fold, seed)
    monkeypatch.setattr("ensemble_kit.ensembling.diagnostics.ensemble_equivalent.FEW", 126)
    every = equal_blend_curve(logits, labels, fold)
    np.testing.assert_allclose(drawn_few, every, atol=0.006)
    assert (drawn_few[3:7] != every[3:7]).all()
    np.testing.assert_allclose(drawn_few[[1, 2, 7, 8, 9]], every[[1, 2, 7, 8, 9]], rtol=1e-12)


def test_sizes_between_lie_on_the_line_over_one_by_k() -> None:
    logits, labels, fold = drawn(6, members=13)
    curve = equal_blend_curve(logits, labels, fold)  # 8, 10, 12 and 13 are tried; 9 and 11 are not
    assert curve.shape == (14,)
    share = (1 / 8 - 1 / 9) / (1 / 8 - 1 / 10)
    assert curve[9] == pytest.approx((1 - share) * curve[8] + share * curve[10], rel=1e-12)
    assert (np.diff(curve) > 0).all()


def test_the_same_seed_gives_the_same_curve() -> None:
    logits, labels, fold = drawn(7, members=11)
    curves = [equal_blend_curve(logits, labels, fold, seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(curves[0], curves[1])
    assert (curves[0] != curves[2]).any()
    generator = equal_blend_curve(logits, labels, fold, np.random.default_rng(3))
    np.testing.assert_array_equal(curves[0], generator)


@pytest.mark.parametrize("period", [1, CLASSES])
def test_a_sample_of_many_images_gives_nearly_their_curve(period: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels, fold = drawn(8, images=3001)
    order = np.argsort(labels, kind="stable") if period == 1 else np.arange(3001)
    if period > 1:  # labels in turn: every seventh row is of one class
        labels = np.arange(3001) % CLASSES
        logits = logits - logits.mean() + 1.5 * np.eye(CLASSES)[labels]
    logits, labels, fold = logits[:, order], labels[order], fold[order]
    every = equal_blend_curve(logits, labels, fold)
    monkeypatch.setattr("ensemble_kit.ensembling.diagnostics.ensemble_equivalent._NUMBERS", CLASSES * 428)
    sampled = equal_blend_curve(logits, labels, fold)
    assert sampled[MEMBERS] == pytest.approx(every[MEMBERS], abs=1e-12)
    np.testing.assert_allclose(sampled, every, atol=0.03)
    assert (sampled[1:MEMBERS] != every[1:MEMBERS]).all()


def test_a_lone_member_has_a_curve_of_two() -> None:
    logits, labels, fold = drawn(9, members=1)
    curve = equal_blend_curve(logits, labels, fold)
    assert curve[1] == pytest.approx(calibrated_log_likelihood(logits[0], labels, fold), abs=1e-9)
    assert curve.shape == (2,)


@pytest.mark.parametrize("members", [2, 11, 23])
def test_all_members_alike_are_worth_as_many_as_there_are(members: int) -> None:
    logits, labels, fold = drawn(10, members=members)
    curve = equal_blend_curve(logits, labels, fold)
    blend = np.log(softmax(logits, axis=-1).mean(axis=0))
    assert equivalent(curve, calibrated_log_likelihood(blend, labels, fold)) == pytest.approx(members, abs=1e-4)


def test_copies_are_worth_one_member() -> None:
    logits, labels, fold = drawn(11, members=1)
    curve = equal_blend_curve(np.repeat(logits, 3, axis=0), labels, fold)
    assert equivalent(curve, curve[3]) == pytest.approx(1.0, abs=1e-4)


def test_the_equivalent_is_where_the_curve_is_reached() -> None:
    curve = np.array([-2.3, -0.9, -0.6, -0.5, -0.45])
    for wanted in (-2.0, -0.7, -0.55, -0.46):
        by_root = brentq(lambda k, ll: np.interp(k, np.arange(5), curve) - ll, 0, 4, args=(wanted,))
        assert equivalent(curve, wanted) == pytest.approx(by_root, abs=1e-9)
    assert [equivalent(curve, entry) for entry in curve] == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(("log_likelihood", "worth"), [(-0.44, inf), (0.0, inf), (-2.4, 0.0), (-1.6, 0.5), (-inf, 0.0)])
def test_worth_is_bounded_by_nobody_and_more_than_all(log_likelihood: float, worth: float) -> None:
    assert equivalent(np.array([-2.3, -0.9, -0.6, -0.45]), log_likelihood) == pytest.approx(worth)


def test_where_the_curve_falls_the_first_size_that_was_good_enough_counts() -> None:
    curve = np.array([-2.0, -0.6, -0.4, -0.5, -0.4, -0.2])
    assert equivalent(curve, -0.4) == 2.0
    assert equivalent(curve, -0.5) == pytest.approx(1.5)
    assert equivalent(curve, -0.3) == pytest.approx(4.5)


def test_rounding_neither_lifts_a_blend_above_all_nor_to_the_next_size() -> None:
    curve = np.array([-2.3, -0.9, -0.6, -0.45])
    assert equivalent(curve, -0.45 + 1e-13) == 3.0
    flat = np.array([-2.3, -0.9, -0.5, -0.5 + 1e-13])
    assert equivalent(flat, -0.5 + 1e-13) == pytest.approx(2.0)


def test_what_cannot_be_compared_is_refused() -> None:
    logits, labels, fold = drawn(12)
    with pytest.raises(BadDataError, match="log-likelihood in nats to compare, got nan"):
        equivalent(np.array([-1.0, -0.5]), float("nan"))
    with pytest.raises(BadDataError, match="at least one image"):
        equal_blend_curve(logits[:, :0], labels[:0], fold[:0])
    with pytest.raises(BadDataError, match="at least one image"):
        calibrated_log_likelihood(logits[0, :0], labels[:0], fold[:0])
