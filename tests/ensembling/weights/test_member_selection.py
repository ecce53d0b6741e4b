import itertools

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ensemble_kit.ensembling.weights.member_selection import Limits, choose_members, grow
from ensemble_kit.errors import InvalidOptionError

MEMBERS, IMAGES, CLASSES = 5, 103, 7
NAMES = [f"member-{place}" for place in range(MEMBERS)]


def drawn(seed: int = 0, strengths: tuple[float, ...] = (0.2, 2.0, 1.5, 2.2, 1.0)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    truth = np.array(strengths)[:, None, None] * np.eye(CLASSES)[labels]
    return truth + random.normal(size=(len(strengths), IMAGES, CLASSES)), labels


def loss_of(logits: np.ndarray, labels: np.ndarray, team: list[int]) -> float:
    """The log loss of the sum of logits at the best temperature, found by scipy."""
    total = logits[team].sum(axis=0)
    ordered = np.sort(total, axis=-1)
    margin = np.median(ordered[:, -1] - ordered[:, -2])

    def loss(log_v: float) -> float:
        return float(-log_softmax(np.exp(log_v) * total, axis=-1)[np.arange(len(labels)), labels].mean())

    def with_one_wrong(log_v: float) -> float:  # half a typical image more, of which the runner-up is the label
        best = -log_softmax(np.exp(log_v) * total, axis=-1).max(axis=-1).mean()
        return len(labels) * loss(log_v) + float(best + np.exp(log_v) * margin) / 2

    return loss(minimize_scalar(with_one_wrong, bounds=(np.log(0.05), np.log(20)), method="bounded").x)


def by_hand(logits: np.ndarray, labels: np.ndarray, most: int) -> list[int]:
    team: list[int] = []
    while len(team) < most:
        rest = [member for member in range(len(logits)) if member not in team]
        team.append(min(rest, key=lambda member: loss_of(logits, labels, [*team, member])))
    size = min(range(1, most + 1), key=lambda size: loss_of(logits, labels, team[:size]))
    return team[:size]


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_members_are_taken_as_by_hand(most: int) -> None:
    logits, labels = drawn()
    found = choose_members(logits, labels, Limits(max_members=most), NAMES)
    assert found.tolist() == sorted(by_hand(logits, labels, most))


@pytest.mark.parametrize("budget", [3.0, 5.0, 8.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_budget_is_kept_and_hardly_any_team_that_fits_is_better(budget: float, seed: int) -> None:
    logits, labels = drawn(seed)
    cost = dict(zip(NAMES, [1.0, 5.0, 2.0, 8.0, 1.5], strict=True))
    found = choose_members(logits, labels, Limits(max_ms=budget, ms=cost), NAMES).tolist()
    assert sum(cost[NAMES[member]] for member in found) <= budget
    losses = [
        loss_of(logits, labels, list(team))
        for size in range(1, MEMBERS + 1)
        for team in itertools.combinations(range(MEMBERS), size)
        if sum(cost[NAMES[member]] for member in team) <= budget
    ]
    assert loss_of(logits, labels, found) <= min(losses) + 0.05


def test_two_cheap_members_beat_one_dear_one_of_the_same_price() -> None:
    logits, labels = drawn(2, (2.0, 2.1, 2.0, 0.0, 0.0))
    cost = dict(zip(NAMES, [1.0, 2.0, 1.0, 9.0, 9.0], strict=True))
    assert choose_members(logits, labels, Limits(max_ms=2.0, ms=cost), NAMES).tolist() == [0, 2]


def test_whoever_raises_the_log_loss_is_left_out() -> None:
    labels = np.zeros(11, dtype=np.int64)
    logits = np.stack([np.tile(member, (11, 1)) for member in ([3.0, 0.0, 0.0], [-4.0, 0.0, 0.0], [0.5, 0.0, 0.0])])
    logits[0, 0] = [-3.0, 0.0, 0.0]
    for per_ms in (False, True):
        chosen, loss = grow(logits, labels, np.array([1.0, 0.1, 5.0]), 3, np.inf, per_ms)
        assert 1 not in chosen
        assert loss == pytest.approx(loss_of(logits, labels, chosen.tolist()), rel=1e-3)


def test_without_limits_everyone_may_blend() -> None:
    logits, labels = drawn()
    assert choose_members(logits, labels, Limits(), NAMES).tolist() == list(range(MEMBERS))
    assert choose_members(logits, labels, Limits(max_members=99), NAMES).tolist() == list(range(MEMBERS))


def test_without_images_the_cheapest_are_taken() -> None:
    logits, labels = drawn()
    cost = dict(zip(NAMES, [5.0, 4.0, 3.0, 2.0, 1.0], strict=True))
    found = choose_members(logits[:, :0], labels[:0], Limits(max_ms=4.0, ms=cost), NAMES)
    assert found.tolist() == [3, 4]


def test_limits_that_no_member_meets_are_refused() -> None:
    logits, labels = drawn()
    with pytest.raises(InvalidOptionError, match="--max-members: wanted 1 or more, got 0"):
        choose_members(logits, labels, Limits(max_members=0), NAMES)
    with pytest.raises(InvalidOptionError, match="the quickest, 'member-0', takes 2 ms per image"):
        choose_members(logits, labels, Limits(max_ms=1.0, ms=dict.fromkeys(NAMES, 2.0)), NAMES)
    with pytest.raises(InvalidOptionError, match="none is known of 'member-1'"):
        choose_members(logits, labels, Limits(max_ms=1.0, ms={"member-0": 2.0}), NAMES)
