import itertools
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize

from ensemble_kit.ensembling.combining.voting import cast_logit, cast_prob, cast_rank, cast_top1
from ensemble_kit.ensembling.weights import optimality as certificate
from ensemble_kit.ensembling.weights.margins import margins_of
from ensemble_kit.ensembling.weights.optimality import EPSILON, certify
from ensemble_kit.errors import InvalidOptionError, MisalignedError

IMAGES, CLASSES = 61, 7
MEMBERS_SEED_IMAGES = [*((2, seed, 61) for seed in range(5)), *((3, seed, 31) for seed in range(5)), (4, 0, 13)]
METHODS = ["logit-sum", "prob-mean", "majority-vote", "borda", "quantised"]


def drawn(members: int, seed: int, images: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    """Members that are right about three times of four and share half of their errors."""
    random = np.random.default_rng([seed, members])
    labels = random.integers(CLASSES, size=images)
    shared = random.normal(size=(images, CLASSES))
    return 2.2 * np.eye(CLASSES)[labels] + shared + 0.7 * random.normal(size=(members, images, CLASSES)), labels


def cast_by(method: str, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The votes, and what breaks their ties."""
    if method == "majority-vote":
        return cast_top1(logits), cast_prob(logits)
    if method == "borda":
        return cast_rank(logits), cast_prob(logits)
    return {"logit-sum": cast_logit, "prob-mean": cast_prob, "quantised": np.round}[method](logits), None


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves the second that another process takes to start."""
    monkeypatch.setattr(certificate, "_solve_apart", certificate._solve)


def wins_by_margin(cast: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How many images each row of weights wins by the margin, from the definition over all classes."""
    won = np.ones((len(weights), len(labels)), dtype=bool)
    for image, label in enumerate(labels):
        for other in set(range(cast.shape[2])) - {label}:
            lead = cast[:, image, label] - cast[:, image, other]
            won[:, image] &= weights @ lead >= (EPSILON * np.abs(lead).max() - 1e-12 if lead.any() else np.inf)
    return won.sum(axis=1)


def corners(cast: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Every point of the simplex where as many margins or weights as may be are met exactly.

    Where a set of images can be won, the weights that win it are a polytope, and one of
    these is a corner of it; so the best of these points is the best of all.
    """
    members = len(cast)
    leads = cast[:, np.arange(len(labels)), labels][:, :, None] - cast
    leads = leads.reshape(members, -1)
    leads = leads[:, (leads > 0).any(axis=0) & (leads < 0).any(axis=0)]
    leads = np.unique(leads / np.abs(leads).max(axis=0), axis=1)
    planes = np.vstack([leads.T - EPSILON, np.eye(members)])  # weights sum to 1: a.w = e is (a - e).w = 0
    points = []
    for chosen in itertools.combinations(range(len(planes)), members - 1):
        system = np.vstack([planes[list(chosen)], np.ones(members)])
        if abs(np.linalg.det(system)) > 1e-9:
            points.append(np.linalg.solve(system, np.eye(members)[-1]))
    found = np.array(points)
    return np.maximum(found[(found > -1e-12).all(axis=1)], 0)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("members", "seed", "images"), MEMBERS_SEED_IMAGES)
def test_the_bound_is_what_trying_every_corner_finds(method: str, members: int, seed: int, images: int) -> None:
    logits, labels = drawn(members, seed, images)
    cast, ties = cast_by(method, logits)
    worst = np.eye(members)[0]
    found = certify(margins_of(cast, labels, ties), 30.0, worst)
    most = wins_by_margin(cast, labels, corners(cast, labels)).max()
    assert found.bound == max(most, found.best)
    assert found.best >= most
    assert found.gap == 0
    assert found.epsilon == EPSILON


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("method", METHODS)
def test_the_weights_have_as_many_right_as_they_say(method: str) -> None:
    logits, labels = drawn(5, 3)
    cast, ties = cast_by(method, logits)
    found = certify(margins_of(cast, labels, ties), 30.0, np.full(5, 0.2))
    assert found.weights.min() >= 0
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    scores = np.tensordot(found.weights, cast, axes=1)
    if ties is None:
        winners = scores.argmax(axis=1)
    else:
        confidence = np.round(np.tensordot(found.weights, ties, axes=1), 9)
        shares = np.round(scores, 9)
        leading = shares == shares.max(axis=1, keepdims=True)
        winners = np.where(leading, confidence, -1).argmax(axis=1)
    assert found.best == (winners == labels).sum()


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("method", METHODS)
def test_no_random_weights_win_more_than_the_bound(method: str) -> None:
    logits, labels = drawn(5, 4)
    cast, ties = cast_by(method, logits)
    random = np.random.default_rng(0)
    tried = np.vstack([random.dirichlet(np.full(5, spread), 2000) for spread in (0.3, 1.0, 3.0)])
    counts = wins_by_margin(cast, labels, tried)
    found = certify(margins_of(cast, labels, ties), 30.0, tried[counts.argmax()])
    assert found.gap == 0
    assert found.bound >= counts.max()
    assert wins_by_margin(cast, labels, found.weights[None])[0] <= found.bound


@pytest.mark.usefixtures("in_this_process")
def test_weights_that_are_found_stand_in_the_middle_of_what_wins() -> None:
    cast = np.array([[[3.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])  # leads (3, -1) and (-1, 1) for class 0
    found = certify(margins_of(cast, np.array([0, 0])), 30.0, np.array([1.0, 0.0]))
    # margins, of the widest: w0 - w1 / 3 and w1 - w0; they are equal at w0 = 0.4
    assert found.best == 2
    np.testing.assert_allclose(found.weights, [0.4, 0.6], atol=1e-9)


def test_a_win_by_less_than_the_margin_is_not_proven_but_counts_where_it_is_known() -> None:
    cast = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    margins = margins_of(cast, np.array([0, 0]))  # class 0 wins ties: both images, at equal weights alone
    known = certify(margins, 30.0, np.array([0.5, 0.5]))
    assert (known.best, known.bound) == (2, 2)
    unknown = certify(margins, 30.0, np.array([0.6, 0.4]))
    assert (unknown.best, unknown.bound) == (1, 1)


def test_a_vote_that_needs_its_tie_broken_is_not_proven() -> None:
    logits = np.array([[[9.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]])
    cast, ties = cast_top1(logits), cast_prob(logits)
    cast[2] = 0  # the third abstains, so that the others can tie
    both = np.concatenate([cast, cast[[1, 0, 2]]], axis=1), np.concatenate([ties, ties[[1, 0, 2]]], axis=1)
    margins = margins_of(both[0], np.array([0, 0]), both[1])
    assert certify(margins, 30.0, np.array([0.5, 0.5, 0.0])).best == 2  # the sure one decides both ties
    assert certify(margins, 30.0, np.array([0.6, 0.4, 0.0])).bound == 1


@pytest.mark.usefixtures("in_this_process")
def test_known_weights_stand_where_nothing_better_is_found() -> None:
    logits, labels = drawn(3, 5)
    margins = margins_of(logits, labels)
    best = certify(margins, 30.0, np.full(3, 1 / 3)).weights
    known = best * 0.999 + 0.001 / 3
    found = certify(margins, 30.0, known)
    assert found.best == certify(margins, 30.0, best).best
    assert found.weights is known


def test_nothing_is_left_to_prove_where_all_that_hangs_on_weights_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    cast = np.array([[[3.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    found = certify(margins_of(cast, np.array([0, 1, 0])), 30.0, np.array([0.5, 0.5]))
    assert (found.best, found.bound) == (2, 2)
    agreed = certify(margins_of(cast[[0]], np.array([0, 1, 0])), 30.0, np.ones(1))
    assert (agreed.best, agreed.bound) == (2, 2)


def test_too_little_time_leaves_a_gap_and_no_error() -> None:
    logits, labels = drawn(19, 6, images=1009)
    margins = margins_of(logits, labels)
    known = np.full(19, 1 / 19)
    found = certify(margins, 0.01, known)
    assert found.gap == found.bound - found.best > 0
    assert found.best >= (logits.mean(axis=0).argmax(axis=1) == labels).sum()
    assert found.bound <= margins.always_right + len(margins.image)


def ended(stderr: str = "", returncode: int = 0) -> SimpleNamespace:
    return SimpleNamespace(stderr=stderr, returncode=returncode)


def hang(*_: object, **__: object) -> None:
    raise subprocess.TimeoutExpired("python", 1.0)


@pytest.mark.parametrize(
    "run",
    [
        hang,
        lambda *_, **__: ended("Killed", -9),
        lambda *_, **__: ended("a warning\n"),
        lambda *_, **__: ended('{"', 1),
    ],
    ids=["hangs", "is killed", "says nothing", "breaks off"],
)
def test_a_solver_that_fails_leaves_the_known_weights_and_the_plain_bound(run, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = drawn(3, 7)
    margins, known = margins_of(logits, labels), np.full(3, 1 / 3)
    monkeypatch.setattr(subprocess, "run", run)
    found = certify(margins, 30.0, known)
    assert found.weights is known
    assert found.best == (logits.mean(axis=0).argmax(axis=1) == labels).sum()
    assert found.bound == margins.always_right + len(margins.image)


def test_a_python_that_is_gone_is_a_solver_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    logits, labels = drawn(3, 7)
    assert certify(margins_of(logits, labels), 30.0, np.full(3, 1 / 3)).gap > 0


@pytest.mark.parametrize(
    ("status", "x", "dual", "expected"),
    [
        (0, [0.25, 0.75, 1.0], -1.0, ([0.0, 1.0], 1.0)),
        (1, None, -1.0, (None, 1.0)),
        (1, None, -np.inf, (None, None)),
        (1, None, None, (None, None)),
        (2, None, -1.0, (None, None)),
        (4, [0.25, 0.75, 1.0], -1.0, (None, None)),
    ],
)
def test_each_way_that_the_solver_can_end(status, x, dual, expected, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    result = SimpleNamespace(status=status, x=None if x is None else np.array(x), mip_dual_bound=dual)
    monkeypatch.setattr(scipy.optimize, "milp", lambda *_, **__: result)
    question = {"lead": [[-0.5], [1.0]], "image": [0], "seconds": 1.0}
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(read=lambda: json.dumps(question)))
    certificate._answer()
    answer = json.loads(capsys.readouterr().err)
    assert (answer["weights"], answer["bound"]) == expected


def test_the_solver_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    logits, labels = drawn(5, 5, images=113)  # HiGHS 1.12 prints here
    certify(margins_of(logits, labels), 30.0, np.full(5, 0.2))
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_proven_is_refused() -> None:
    logits, labels = drawn(3, 8)
    margins = margins_of(logits, labels)
    with pytest.raises(MisalignedError, match="Wanted one weight for each of 3 members, got 2"):
        certify(margins, 30.0, np.array([0.5, 0.5]))
    with pytest.raises(InvalidOptionError, match=r"Wanted finite weights >= 0 .* got \[0.0, 0.0, 0.0\]"):
        certify(margins, 30.0, np.zeros(3))
    for seconds in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InvalidOptionError, match="Wanted a number of seconds above 0 for the proof, got"):
            certify(margins, seconds, np.full(3, 1 / 3))
