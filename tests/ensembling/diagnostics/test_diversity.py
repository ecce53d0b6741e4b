from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, matthews_corrcoef, zero_one_loss

import predictions
from ensemble_kit.ensembling.diagnostics.diversity import (
    Duplicate,
    PairMeans,
    diversity,
    near_duplicates,
    pair_mean,
    pattern_correlation,
)
from ensemble_kit.errors import BadDataError

MEMBERS, IMAGES, CLASSES = 5, 83, 7
TOY = Path(predictions.__file__).parent / "toy"


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    right = random.random((MEMBERS, IMAGES)) < np.linspace(0.5, 0.9, MEMBERS)[:, None]
    return np.where(right, labels, random.integers(CLASSES, size=(MEMBERS, IMAGES))), labels


def from_table(both: int, first_only: int, second_only: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Two members with these counts of images that both, one or none have right; label 0, wrong classes 1 and 2."""
    counts = [both, first_only, second_only, neither]
    predicted = np.array([np.repeat([0, 0, 1, 1], counts), np.repeat([0, 1, 0, 2], counts)])
    return predicted, np.zeros(sum(counts), dtype=int)


@pytest.mark.parametrize(
    ("table", "q", "correlation"),
    [
        ((50, 20, 10, 20), (50 * 20 - 20 * 10) / (50 * 20 + 20 * 10), 800 / np.sqrt(70 * 30 * 60 * 40)),
        ((40, 10, 40, 10), 0.0, 0.0),  # unrelated: 80 % and 50 % right
        ((60, 0, 0, 40), 1.0, 1.0),  # the same images
        ((0, 60, 40, 0), -1.0, -1.0),  # opposite ones
        ((30, 25, 25, 20), (600 - 625) / 1225, (600 - 625) / np.sqrt(55 * 45 * 55 * 45)),
    ],
)
def test_a_table_of_two_is_read_as_by_hand(table: tuple[int, int, int, int], q: float, correlation: float) -> None:
    both, first_only, second_only, neither = table
    found = diversity(*from_table(*table))
    assert found.means.disagreement == pytest.approx((first_only + second_only) / 100)
    assert found.means.different_class == pytest.approx((first_only + second_only + neither) / 100)
    assert found.means.double_fault == pytest.approx(neither / 100)
    assert found.means.q == pytest.approx(q)
    assert found.means.correlation == pytest.approx(correlation)
    assert found.oracle == pytest.approx(1 - neither / 100)
    assert found.accuracy == pytest.approx((2 * both + first_only + second_only) / 200)


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_is_counted_as_by_other_libraries(seed: int) -> None:
    predicted, labels = drawn(seed)
    found = diversity(predicted, labels)
    for i, j in combinations(range(MEMBERS), 2):
        right, other = predicted[i] == labels, predicted[j] == labels
        expected = {
            "disagreement": zero_one_loss(right, other),
            "different_class": zero_one_loss(predicted[i], predicted[j]),
            "double_fault": (~right & ~other).mean(),
            "correlation": matthews_corrcoef(right, other),
        }
        for name, value in expected.items():
            matrix = getattr(found.pairs, name)
            assert matrix[i, j] == pytest.approx(value, abs=1e-12), name
            assert matrix[j, i] == matrix[i, j]
        odds = (right & other).sum() * (~right & ~other).sum() / ((right & ~other).sum() * (~right & other).sum())
        assert found.pairs.q[i, j] == found.pairs.q[j, i] == pytest.approx((odds - 1) / (odds + 1))
    assert found.accuracy == pytest.approx(np.mean([accuracy_score(labels, member) for member in predicted]))
    assert found.oracle == (predicted == labels).any(axis=0).mean()


def test_a_member_beside_itself() -> None:
    predicted, labels = drawn(3)
    pairs = diversity(predicted, labels).pairs
    for matrix, expected in ((pairs.disagreement, 0.0), (pairs.different_class, 0.0), (pairs.q, 1.0)):
        np.testing.assert_allclose(matrix.diagonal(), expected)
    np.testing.assert_allclose(pairs.correlation.diagonal(), 1.0)
    np.testing.assert_allclose(pairs.double_fault.diagonal(), (predicted != labels).mean(axis=1))


def test_means_are_over_pairs_of_different_members() -> None:
    found = diversity(*drawn(4))
    for name in PairMeans._fields:
        matrix = getattr(found.pairs, name)
        each = [matrix[i, j] for i, j in combinations(range(MEMBERS), 2)]
        assert getattr(found.means, name) == pytest.approx(np.mean(each))


def test_of_a_member_that_is_always_right_nothing_can_be_said() -> None:
    predicted, labels = drawn(5)
    predicted[2] = labels
    found = diversity(predicted, labels)
    for matrix in (found.pairs.q, found.pairs.correlation):
        assert np.isnan(matrix[2]).all()
        assert np.isnan(matrix[:, 2]).all()
        assert np.isnan(matrix).sum() == 2 * MEMBERS - 1
    rest = diversity(np.delete(predicted, 2, axis=0), labels)
    assert found.means.q == pytest.approx(rest.means.q)
    assert found.means.correlation == pytest.approx(rest.means.correlation)


def test_q_is_not_defined_where_one_is_right_wherever_the_other_is_and_never_wrong() -> None:
    found = diversity(*from_table(70, 0, 30, 0))
    assert (found.means.q, found.means.correlation) == (None, None)
    assert found.means.disagreement == pytest.approx(0.3)


def test_a_lone_member_has_no_pairs() -> None:
    predicted, labels = drawn(6)
    found = diversity(predicted[:1], labels)
    assert found.means == PairMeans(None, None, None, None, None)
    assert found.pairs.disagreement.tolist() == [[0.0]]
    assert found.oracle == found.accuracy
    assert pair_mean(np.zeros((1, 1))) is None
    assert near_duplicates(np.ones((1, IMAGES, CLASSES))) == []


def test_no_image_is_refused() -> None:
    predicted, labels = drawn(7)
    with pytest.raises(BadDataError, match="at least one image"):
        diversity(predicted[:, :0], labels[:0])


@pytest.fixture(scope="module", params=["val", "test"])
def toy(request: pytest.FixtureRequest) -> np.ndarray:
    """Logits of cnn, cnn-augmented, cnn-augmented-2 (the same with another seed) and mlp."""
    names = ["cnn", "cnn-augmented", "cnn-augmented-2", "mlp"]
    files = [next((TOY / name).glob(f"{request.param}-*.npy")) for name in names]
    return np.stack([np.load(file, allow_pickle=False)[0] for file in files])


def test_members_of_other_seeds_and_architectures_are_no_duplicates(toy: np.ndarray) -> None:
    assert near_duplicates(toy) == []
    assert pattern_correlation(toy)[1, 2] < 0.85  # two seeds of one architecture


@pytest.mark.parametrize("member", range(4))
def test_the_same_network_again_is_a_duplicate(toy: np.ndarray, member: int) -> None:
    logits = toy[member].astype(np.float64)
    noise = np.random.default_rng(member).normal(size=logits.shape) * logits.std()
    again = {
        "rounded": logits.astype(np.float16).astype(np.float64),
        "hotter": logits / 2.3,
        "log-probabilities": logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)),
        "one class up": logits + np.arange(10) * 0.3,
        "noise of 1 %": logits + 0.01 * noise,
        "noise of 10 %": logits + 0.1 * noise,
    }
    for name, copy in again.items():
        [found] = near_duplicates(np.concatenate([toy, copy[None]]))
        assert (found.first, found.second) == (member, 4), name
    assert near_duplicates(np.concatenate([toy, (logits + 0.5 * noise)[None]])) == []


def test_two_good_members_are_no_duplicates_however_easy_the_set() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = 20.0 * np.eye(CLASSES)[labels] + random.normal(size=(2, IMAGES, CLASSES))
    centred = logits - logits.mean(axis=2, keepdims=True)
    assert pearsonr(centred[0].ravel(), centred[1].ravel()).statistic > 0.97
    assert pattern_correlation(logits)[0, 1] < 0.4
    assert near_duplicates(logits) == []


def test_a_pattern_is_correlated_as_by_scipy() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = (
        3 * np.eye(CLASSES)[labels] + random.normal(size=(IMAGES, CLASSES)) + random.normal(size=(3, IMAGES, CLASSES))
    )
    votes = [np.bincount(each, minlength=CLASSES).argmax() for each in logits.argmax(axis=2).T]
    rest = []
    for member in logits:
        centred = member - member.mean(axis=1, keepdims=True)
        for one_class in range(CLASSES):
            rows = [i for i in range(IMAGES) if votes[i] == one_class]
            centred[rows] -= centred[rows].sum(axis=0) / (len(rows) + 1)
        rest.append(centred.ravel())
    found = pattern_correlation(logits)
    for i, j in combinations(range(3), 2):
        assert found[i, j] == found[j, i] == pytest.approx(pearsonr(rest[i], rest[j]).statistic, abs=1e-12)


def test_with_hardly_an_image_a_class_patterns_are_told_apart_all_the_same() -> None:
    random = np.random.default_rng(2)
    labels = np.arange(59)
    logits = 5 * np.eye(59)[labels] + random.normal(size=(3, 59, 59))
    logits[2] = 0.5 * logits[0] + 1
    assert [(each.first, each.second) for each in near_duplicates(logits)] == [(0, 2)]


def test_neither_the_order_of_members_nor_of_images_matters(toy: np.ndarray) -> None:
    order = [2, 0, 3, 1]
    plain = pattern_correlation(toy)
    np.testing.assert_allclose(pattern_correlation(toy[order]), plain[np.ix_(order, order)], atol=1e-12)
    np.testing.assert_allclose(pattern_correlation(toy[:, ::-1]), plain, atol=1e-12)


def test_duplicates_come_most_alike_first() -> None:
    random = np.random.default_rng(3)
    one = random.normal(size=(IMAGES, CLASSES))
    noise = random.normal(size=(IMAGES, CLASSES))
    found = near_duplicates(np.stack([one + 0.1 * noise, random.normal(size=one.shape), one, 4 * one]))
    assert [(each.first, each.second) for each in found] == [(2, 3), (0, 2), (0, 3)]
    assert isinstance(found[0], Duplicate)
    assert found[0].correlation == pytest.approx(1.0)
    assert found[0].correlation > found[1].correlation > 0.98
    assert near_duplicates(np.stack([one, one + 0.1 * noise]), threshold=0.999) == []


def test_a_member_that_says_nothing_is_like_no_other() -> None:
    logits = np.random.default_rng(4).normal(size=(3, IMAGES, CLASSES))
    logits[:2] = 4.0
    assert np.isnan(pattern_correlation(logits)[:2]).all()
    assert near_duplicates(logits) == []
    assert near_duplicates(logits[:, :0]) == []
