import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from ensemble_kit.ensembling.combining.stacked import stacked
from ensemble_kit.ensembling.combining.voting import GEO_MEAN, LOGIT_SUM, MAJORITY_VOTE, PROB_MEAN
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.weights.evidence import Evidence
from ensemble_kit.ensembling.weights.stacking import INVERSE_RIDGES, among, check_enough_rows, enough_rows, stack
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.types import Pool, Stack

MEMBERS, IMAGES, CLASSES = 3, 103, 5
EVEN = np.full(MEMBERS, 1 / MEMBERS)


def evidence(seed: int = 0, images: int = IMAGES, present: tuple[int, ...] = tuple(range(CLASSES))) -> Evidence:
    """Members that mistake some classes for others, each in its own way."""
    random = np.random.default_rng(seed)
    labels = np.array(present)[random.integers(len(present), size=images)]
    taste = 1.5 * np.eye(CLASSES) + 0.5 * random.normal(size=(MEMBERS, CLASSES, CLASSES))
    logits = taste[:, labels] + 0.7 * random.normal(size=(images, CLASSES))
    logits = logits + random.normal(size=(MEMBERS, images, CLASSES))
    fold = fold_of([f"{place:05d}" for place in range(images)], labels)
    return Evidence(LOGIT_SUM, logits, labels, fold, None, EVEN)


def side_by_side(logits: np.ndarray) -> np.ndarray:
    return np.concatenate(list(logits), axis=1)


def by_scipy(seen: Evidence, rows: np.ndarray, inverse_ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts by the definition: C * summed log loss + half the squared coefficients."""
    votes, labels = side_by_side(seen.logits[:, rows]), seen.labels[rows]
    width = votes.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients, intercepts = np.split(flat.reshape(width + 1, CLASSES), [width])
        scores = votes @ coefficients + intercepts
        excess = softmax(scores, axis=1) - np.eye(CLASSES)[labels]
        value = -inverse_ridge * log_softmax(scores, axis=1)[np.arange(len(labels)), labels].sum()
        slopes = [inverse_ridge * votes.T @ excess + coefficients, inverse_ridge * excess.sum(axis=0)[None]]
        return value + (coefficients**2).sum() / 2, np.concatenate(slopes).ravel()

    start = np.zeros((width + 1) * CLASSES)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-9})
    coefficients, intercepts = np.split(found.x.reshape(width + 1, CLASSES), [width])
    return coefficients, intercepts[0]


@pytest.fixture
def precisely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble_kit.ensembling.weights.stacking._PRECISION", 1e-6)


@pytest.mark.usefixtures("precisely")
def test_a_stack_is_its_definition_solved_by_scipy() -> None:
    seen = evidence()
    losses = np.zeros((len(INVERSE_RIDGES), IMAGES))
    for fold in range(5):
        held = seen.fold == fold
        for place, inverse_ridge in enumerate(INVERSE_RIDGES):
            coefficients, intercepts = by_scipy(seen, ~held, inverse_ridge)
            scores = side_by_side(seen.logits[:, held]) @ coefficients + intercepts
            losses[place, held] = -log_softmax(scores, axis=1)[np.arange(held.sum()), seen.labels[held]]
    best = INVERSE_RIDGES[losses.mean(axis=1).argmin()]
    assert INVERSE_RIDGES[0] < best < INVERSE_RIDGES[-1]
    coefficients, _ = by_scipy(seen, np.ones(IMAGES, dtype=bool), best)
    found = stack(seen)
    assert found.stack is not None
    np.testing.assert_allclose(found.stack.coefficients.reshape(-1, CLASSES), coefficients, atol=1e-3)
    squares = (coefficients.reshape(MEMBERS, -1) ** 2).sum(axis=1)
    np.testing.assert_allclose(found.weights, squares / squares.sum(), atol=1e-3)
    assert (found.blend_temperature, found.ridge) == (1.0, None)


@pytest.mark.usefixtures("precisely")
@pytest.mark.parametrize("present", [(0, 1, 2, 3, 4), (0, 2, 3), (1, 4), (4, 0)])
def test_classes_with_labels_get_the_probabilities_of_scikit_learn(present, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble_kit.ensembling.weights.stacking.INVERSE_RIDGES", (0.1,))
    seen, fresh = evidence(1, present=present), evidence(2, images=61).logits
    model = LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000).fit(side_by_side(seen.logits), seen.labels)
    found = stack(seen).stack
    assert found is not None
    among = softmax(stacked(fresh, found)[:, sorted(present)], axis=1)
    np.testing.assert_allclose(among, model.predict_proba(side_by_side(fresh)), atol=1e-4)


@given(seed=st.integers(0, 999), scale=st.floats(0, 1e6), present=st.sets(st.integers(0, 4), min_size=1, max_size=4))
@settings(deadline=None, max_examples=25)
def test_a_class_without_a_label_never_wins(seed: int, scale: float, present: set[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensemble_kit.ensembling.weights.stacking.INVERSE_RIDGES", (0.3,))
        found = stack(evidence(seed, 29, tuple(sorted(present)))).stack
    assert found is not None
    votes = scale * np.random.default_rng(seed).normal(size=(MEMBERS, 211, CLASSES))
    scores = stacked(votes, found)
    absent = sorted(set(range(CLASSES)) - present)
    assert set(scores.argmax(axis=1)) <= present
    assert np.isfinite(scores).all()
    assert softmax(scores, axis=1)[:, absent].max() < 1 / 30


def test_a_class_that_a_fold_holds_alone_does_no_harm() -> None:
    seen = evidence(3)
    alone = replace(seen, fold=np.where(seen.labels == 2, 0, seen.fold))
    found = stack(alone)
    assert found.stack is not None
    assert np.isfinite(found.stack.coefficients).all()
    assert (stacked(seen.logits, found.stack).argmax(axis=1) == seen.labels).mean() > 0.8


def test_one_class_or_one_fold_leaves_nothing_to_learn_but_fits() -> None:
    seen = evidence(4, images=23, present=(3,))
    found = stack(seen)
    assert found.stack is not None
    assert found.weights.tolist() == EVEN.tolist()
    np.testing.assert_allclose(softmax(found.stack.intercepts), [1 / 28, 1 / 28, 1 / 28, 24 / 28, 1 / 28])
    assert not found.stack.coefficients.any()
    together = replace(evidence(4), fold=np.zeros(IMAGES, dtype=np.int64))
    strongest = by_scipy(together, np.ones(IMAGES, dtype=bool), INVERSE_RIDGES[0])[0]
    fitted = stack(together).stack
    assert fitted is not None
    np.testing.assert_allclose(fitted.coefficients.reshape(-1, CLASSES), strongest, atol=1e-3)


def test_a_stack_learns_what_no_weights_can() -> None:
    random = np.random.default_rng(5)
    labels, fresh = random.integers(CLASSES, size=307), random.integers(CLASSES, size=211)
    turned = 3 * np.roll(np.eye(CLASSES), 1, axis=1)  # every class is taken for the next
    fold = fold_of([str(place) for place in range(307)], labels)
    seen, unseen = (turned[rows] + random.normal(size=(MEMBERS, len(rows), CLASSES)) for rows in (labels, fresh))
    found = stack(Evidence(LOGIT_SUM, seen, labels, fold, None, EVEN)).stack
    assert found is not None
    assert (unseen.mean(axis=0).argmax(axis=1) == fresh).mean() < 0.05
    assert (stacked(unseen, found).argmax(axis=1) == fresh).mean() > 0.95


def test_members_in_another_order_bring_the_same_scores() -> None:
    seen, order = evidence(6), np.array([2, 0, 1])
    one, other = stack(seen), stack(replace(seen, logits=seen.logits[order]))
    assert one.stack is not None
    assert other.stack is not None
    np.testing.assert_allclose(other.stack.coefficients, one.stack.coefficients[order], atol=1e-3)
    np.testing.assert_allclose(other.weights, one.weights[order], atol=1e-3)
    assert other.weights.sum() == pytest.approx(1)


def test_a_member_that_knows_nothing_has_a_small_share() -> None:
    seen = evidence(7, images=307)
    logits = seen.logits.copy()
    logits[1] = np.random.default_rng(0).normal(size=logits[1].shape)
    assert stack(replace(seen, logits=logits)).weights[1] < 0.1


@pytest.mark.parametrize("heat", [100.0, 1e-9])
def test_perfect_members_and_silent_ones_are_survived(heat: float) -> None:
    labels = np.arange(IMAGES) % CLASSES
    logits = np.tile(heat * np.eye(CLASSES)[labels], (MEMBERS, 1, 1))
    fold = fold_of([str(place) for place in range(IMAGES)], labels)
    found = stack(Evidence(LOGIT_SUM, logits, labels, fold, None, EVEN))
    assert found.stack is not None
    np.testing.assert_allclose(found.weights, EVEN, atol=1e-6)
    chances = softmax(stacked(logits, found.stack), axis=1)
    expected = np.eye(CLASSES)[labels] if heat > 1 else np.tile(np.bincount(labels) / IMAGES, (IMAGES, 1))
    np.testing.assert_allclose(chances, expected, atol=1e-3)


def test_scores_are_the_sum_over_members_and_classes_of_their_votes() -> None:
    random = np.random.default_rng(8)
    votes = random.normal(size=(MEMBERS, 17, CLASSES))
    numbers = Stack(random.normal(size=(MEMBERS, CLASSES, CLASSES)), random.normal(size=CLASSES))
    scores = stacked(votes, numbers)
    for image, c in [(0, 0), (16, 4), (7, 2)]:
        by_hand = numbers.intercepts[c]
        for m in range(MEMBERS):
            for d in range(CLASSES):
                by_hand += votes[m, image, d] * numbers.coefficients[m, d, c]
        assert scores[image, c] == pytest.approx(by_hand, abs=1e-12)
    np.testing.assert_allclose(stacked(votes[:, 5:11], numbers), scores[5:11], atol=1e-12)
    assert stacked(votes[:, :0], numbers).shape == (0, CLASSES)
    with pytest.raises(MisalignedError, match="fitted on 3 members and 5 classes, the pool has 2 and 5"):
        stacked(votes[:2], numbers)
    with pytest.raises(MisalignedError, match="fitted on 3 members and 5 classes, the pool has 3 and 4"):
        stacked(votes[:, :, :4], numbers)


def test_a_stack_of_some_members_hears_nothing_of_the_others() -> None:
    random = np.random.default_rng(10)
    votes = random.normal(size=(7, 17, CLASSES))
    some = Stack(random.normal(size=(MEMBERS, CLASSES, CLASSES)), random.normal(size=CLASSES))
    places = np.array([0, 4, 5])
    scores = stacked(votes, among(some, places, 7))
    np.testing.assert_allclose(scores, stacked(votes[places], some), atol=1e-12)


def test_a_fit_that_stops_early_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble_kit.ensembling.weights.stacking._ROUNDS", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stack(evidence(9)).stack is not None


@pytest.mark.parametrize(
    ("voting", "name"), [(PROB_MEAN, "prob-mean"), (MAJORITY_VOTE, "majority-vote"), (GEO_MEAN, "geo-mean")]
)
def test_only_logits_are_stacked(voting, name: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"wanted the method logit-sum, got {name}. Take --method logit-sum"):
        stack(replace(evidence(), voting=voting))


def test_fifteen_images_are_asked_for_each_class_of_each_member(draw_pool) -> None:
    check_enough_rows(315, 3, 7)
    with pytest.raises(InvalidOptionError, match="315 for 3 members and 7 classes; there are 314. Take --weights auto"):
        check_enough_rows(314, 3, 7)
    pool: Pool = draw_pool([1.0, 2.0, 3.0], images=315)
    assert enough_rows(pool)
    assert not enough_rows(pool.rows(np.arange(314)))
