import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from ensemble_kit.ensembling.weights.temperature import at_bound, fit_scale, fit_temperatures

MEMBERS, IMAGES, CLASSES = 5, 83, 7


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = 2 * np.eye(CLASSES)[labels] + random.normal(size=(MEMBERS, IMAGES, CLASSES))
    return logits * np.array([0.2, 0.7, 1.0, 3.0, 9.0])[:, None, None], labels


@pytest.mark.parametrize("seed", range(3))
def test_temperatures_are_scipys(seed: int) -> None:
    logits, labels = drawn(seed)

    def loss(log_t: float, member: int) -> float:
        log_prob, rows = log_softmax(logits[member] / np.exp(log_t), axis=-1), np.arange(IMAGES)
        ordered = np.sort(log_prob, axis=-1)
        wrong = ordered[:, -1].mean() - np.median(ordered[:, -1] - ordered[:, -2])  # of half an image more
        return float(-(log_prob[rows, labels].sum() + wrong / 2) / (IMAGES + 0.5))

    found = fit_temperatures(logits.astype(np.float32), labels)
    for member in range(MEMBERS):
        best = minimize_scalar(
            loss,
            args=(member,),
            bounds=(np.log(0.01), np.log(1000)),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert np.log(found[member]) == pytest.approx(best.x, abs=1e-5)


def test_a_scale_that_hides_a_row_is_the_scale_without_it() -> None:
    logits, labels = drawn(4)
    counts = np.random.default_rng(4).integers(0, 2, size=(3, IMAGES)).astype(float)
    found = fit_scale(logits[2], labels, counts)
    for problem, seen in enumerate(counts.astype(bool)):
        alone = fit_scale(logits[2][seen], labels[seen], np.ones((1, int(seen.sum()))))
        assert found[problem] == pytest.approx(alone[0], rel=1e-9)


@pytest.mark.parametrize("unit", [0.005, 1, 100, 1e4])
def test_always_right_is_as_sure_as_half_a_wrong_one_more_allows(unit: float) -> None:
    labels = np.arange(21) % CLASSES
    right = 3 * unit * np.eye(CLASSES)[labels]
    (found,) = fit_temperatures(right[None], labels)
    assert softmax(right[0] / found)[labels[0]] == pytest.approx(21 / 21.5)
    assert not at_bound(right[None] / found)[0]


@pytest.mark.parametrize("unit", [0.005, 1, 100, 1e4])
def test_always_wrong_ends_where_all_classes_are_within_two_fifths_of_a_nat(unit: float) -> None:
    labels = np.arange(21) % CLASSES
    wrong = -3 * unit * np.eye(CLASSES)[labels]
    (found,) = fit_temperatures(wrong[None], labels)
    assert found == pytest.approx(3 * unit / 0.4)
    assert at_bound(wrong[None] / found).tolist() == [True]
    assert not at_bound(np.full((1, 21, CLASSES), 4.0)).any()


def test_a_class_that_is_masked_in_every_image_changes_no_temperature() -> None:
    logits, labels = drawn(3)
    masked = np.concatenate([logits, np.full((MEMBERS, IMAGES, 1), -1e9)], axis=2)
    np.testing.assert_allclose(fit_temperatures(masked, labels), fit_temperatures(logits, labels), rtol=1e-6)


def test_nothing_to_learn_gives_one() -> None:
    labels = np.arange(21) % CLASSES
    assert fit_temperatures(np.full((1, 21, CLASSES), 4.0), labels).tolist() == [1.0]
    assert fit_scale(np.eye(CLASSES)[labels], labels, np.zeros((1, 21))).tolist() == [1.0]
    assert fit_temperatures(np.zeros((2, 0, CLASSES)), np.zeros(0, dtype=np.int64)).tolist() == [1.0, 1.0]


def test_multiplying_the_logits_multiplies_the_temperature() -> None:
    logits, labels = drawn(9)
    plain = fit_temperatures(logits, labels)
    for factor in (1e-6, 0.005, 1.7, 100, 1e4, 1e9):
        np.testing.assert_allclose(fit_temperatures(factor * logits, labels), factor * plain, rtol=1e-9)
