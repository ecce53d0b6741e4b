import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from ensemble_kit.ensembling.combining.voting import BORDA, GEO_MEAN, LOGIT_SUM, MAJORITY_VOTE, PROB_MEAN, Voting
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.weights.evidence import Evidence, Search, equal, prior_only, weigh
from ensemble_kit.ensembling.weights.greedy import greedy
from ensemble_kit.ensembling.weights.logloss import RIDGES, auto
from ensemble_kit.ensembling.weights.logloss import log_loss as log_loss_way
from ensemble_kit.ensembling.weights.temperature import fit_temperatures
from ensemble_kit.metrics.table import METRICS

MEMBERS, IMAGES, CLASSES = 5, 103, 7
EVEN = np.full(MEMBERS, 1 / MEMBERS)


def evidence(
    voting: Voting,
    seed: int = 0,
    prior: np.ndarray = EVEN,
    strengths: tuple[float, ...] = (0.3, 1.0, 1.6, 2.2, 2.5),
    groups: np.ndarray | None = None,
    images: int = IMAGES,
) -> Evidence:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=images)
    truth = np.array(strengths)[:, None, None] * np.eye(CLASSES)[labels]
    logits = truth + random.normal(size=(len(strengths), images, CLASSES))
    logits = logits / fit_temperatures(logits, labels)[:, None, None]
    names = None if groups is None else [f"g{number:04d}" for number in groups]
    fold = fold_of([f"{place:05d}" for place in range(images)], labels, names)
    return Evidence(voting, logits, labels, fold, groups, prior)


def log_loss(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -log_softmax(scores, axis=-1)[np.arange(len(labels)), labels]


def best_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Beside the images half a one is counted: typical, of which the runner-up is the label."""
    ordered = np.sort(scores, axis=-1)
    margin = np.median(ordered[:, -1] - ordered[:, -2])

    def loss(log_t: float) -> float:
        wrong = log_loss(scores / np.exp(log_t), scores.argmax(axis=1)).mean() + margin / np.exp(log_t)
        return float(log_loss(scores / np.exp(log_t), labels).sum() + wrong / 2) / (len(labels) + 0.5)

    found = minimize_scalar(
        loss,
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(np.exp(found.x))


def test_equal_weights_have_the_best_blend_temperature() -> None:
    seen = evidence(LOGIT_SUM)
    weights, temperature, ridge, stack = equal(seen)
    np.testing.assert_allclose(weights, EVEN)
    assert temperature == pytest.approx(best_temperature(seen.logits.mean(axis=0), seen.labels), rel=1e-5)
    assert ridge is None
    assert stack is None


def test_given_weights_have_the_best_blend_temperature() -> None:
    seen, weights = evidence(LOGIT_SUM), np.array([0.1, 0.0, 0.2, 0.3, 0.4])
    best = best_temperature(np.tensordot(weights, seen.logits, axes=1), seen.labels)
    assert weigh(seen, weights).blend_temperature == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("way", [auto, equal, greedy])
@pytest.mark.parametrize("voting", [PROB_MEAN, MAJORITY_VOTE])
def test_only_logits_have_a_blend_temperature(way, voting: Voting) -> None:
    assert way(evidence(voting)).blend_temperature == 1.0


def test_prior_only_takes_the_prior() -> None:
    prior = np.array([1.0, 0, 0, 0, 0])
    assert prior_only(evidence(LOGIT_SUM, prior=prior)).weights.tolist() == prior.tolist()


def test_auto_never_looks_at_the_metric() -> None:
    seen = evidence(LOGIT_SUM, 4)
    plain = auto(seen)
    for metric in METRICS:
        np.testing.assert_array_equal(auto(replace(seen, search=Search(metric=metric))).weights, plain.weights)


def by_knowledge(seen: Evidence) -> np.ndarray:
    """The weights that ridges pull towards, as defined."""
    losses = np.array([log_loss(one, seen.labels) for one in seen.logits])
    best, worse = losses.mean(axis=1).argmin(), np.zeros(len(losses))
    for member, row in enumerate(losses - losses[best]):
        if seen.groups is None:
            worse[member] = row.std(ddof=1) / np.sqrt(len(row))
        else:
            sums = np.array([(row - row.mean())[seen.groups == group].sum() for group in np.unique(seen.groups)])
            worse[member] = np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(row)
    knows = np.log(CLASSES) - losses.mean(axis=1)
    weights = seen.prior * np.minimum(np.maximum(knows + worse, 0), knows[best]) ** 4
    return weights / weights.sum()


def scipy_fit(seen: Evidence, rows: np.ndarray, ridge: float) -> np.ndarray:
    """The definition of one point of the ridge path, solved by L-BFGS-B."""
    count = len(seen.logits)
    centre = count * seen.prior
    logits, labels = seen.logits[:, rows], seen.labels[rows]
    blend = np.tensordot(seen.prior, logits, axes=1)
    scale, second = 1 / best_temperature(blend, labels) / count, blend.argsort(axis=1)[:, -2]
    if np.isinf(ridge):
        return scale * centre

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.tensordot(v, logits, axes=1)
        away = v / scale - centre
        wrong = log_loss(scores, second).mean()  # of half an image more, of which the runner-up is the label
        value = (log_loss(scores, labels).sum() + wrong / 2) / (len(labels) + 0.5) + ridge / (2 * count) * (
            away**2
        ).sum()
        truth = (len(labels) * np.eye(CLASSES)[labels] + np.eye(CLASSES)[second] / 2) / (len(labels) + 0.5)
        excess = softmax(scores, axis=-1) - truth
        slope = (logits * excess).sum(axis=(1, 2)) / len(labels) + ridge / count * away / scale
        return float(value), slope

    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 3000}
    bounds = [(0, 20)] * count
    return minimize(loss, scale * centre, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x


def wary_loss(seen: Evidence, held: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The log loss of each image, and of its part of half an image more, of which the runner-up is the label."""
    scores = np.tensordot(v, seen.logits[:, held], axes=1)
    second = np.tensordot(seen.prior, seen.logits[:, held], axes=1).argsort(axis=1)[:, -2]
    return log_loss(scores, seen.labels[held]) + log_loss(scores, second) / len(seen.labels) / 2


@pytest.mark.parametrize("kind", ["members", "views", "groups", "similar"])
def test_auto_is_its_definition_solved_by_scipy(kind: str) -> None:
    prior = np.eye(MEMBERS)[0] if kind == "views" else EVEN
    groups = np.arange(IMAGES) % 31 if kind == "groups" else None
    strengths = (1.6,) * 5 if kind == "similar" else (0.3, 1.0, 1.6, 2.2, 2.5)
    seen = evidence(LOGIT_SUM, 3, prior, strengths, groups)
    asked, seen = seen, replace(seen, prior=by_knowledge(seen))
    losses = np.zeros((len(RIDGES), IMAGES))
    for (place, ridge), fold in itertools.product(enumerate(RIDGES), range(5)):
        v = scipy_fit(seen, seen.fold != fold, ridge)
        held = seen.fold == fold
        losses[place, held] = wary_loss(seen, held, v)
    best = losses[losses.mean(axis=1).argmin()]
    strongest = 0.0
    for ridge, row in zip(RIDGES, losses, strict=True):
        worse = row - best
        if groups is None:
            error = worse.std(ddof=1) / np.sqrt(IMAGES)
        else:
            sums = np.array([(worse - worse.mean())[groups == group].sum() for group in range(31)])
            error = np.sqrt(31 / 30 * (sums**2).sum()) / IMAGES
        if worse.mean() <= error / 2:
            strongest = max(strongest, ridge)
    found = auto(asked)
    assert found.ridge == strongest
    v = scipy_fit(seen, np.ones(IMAGES, dtype=bool), strongest)
    np.testing.assert_allclose(found.weights, v / v.sum(), atol=1e-4)
    assert found.blend_temperature == pytest.approx(1 / v.sum(), rel=1e-3)


def scipy_mixture(seen: Evidence, rows: np.ndarray, ridge: float) -> np.ndarray:
    """The definition of one point of a mixture's ridge path, solved by L-BFGS-B."""
    count = len(seen.logits)
    if np.isinf(ridge):
        return seen.prior
    at_label = softmax(seen.logits[:, rows], axis=-1)[:, np.arange(rows.sum()), seen.labels[rows]]

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        away = count * v - count * seen.prior
        value = -np.log(v @ at_label).mean() + v.sum() + ridge / (2 * count) * (away**2).sum()
        return float(value), 1 - (at_label / (v @ at_label)).mean(axis=1) + ridge * away

    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 3000}
    return minimize(loss, seen.prior, jac=True, method="L-BFGS-B", bounds=[(0, 20)] * count, options=options).x


def test_auto_for_means_of_probabilities_compares_them_sharpened() -> None:
    asked = evidence(PROB_MEAN, 4)
    seen = replace(asked, prior=by_knowledge(asked))
    chances = softmax(seen.logits, axis=-1)
    losses = np.zeros((len(RIDGES), IMAGES))
    for (place, ridge), fold in itertools.product(enumerate(RIDGES), range(5)):
        train, held = seen.fold != fold, seen.fold == fold
        humble = np.log(np.tensordot(scipy_mixture(seen, train, ridge), chances, axes=1))
        temperature = best_temperature(humble[train], seen.labels[train])
        losses[place, held] = log_loss(humble[held] / temperature, seen.labels[held])
    worse = losses - losses[losses.mean(axis=1).argmin()]
    within = worse.mean(axis=1) <= worse.std(axis=1, ddof=1) / np.sqrt(IMAGES) / 2
    found = auto(asked)
    assert found.ridge == max(ridge for ridge, near in zip(RIDGES, within, strict=True) if near)
    v = scipy_mixture(seen, np.ones(IMAGES, dtype=bool), found.ridge)
    np.testing.assert_allclose(found.weights, v / v.sum(), atol=1e-4)


def test_sharing_is_no_fault_of_a_mean_of_probabilities() -> None:
    found = auto(evidence(PROB_MEAN, 6, strengths=(2.0,) * 20, prior=np.full(20, 0.05), images=307))
    assert found.weights.max() < 0.12  # compared unsharpened, one member gets 0.17


def test_auto_leaves_out_a_member_that_knows_nothing() -> None:
    shares = []
    for seed in range(5, 11):
        seen = evidence(LOGIT_SUM, seed, strengths=(0.0, 0.0, 2.5, 2.5, 2.5), images=307)
        say = auto(seen).weights * seen.logits.std(axis=(1, 2))  # calibration has hushed the first two already
        shares.append(say[:2].sum() / say.sum())
    assert np.mean(shares) < 0.05
    assert np.median(shares) < 1e-6


def test_auto_beside_a_hopeless_member_stays_near_the_good_one() -> None:
    """About 53 and 91 % right; they share half of their noise, so the best weight of the weak one is 0."""
    weights = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        labels, noise = random.integers(10, size=101), random.normal(size=(3, 101, 10))
        truth = np.array([1.6, 3.1])[:, None, None] * np.eye(10)[labels]
        logits = truth + np.sqrt(0.5) * (noise[:1] + noise[1:])
        logits = logits / fit_temperatures(logits, labels)[:, None, None]
        fold = fold_of([f"{place:05d}" for place in range(101)], labels)
        weights.append(auto(Evidence(LOGIT_SUM, logits, labels, fold, None, np.full(2, 0.5))).weights[0])
    assert np.mean(weights) < 0.1


def test_auto_stays_at_equal_where_members_are_equally_good() -> None:
    found = auto(evidence(LOGIT_SUM, 6, strengths=(2.0,) * 5, images=307))
    assert found.ridge is not None
    assert found.ridge >= 0.3
    np.testing.assert_allclose(found.weights, EVEN, atol=0.07)


@pytest.mark.parametrize("voting", [LOGIT_SUM, MAJORITY_VOTE])
def test_auto_falls_back_to_the_prior_where_all_weights_are_0(voting: Voting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble_kit.ensembling.weights.logloss.RIDGES", (0.0,))
    random = np.random.default_rng(0)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = -9 * np.eye(CLASSES)[labels] + 0.01 * random.normal(size=(MEMBERS, IMAGES, CLASSES))
    fold = fold_of([str(place) for place in range(IMAGES)], labels)
    prior = np.array([0.4, 0.3, 0.1, 0.1, 0.1])
    found = auto(Evidence(voting, logits, labels, fold, None, prior))
    np.testing.assert_allclose(found.weights, prior, atol=1e-12)


def test_auto_with_one_member_has_nothing_to_choose() -> None:
    found = auto(evidence(LOGIT_SUM, strengths=(1.5,), prior=np.ones(1)))
    assert found.weights.tolist() == [1.0]
    assert found.blend_temperature == pytest.approx(1, rel=1e-6)  # its own temperature was the best
    assert found.ridge is None


@pytest.mark.parametrize("way", [auto, log_loss_way])
@pytest.mark.parametrize("voting", [LOGIT_SUM, PROB_MEAN, GEO_MEAN, MAJORITY_VOTE, BORDA])
def test_perfect_members_are_survived(way, voting: Voting) -> None:
    labels = np.arange(IMAGES) % CLASSES
    logits = np.tile(100 * np.eye(CLASSES)[labels], (MEMBERS, 1, 1))
    fold = fold_of([str(place) for place in range(IMAGES)], labels)
    found = way(Evidence(voting, logits, labels, fold, None, EVEN))
    np.testing.assert_allclose(found.weights, EVEN, atol=1e-6)
    assert np.isfinite(found.blend_temperature)


@pytest.mark.parametrize("way", [auto, log_loss_way])
@pytest.mark.parametrize("voting", [LOGIT_SUM, PROB_MEAN, GEO_MEAN, MAJORITY_VOTE, BORDA])
@pytest.mark.parametrize("kind", ["constant", "one class", "one member separates"])
def test_input_that_says_nothing_or_everything_does_not_diverge(way, voting: Voting, kind: str) -> None:
    random = np.random.default_rng(1)
    labels = np.zeros(IMAGES, dtype=np.int64) if kind == "one class" else np.arange(IMAGES) % CLASSES
    logits = (
        np.zeros((MEMBERS, IMAGES, CLASSES)) if kind == "constant" else random.normal(size=(MEMBERS, IMAGES, CLASSES))
    )
    if kind == "one member separates":
        logits[2] = 30 * np.eye(CLASSES)[labels]
    fold = fold_of([str(place) for place in range(IMAGES)], labels)
    found = way(Evidence(voting, logits, labels, fold, None, EVEN))
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    assert 0.001 < found.blend_temperature < 100
    if kind == "constant":
        np.testing.assert_allclose(found.weights, EVEN, atol=1e-3)


def test_log_loss_takes_the_ridge_of_least_cross_fitted_log_loss_as_scipy_finds_it() -> None:
    seen = evidence(LOGIT_SUM, 3)
    asked, seen = seen, replace(seen, prior=by_knowledge(seen))
    losses = np.zeros((len(RIDGES), IMAGES))
    for (place, ridge), fold in itertools.product(enumerate(RIDGES), range(5)):
        v = scipy_fit(seen, seen.fold != fold, ridge)
        held = seen.fold == fold
        losses[place, held] = wary_loss(seen, held, v)
    found = log_loss_way(asked)
    assert found.ridge == RIDGES[int(losses.mean(axis=1).argmin())]
    v = scipy_fit(seen, np.ones(IMAGES, dtype=bool), found.ridge)
    np.testing.assert_allclose(found.weights, v / v.sum(), atol=1e-4)


def test_auto_survives_one_group_that_holds_everything() -> None:
    found = auto(evidence(LOGIT_SUM, groups=np.zeros(IMAGES, dtype=np.int64)))
    assert found.weights.sum() == pytest.approx(1)
