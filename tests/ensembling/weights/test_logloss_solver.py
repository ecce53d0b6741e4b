import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from ensemble_kit.ensembling.weights.logloss_solver import LARGEST, LogLossFit, row_losses

MEMBERS, IMAGES, CLASSES = 5, 83, 7


def fit_log_loss(votes, labels, counts, ridge, centre, scale, link) -> np.ndarray:
    return LogLossFit(votes, labels, counts, centre, scale, link).at(ridge)


def votes_and_labels(seed: int, link: str, strength: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    gains = strength * random.uniform(0.0, 1.5, size=(MEMBERS, 1, 1))
    logits = gains * np.eye(CLASSES)[labels] + random.normal(size=(MEMBERS, IMAGES, CLASSES))
    return (softmax(logits, axis=-1) if link == "mixture" else logits), labels


def objective(
    v: np.ndarray,
    votes: np.ndarray,
    labels: np.ndarray,
    counts: np.ndarray,
    ridge: float,
    centre: np.ndarray,
    scale: float,
    link: str,
) -> float:
    """The definition, written plainly."""
    rows, share = np.arange(len(labels)), counts / counts.sum()
    mixed = np.tensordot(v, votes, axes=1)
    if link == "softmax":
        loss = -(share * log_softmax(mixed, axis=-1)[rows, labels]).sum()
        second = np.argsort(np.tensordot(centre, votes, axes=1), axis=-1)[:, -2]  # of half an image more, the label
        wrong = -(share * log_softmax(mixed, axis=-1)[rows, second]).sum()
        loss = (counts.sum() * loss + wrong / 2) / (counts.sum() + 0.5)
    else:
        loss = -(share * np.log(mixed[rows, labels])).sum() + v.sum() - 1
    return float(loss + ridge / (2 * len(v)) * ((v / scale - centre) ** 2).sum())


@pytest.mark.parametrize("link", ["softmax", "mixture"])
@pytest.mark.parametrize("seed", range(4))
def test_the_fit_reaches_scipys_optimum(link: str, seed: int) -> None:
    votes, labels = votes_and_labels(seed, link)
    random = np.random.default_rng(100 + seed)
    ridges = np.array([0.0, 0.01, 0.3, 1.0])
    counts = random.integers(0, 3, size=(4, IMAGES)).astype(float)
    scale = random.uniform(0.1, 0.4, size=4)
    centre = MEMBERS * random.dirichlet(np.ones(MEMBERS))
    found = fit_log_loss(votes, labels, counts, ridges, centre, scale, link)
    for problem in range(4):
        rest = (votes, labels, counts[problem], ridges[problem], centre, scale[problem], link)
        best = min(
            minimize(
                objective,
                np.full(MEMBERS, 0.2),
                args=rest,
                method=method,
                bounds=[(1e-12, LARGEST)] * MEMBERS,
                options={"maxiter": 2000, "ftol": 1e-13},
            ).fun
            for method in ("L-BFGS-B", "SLSQP")
        )
        ours = objective(np.maximum(found[problem], 1e-12), *rest)
        assert ours <= best + 1e-9
        assert best <= ours + 1e-6


@pytest.mark.parametrize("link", ["softmax", "mixture"])
def test_no_small_step_inside_the_bounds_does_better(link: str) -> None:
    votes, labels = votes_and_labels(7, link)
    counts, centre = np.ones(IMAGES), np.ones(MEMBERS)
    rest = (votes, labels, counts, 0.03, centre, 0.2, link)
    found = fit_log_loss(votes, labels, counts[None], np.array([0.03]), centre, np.array([0.2]), link)[0]
    assert ((found >= 0) & (found <= LARGEST)).all()
    here = objective(found, *rest)
    for step in np.concatenate([np.eye(MEMBERS), -np.eye(MEMBERS)]) * 1e-4:
        moved = np.clip(found + step, 0, LARGEST)
        assert objective(moved, *rest) >= here - 1e-13


def test_a_batch_of_problems_gives_what_each_gives_alone() -> None:
    votes, labels = votes_and_labels(3, "softmax")
    random = np.random.default_rng(3)
    counts, ridges = random.uniform(size=(11, IMAGES)), random.uniform(size=11)
    scale, centre = random.uniform(0.1, 1, size=11), np.ones(MEMBERS)
    together = fit_log_loss(votes, labels, counts, ridges, centre, scale, "softmax")
    for problem in range(11):
        one = slice(problem, problem + 1)
        alone = fit_log_loss(votes, labels, counts[one], ridges[one], centre, scale[one], "softmax")
        np.testing.assert_allclose(together[one], alone, atol=1e-7)


def test_large_batches_are_cut_without_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, labels = votes_and_labels(5, "softmax")
    arguments = (votes, labels, np.ones((7, IMAGES)), np.linspace(0, 1, 7), np.ones(MEMBERS), np.full(7, 0.2))
    whole = fit_log_loss(*arguments, "softmax")
    monkeypatch.setattr("ensemble_kit.ensembling.weights.logloss_solver._AT_ONCE", 2 * IMAGES * CLASSES)
    np.testing.assert_allclose(fit_log_loss(*arguments, "softmax"), whole, atol=1e-7)


def test_without_ridge_mixture_weights_lie_on_the_simplex() -> None:
    votes, labels = votes_and_labels(11, "mixture")
    found = fit_log_loss(votes, labels, np.ones((1, IMAGES)), np.zeros(1), np.ones(MEMBERS), np.array([0.2]), "mixture")
    assert found.sum() == pytest.approx(1, abs=1e-8)


def test_a_heavy_ridge_ends_near_the_centre() -> None:
    votes, labels = votes_and_labels(2, "softmax")
    centre = np.array([1.0, 2.0, 0.5, 1.0, 0.5])
    found = fit_log_loss(votes, labels, np.ones((1, IMAGES)), np.array([1e9]), centre, np.array([0.3]), "softmax")
    np.testing.assert_allclose(found[0], 0.3 * centre, atol=1e-6)


@pytest.mark.parametrize("link", ["softmax", "mixture"])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("case", ["separable", "hopeless", "constant", "twins", "one class", "no rows", "huge"])
def test_nothing_diverges(link: str, ridge: float, case: str) -> None:
    logits, labels = votes_and_labels(1, "softmax")
    if case == "separable":
        logits = 50 * np.eye(CLASSES)[labels][None].repeat(MEMBERS, axis=0)
    elif case == "hopeless":
        logits = -50 * np.eye(CLASSES)[labels][None].repeat(MEMBERS, axis=0)
    elif case == "constant":
        logits = np.ones_like(logits)
    elif case == "twins":
        logits[:] = logits[:1]
    elif case == "one class":
        labels = np.zeros_like(labels)
    elif case == "huge":
        logits = logits * 1e6
    votes = softmax(logits, axis=-1) if link == "mixture" else logits
    counts = np.zeros((2, IMAGES)) if case == "no rows" else np.ones((2, IMAGES))
    found = fit_log_loss(votes, labels, counts, np.full(2, ridge), np.ones(MEMBERS), np.full(2, 1 / MEMBERS), link)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= LARGEST)).all()
    if case == "twins":
        np.testing.assert_allclose(found, found[:, :1].repeat(MEMBERS, axis=1), rtol=1e-6)
    if case == "constant" and link == "softmax":
        np.testing.assert_allclose(found, 1 / MEMBERS)  # nothing to learn: the start stands


@pytest.mark.parametrize("link", ["softmax", "mixture"])
def test_row_losses_are_those_of_the_blend_by_definition(link: str) -> None:
    votes, labels = votes_and_labels(13, link)
    v = np.random.default_rng(0).uniform(size=(3, MEMBERS))
    for problem, losses in enumerate(row_losses(votes, labels, v, link)):
        mixed = np.tensordot(v[problem], votes, axes=1)
        chances = softmax(mixed, axis=-1) if link == "softmax" else mixed / v[problem].sum()
        np.testing.assert_allclose(losses, -np.log(chances[np.arange(IMAGES), labels]), rtol=1e-10)
