"""Caruana's selection, against the same done by hand with whole blends."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics

from ensemble_kit.ensembling.combining.voting import (
    BORDA,
    GEO_MEAN,
    LOGIT_SUM,
    MAJORITY_VOTE,
    PROB_MEAN,
    Voting,
    cast_prob,
    decide,
)
from ensemble_kit.ensembling.weights.evidence import Evidence, Search
from ensemble_kit.ensembling.weights.greedy import greedy, random_half, select
from ensemble_kit.ensembling.weights.greedy_gains import greedy_gains
from ensemble_kit.errors import BadDataError, UnknownNameError

selection = importlib.import_module("ensemble_kit.ensembling.weights.greedy")
MEMBERS, IMAGES, CLASSES = 5, 61, 7
VOTINGS = {"logits": LOGIT_SUM, "logs": GEO_MEAN, "chances": PROB_MEAN, "votes": MAJORITY_VOTE, "points": BORDA}
REGRETS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda labels, best, chances: 1 - metrics.accuracy_score(labels, best),
    "balanced-accuracy": lambda labels, best, chances: 1 - metrics.balanced_accuracy_score(labels, best),
    "macro-f1": lambda labels, best, chances: 1 - metrics.f1_score(labels, best, average="macro"),
    "log-loss": lambda labels, best, chances: metrics.log_loss(labels, chances, labels=range(CLASSES)),
}
POSSIBLE = [(voting, metric) for voting in VOTINGS for metric in REGRETS if metric != "log-loss" or voting[0] in "lc"]


def drawn(seed: int, members: int = MEMBERS, images: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.append(np.arange(CLASSES), random.integers(CLASSES, size=images - CLASSES))
    strengths = random.permutation(np.linspace(0.5, 2.5, members))[:, None, None]
    common = random.normal(size=(images, CLASSES))
    return strengths * np.eye(CLASSES)[labels] + common + random.normal(size=(members, images, CLASSES)), labels


def evidence(voting: Voting, logits: np.ndarray, labels: np.ndarray, **search: Any) -> Evidence:
    even = np.full(len(logits), 1 / len(logits))
    return Evidence(voting, logits, labels, np.arange(len(labels)) % 5, None, even, Search(**search))


def regret_by_hand(voting: Voting, logits: np.ndarray, labels: np.ndarray, metric: str, team: list[int]) -> float:
    """The metric of the mean voting of a team, turned so that 0 is perfect."""
    mean = voting.cast(logits)[team].mean(axis=0)
    ties = cast_prob(logits)[team].mean(axis=0) if voting.unit == "votes" else None
    chances = softmax(mean, axis=1) if voting.unit == "logits" else mean
    return REGRETS[metric](labels, decide(mean, ties), chances / chances.sum(axis=1, keepdims=True))


def by_hand(regret: Callable[[list[int]], float], members: int, rounds: int, given: tuple[int, ...] = ()) -> list[int]:
    """The picks, by the three tie rules, up to the best blend."""
    picks: list[int] = []
    reached: list[float] = []
    decimals = 15
    while len(picks) < rounds:
        losses = [round(regret([*picks, member]), decimals) for member in range(members)]
        tied = [m for m in range(members) if losses[m] <= min(losses) * (1 + 1e-12)]
        best = given[len(picks)] if len(picks) < len(given) else min(tied, key=lambda m: (m not in picks, m))
        if not picks and losses[best] > 1e-4:
            decimals = 6
        picks.append(best)
        reached.append(round(losses[best], decimals))
    return picks[: reached.index(min(reached)) + 1]


@pytest.mark.parametrize(("kind", "metric"), POSSIBLE)
@pytest.mark.parametrize("seed", [0, 1])
def test_greedy_picks_as_by_hand(kind: str, metric: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "GREEDY_ROUNDS", 11)
    logits, labels = drawn(seed)
    voting = VOTINGS[kind]
    expected = by_hand(lambda team: regret_by_hand(voting, logits, labels, metric, team), MEMBERS, 11)
    found = greedy(evidence(voting, logits, labels, metric=metric)).weights
    np.testing.assert_allclose(found, np.bincount(expected, minlength=MEMBERS) / len(expected), atol=1e-12)


@pytest.mark.parametrize(("kind", "metric"), POSSIBLE)
def test_regrets_are_those_of_the_whole_blend_however_large_it_is(kind: str, metric: str) -> None:
    logits, labels = drawn(2)
    voting = VOTINGS[kind]
    confidence = cast_prob(logits) if voting.unit == "votes" else None
    gains = greedy_gains(voting.cast(logits), labels, metric, voting.unit, confidence)
    blend: list[int] = []
    for member in [3, 0, 3, 4, 1, 3, 3, 2, 0, 4, 4, 4, 1]:
        expected = [regret_by_hand(voting, logits, labels, metric, [*blend, m]) for m in range(MEMBERS)]
        np.testing.assert_allclose(gains.losses(), expected, atol=1e-12)
        gains.add(member)
        blend.append(member)


@pytest.mark.parametrize(("kind", "metric"), POSSIBLE)
def test_some_of_the_members_start_from_nothing_and_so_do_all_once_cleared(kind: str, metric: str) -> None:
    logits, labels = drawn(3)
    voting, team = VOTINGS[kind], np.array([1, 4, 2])
    confidence = cast_prob(logits) if voting.unit == "votes" else None
    everyone = greedy_gains(voting.cast(logits), labels, metric, voting.unit, confidence)
    at_first = everyone.losses()
    everyone.add(0)
    some = everyone.among(team)
    some.add(1)
    expected = [regret_by_hand(voting, logits, labels, metric, [4, m]) for m in team]
    np.testing.assert_allclose(some.losses(), expected, atol=1e-12)
    everyone.clear()
    np.testing.assert_array_equal(everyone.losses(), at_first)


@pytest.mark.parametrize("seed", range(5))
def test_blends_of_coarse_votes_have_their_ties_counted_as_argmax_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    cast, labels = random.integers(4, size=(MEMBERS, IMAGES, CLASSES)) / 4, random.integers(CLASSES, size=IMAGES)
    gains = {
        metric: greedy_gains(cast, labels, metric, "probabilities") for metric in ("accuracy", "balanced-accuracy")
    }
    sums = np.zeros((IMAGES, CLASSES))  # quarters, so sums are exact
    for member in random.integers(MEMBERS, size=17).tolist():
        best = [(sums + cast[m]).argmax(axis=1) for m in range(MEMBERS)]
        for metric, found in gains.items():
            expected = [REGRETS[metric](labels, one, one) for one in best]
            np.testing.assert_allclose(found.losses(), expected, atol=1e-12)
            found.add(member)
        sums += cast[member]


def test_probabilities_of_0_count_as_the_least_there_is() -> None:
    labels = np.arange(IMAGES) % CLASSES
    cast = np.stack([np.eye(CLASSES)[labels], np.eye(CLASSES)[(labels + 1) % CLASSES]])
    gains = greedy_gains(cast, labels, "log-loss", "probabilities")
    np.testing.assert_allclose(gains.losses(), [0, -np.log(np.finfo(float).eps)], atol=1e-12)
    gains.add(1)
    np.testing.assert_allclose(gains.losses(), [np.log(2), -np.log(np.finfo(float).eps)], atol=1e-12)


def test_logits_too_far_behind_to_exponentiate_count_as_the_least_there_is() -> None:
    labels = np.arange(IMAGES) % CLASSES
    cast = np.stack([1e4 * np.eye(CLASSES)[labels], -1e4 * np.eye(CLASSES)[labels]])
    gains = greedy_gains(cast, labels, "log-loss", "logits")
    np.testing.assert_allclose(gains.losses(), [0, -np.log(np.finfo(float).eps)], atol=1e-12)


@pytest.mark.parametrize("metric", REGRETS)
def test_select_takes_probabilities_of_either_precision(metric: str) -> None:
    logits, labels = drawn(4)
    chances = softmax(logits, axis=2).astype(np.float32)
    picks = select(chances, labels, metric, rounds=13)
    assert picks == select(chances.astype(np.float64), labels, metric, rounds=13)
    found = greedy(evidence(PROB_MEAN, np.log(chances.astype(np.float64)), labels, metric=metric)).weights
    assert set(np.flatnonzero(found)) >= set(picks[:3])


def test_of_members_that_tie_those_in_the_blend_come_first_then_the_lowest_index() -> None:
    eighths = np.array([[7, 3, 2], [3, 5, 5], [2, 1, 6]])  # for the label, class 0, of three images
    cast = np.stack([eighths, 8 - eighths], axis=2) / 8
    labels = np.array([0, 0, 0])
    # Right images: members 0, 1, 2 alone have 1, 2, 1; beside 1 they would have 2, 2, 1. Members 0 and 1
    # tie, and 1 is in. Beside 1 and 1, member 0 would have all 3.
    assert select(cast, labels) == [1, 1, 0]
    assert select(cast[[1, 0, 2]], labels) == [0, 0, 1]
    assert select(cast[[0, 2, 1, 1]], labels) == [2, 2, 0]  # twins: the lower index, and then it is in


def test_members_equal_to_6_decimals_tie_once_one_is_in() -> None:
    labels = np.array([0, 0])
    at_label = np.array([[0.5001, 0.5], [0.5, 0.5001]])
    cast = np.stack([at_label, 1 - at_label], axis=2)
    assert -np.log(at_label.mean(axis=0)).mean() < -np.log(at_label[0]).mean()  # by 2.5e-9
    assert select(cast, labels, "log-loss") == [0]


def test_nothing_is_rounded_where_the_first_blend_is_nearly_perfect() -> None:
    labels = np.array([0, 0])
    at_label = np.array([[1 - 1e-5, 1 - 3e-5], [1 - 3e-5, 1 - 1e-5]])
    cast = np.stack([at_label, 1 - at_label], axis=2)
    assert select(cast, labels, "log-loss", rounds=2) == [0, 1]


def test_nothing_is_rounded_in_the_first_round() -> None:
    at_label = np.array([[0.5, 0.5], [0.5, 0.5 + 1e-9]])
    assert select(np.stack([at_label, 1 - at_label], axis=2), np.array([0, 0]), "log-loss") == [1]


def test_greedy_takes_the_lowest_of_equal_members_and_stops_at_the_first_best() -> None:
    logits, labels = drawn(5)
    assert greedy(evidence(LOGIT_SUM, logits[[4, 4, 4]], labels)).weights.tolist() == [1.0, 0.0, 0.0]


def test_a_lone_member_or_a_perfect_one_is_picked_once() -> None:
    logits, labels = drawn(6)
    assert select(softmax(logits[:1], axis=2), labels, "log-loss") == [0]
    perfect = np.stack([np.eye(CLASSES)[(labels + 1) % CLASSES], np.eye(CLASSES)[labels]])
    assert select(perfect, labels) == [1]


@pytest.mark.parametrize("metric", ["accuracy", "log-loss"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sorted_start_has_as_many_of_the_best_as_are_best_together(metric: str, seed: int) -> None:
    logits, labels = drawn(seed, members=11)

    def regret(team: list[int]) -> float:
        return regret_by_hand(LOGIT_SUM, logits, labels, metric, team)

    ranking = sorted(range(11), key=lambda member: (round(regret([member]), 12), member))
    together = [round(regret(ranking[:size]), 6) for size in range(1, 12)]
    given = tuple(ranking[: together.index(min(together)) + 1])
    picks = select(logits, labels, metric, rounds=17, start="sorted", unit="logits")
    assert picks == by_hand(regret, 11, 17, given)
    assert picks[: len(given)] == list(given)


def test_no_more_than_25_are_in_from_a_sorted_start() -> None:
    labels = np.arange(30) % 2
    at_label = np.full((30, 30), 0.5 - 1e-3) + 0.9 * np.eye(30) / 2  # each knows one image, so all together are best
    cast = np.where(np.eye(2, dtype=bool)[labels], at_label[..., None], 1 - at_label[..., None])
    assert select(cast, labels, "log-loss", rounds=25, start="sorted") == list(range(25))
    assert select(cast, labels, "log-loss", rounds=4, start="sorted") == list(range(4))


def test_bags_average_what_random_halves_select(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "GREEDY_ROUNDS", 7)
    logits, labels = drawn(7)
    weights = np.zeros(MEMBERS)
    for bag in range(3):
        half = random_half(MEMBERS, bag)
        picks = [half[pick] for pick in select(logits[half], labels, rounds=7, unit="logits")]
        weights += np.bincount(picks, minlength=MEMBERS) / len(picks) / 3
    found = greedy(evidence(LOGIT_SUM, logits, labels, bags=3)).weights
    np.testing.assert_allclose(found, weights, atol=1e-12)
    assert found.sum() == pytest.approx(1)


def test_halves_are_rounded_up_and_differ_from_bag_to_bag() -> None:
    assert [len(random_half(members, 0)) for members in (1, 2, 7, 20)] == [1, 1, 4, 10]
    assert len({tuple(random_half(20, bag)) for bag in range(10)}) == 10
    assert all((np.diff(random_half(20, bag)) > 0).all() for bag in range(10))


@pytest.mark.parametrize("search", [{}, {"bags": 3}, {"start": "sorted"}, {"metric": "macro-f1"}])
def test_the_order_of_rows_cannot_matter(search: dict[str, Any]) -> None:
    logits, labels = drawn(8)
    shuffled = np.random.default_rng(8).permutation(IMAGES)
    expected = greedy(evidence(LOGIT_SUM, logits, labels, **search))
    found = greedy(evidence(LOGIT_SUM, logits[:, shuffled], labels[shuffled], **search))
    np.testing.assert_array_equal(found.weights, expected.weights)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_bags_are_worth_it_on_fresh_images(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "GREEDY_ROUNDS", 23)
    gains = []
    for seed in range(11):
        random = np.random.default_rng(seed)
        labels = random.integers(10, size=2300)
        strengths = (2.2 + spread * random.uniform(-1, 1, size=20))[:, None, None]
        noise = 0.7 * random.normal(size=(2300, 10)) + random.normal(size=(20, 2300, 10))
        logits = strengths * np.eye(10)[labels] + noise
        seen = evidence(LOGIT_SUM, logits[:, :300], labels[:300])
        blends = [greedy(replace(seen, search=Search(bags=bags))).weights for bags in (0, 10)]
        fresh, truth = logits[:, 300:], labels[300:]
        once, bagged = ((np.tensordot(w, fresh, axes=1).argmax(axis=1) == truth).mean() for w in blends)
        gains.append(bagged - once)
    assert np.mean(gains) > 0


def test_a_metric_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        select(np.zeros((2, 3, 5)), np.zeros(3, dtype=np.int64), "acuracy")


def test_without_an_image_there_is_nothing_to_select_by() -> None:
    with pytest.raises(BadDataError, match="at least one image"):
        select(np.zeros((2, 0, 5)), np.zeros(0, dtype=np.int64))
