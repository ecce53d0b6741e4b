import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn

from ensemble_kit.errors import BadDataError, UnknownNameError
from ensemble_kit.metrics.measure import measure
from ensemble_kit.metrics.scores import accuracy, balanced_accuracy, log_loss, log_prob, macro_f1, mean_loss
from ensemble_kit.metrics.table import METRICS

IMAGES, CLASSES = 211, 7
RANDOM = np.random.default_rng(0)
LABELS = np.r_[np.arange(CLASSES), RANDOM.integers(CLASSES, size=IMAGES - CLASSES)]
SCORES = np.exp(1.5 * np.eye(CLASSES)[LABELS] + RANDOM.normal(size=(IMAGES, CLASSES)))
CHANCES = SCORES / SCORES.sum(axis=1, keepdims=True)
ORACLES = {
    "accuracy": lambda labels, chances, **given: sklearn.accuracy_score(labels, chances.argmax(axis=1), **given),
    "balanced-accuracy": lambda labels, chances, **given: sklearn.balanced_accuracy_score(
        labels, chances.argmax(axis=1), **given
    ),
    "macro-f1": lambda labels, chances, **given: sklearn.f1_score(
        labels, chances.argmax(axis=1), average="macro", **given
    ),
    "log-loss": lambda labels, chances, **given: sklearn.log_loss(labels, chances, labels=range(CLASSES), **given),
}


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_sklearns(metric: str) -> None:
    assert measure(metric, CHANCES, LABELS) == pytest.approx(ORACLES[metric](LABELS, CHANCES), rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_images_move_a_metric_as_sklearns_sample_weights_do(metric: str) -> None:
    rule = METRICS[metric]
    read = log_prob(CHANCES, LABELS) if rule.reads == "log_prob" else CHANCES.argmax(axis=1)
    found, step = rule.influences(read, LABELS), 1e-6
    assert found.sum() == pytest.approx(0, abs=1e-12)
    for image in range(0, IMAGES, 17):
        sides = (
            ORACLES[metric](LABELS, CHANCES, sample_weight=1 + sign * step * np.eye(IMAGES)[image]) for sign in (1, -1)
        )
        assert found[image] == pytest.approx(np.subtract(*sides) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("metric", ["balanced-accuracy", "macro-f1"])
@pytest.mark.parametrize("case", ["no label of a class", "a class never predicted", "neither"])
def test_classes_without_images_or_predictions_are_treated_as_sklearn_does(metric: str, case: str) -> None:
    labels, chances = LABELS, CHANCES.copy()
    if case in ("a class never predicted", "neither"):
        chances[:, [0, CLASSES - 1]] = 0
    if case in ("no label of a class", "neither"):
        labels = np.where((LABELS == 0) | (LABELS == CLASSES - 1), 3, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = ORACLES[metric](labels, chances)
    assert measure(metric, chances, labels) == pytest.approx(expected, rel=1e-12)


def test_sixty_right_of_ninety_and_three_right_of_ten_by_hand() -> None:
    labels = np.r_[np.zeros(90, dtype=np.int64), np.ones(10, dtype=np.int64)]
    predicted = np.r_[np.zeros(60), np.ones(30), np.ones(3), np.zeros(7)].astype(np.int64)
    assert accuracy(predicted, labels) == pytest.approx(0.63)
    assert balanced_accuracy(predicted, labels) == pytest.approx((60 / 90 + 3 / 10) / 2)
    assert macro_f1(predicted, labels) == pytest.approx((120 / 157 + 6 / 43) / 2)


def test_the_four_row_cross_entropy_sums_to_6_966_bits() -> None:
    at_label = np.array([0.4, 0.4, 0.5, 0.1])
    chances = np.stack([at_label, 1 - at_label], axis=1)
    nats = 4 * log_loss(chances, np.zeros(4, dtype=np.int64))
    assert nats / np.log(2) == pytest.approx(6.966, abs=5e-4)


def test_a_probability_of_0_costs_a_finite_loss() -> None:
    assert log_loss(np.array([[0.0, 1.0]]), np.array([0])) == pytest.approx(36.04, abs=0.01)


def test_only_log_loss_is_better_the_smaller_it_is() -> None:
    assert [name for name, rule in METRICS.items() if not rule.larger_is_better] == ["log-loss"]
    assert [rule.gain(0.25) for rule in METRICS.values()] == [0.25, 0.25, 0.25, -0.25]
    assert all(rule.help for rule in METRICS.values())


def test_no_images_are_refused() -> None:
    none = np.zeros(0, dtype=np.int64)
    for score in (accuracy, balanced_accuracy, macro_f1):
        with pytest.raises(BadDataError, match="at least one image"):
            score(none, none)
    with pytest.raises(BadDataError, match="at least one image"):
        mean_loss(np.zeros(0), none)
    with pytest.raises(BadDataError, match="at least one image"):
        log_loss(np.zeros((0, CLASSES)), none)


def test_an_unknown_metric_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"No metric is named 'macro-f'; did you mean 'macro-f1'\?"):
        measure("macro-f", CHANCES, LABELS)
