import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ensemble_kit.ensembling.weights.temperature import COOLEST, HOTTEST, fit_scale, fit_temperatures

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
        return float(-log_softmax(logits[member] / np.exp(log_t), axis=-1)[np.arange(IMAGES), labels].mean())

    found = fit_temperatures(logits.astype(np.float32), labels)
    for member in range(MEMBERS):
        best = minimize_scalar(
            loss,
            args=(member,),
            bounds=(np.log(COOLEST), np.log(HOTTEST)),
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


def test_always_right_is_as_cool_and_always_wrong_as_hot_as_allowed() -> None:
    labels = np.arange(21) % CLASSES
    right = 3 * np.eye(CLASSES)[labels]
    np.testing.assert_allclose(fit_temperatures(np.stack([right, -right]), labels), [COOLEST, HOTTEST])


def test_nothing_to_learn_gives_one() -> None:
    labels = np.arange(21) % CLASSES
    assert fit_temperatures(np.full((1, 21, CLASSES), 4.0), labels).tolist() == [1.0]
    assert fit_scale(np.eye(CLASSES)[labels], labels, np.zeros((1, 21))).tolist() == [1.0]
    assert fit_temperatures(np.zeros((2, 0, CLASSES)), np.zeros(0, dtype=np.int64)).tolist() == [1.0, 1.0]


def test_multiplying_the_logits_multiplies_the_temperature() -> None:
    logits, labels = drawn(9)
    plain = fit_temperatures(logits[2:3], labels)
    assert fit_temperatures(1.7 * logits[2:3], labels)[0] == pytest.approx(1.7 * plain[0], rel=1e-9)
