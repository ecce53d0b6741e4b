"""Logistic regression on features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from ensemble_kit.errors import BadDataError
from ensemble_kit.training.probe import PENALTIES, Tried, best, choose_penalty, fit_affine

IMAGES, FEATURES, CLASSES = 61, 7, 3


def drawn(images=IMAGES, seed=0, pull=1.0):
    """Features whose class moves the first of them, in units far from 1, and one that never changes."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % CLASSES
    features = random.normal(size=(images, FEATURES))
    features[:, 0] += pull * labels
    features[:, 4] = 5.0
    return (features * 10.0 ** np.arange(-3, FEATURES - 3) + 3.0).astype(np.float32), labels


def by_the_book(features, labels, penalty, classes=CLASSES):
    """The least mean cross entropy + penalty / 2 * |weights|^2 by scipy's own search, of standardised features."""
    scaler = StandardScaler().fit(features.astype(np.float64))
    rows, truth = scaler.transform(features.astype(np.float64)), np.eye(classes)[labels]

    def loss(numbers):
        weight, bias = numbers[:-classes].reshape(-1, classes), numbers[-classes:]
        said = log_softmax(rows @ weight + bias, axis=1)
        off = (np.exp(said) - truth) / len(rows)
        slope = np.append((rows.T @ off + penalty * weight).ravel(), off.sum(axis=0))
        return -(said * truth).sum() / len(rows) + penalty / 2 * (weight**2).sum(), slope

    start = np.zeros((rows.shape[1] + 1) * classes)
    found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 10_000}).x
    weight, bias = found[:-classes].reshape(-1, classes), found[-classes:]
    return lambda rows: softmax(scaler.transform(rows.astype(np.float64)) @ weight + bias)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("penalty", [3.0, 0.1, 1e-3])
@pytest.mark.parametrize("classes", [2, CLASSES])
def test_the_probabilities_are_those_of_the_least_penalised_loss(penalty, classes):
    features, labels = drawn()
    labels = labels % classes
    fresh, _ = drawn(seed=1)
    ours = softmax(fit_affine(features, labels, classes, penalty).logits(fresh))
    np.testing.assert_allclose(ours, by_the_book(features, labels, penalty, classes)(fresh), atol=1e-5)


def test_cross_validation_is_that_of_fits_fold_by_fold():
    features, labels = drawn()
    fold = np.random.default_rng(2).permutation(IMAGES) % 5
    tried = choose_penalty(features, labels, fold, CLASSES)
    assert [one.penalty for one in tried] == list(PENALTIES[: len(tried)])
    for one in tried:
        expected = np.zeros((IMAGES, CLASSES))
        for held in range(5):
            expected[fold == held] = by_the_book(features[fold != held], labels[fold != held], one.penalty)(
                features[fold == held]
            )
        assert one.log_loss == pytest.approx(log_loss(labels, expected), abs=1e-4)
        assert one.accuracy == pytest.approx((expected.argmax(axis=1) == labels).mean(), abs=1.5 / IMAGES)


def test_weaker_penalties_are_tried_until_one_does_worse():
    features, labels = drawn(pull=0.0)  # nothing to learn: the strongest penalty is the best
    tried = choose_penalty(features, labels, np.arange(IMAGES) // 13, CLASSES)
    assert [one.penalty for one in tried] == [10.0, PENALTIES[1]]
    assert best(tried) == tried[0]
    plain, labels = drawn(pull=40.0)
    tried = choose_penalty(plain, labels, np.arange(IMAGES) // 13, CLASSES)
    assert len(tried) > 3
    assert min(one.log_loss for one in tried[:-1]) == best(tried).log_loss or best(tried) == tried[-1]


def test_at_equal_loss_the_stronger_penalty_is_taken():
    assert best([Tried(0.01, 0.5, 0.9), Tried(1.0, 0.5, 0.8)]).penalty == 1.0


@settings(max_examples=13, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_the_unit_and_the_zero_of_a_feature_do_not_matter(factor, shift):
    features, labels = drawn()
    features = features.astype(np.float64)
    moved = features.copy()
    moved[:, 2] = moved[:, 2] * factor + shift
    plain, other = (fit_affine(rows, labels, CLASSES, 0.1).logits(rows) for rows in (features, moved))
    np.testing.assert_allclose(softmax(plain), softmax(other), atol=1e-4)


def test_a_class_without_rows_is_never_predicted():
    features, labels = drawn()
    logits = fit_affine(features, labels, CLASSES + 2, 0.1).logits(features)
    assert logits.shape == (IMAGES, CLASSES + 2)
    assert set(logits.argmax(axis=1)) <= set(range(CLASSES))
    alone = fit_affine(features, np.full(IMAGES, 1), CLASSES, 0.1).logits(features)
    assert set(alone.argmax(axis=1)) == {1}


def test_features_that_cannot_be_used_are_refused():
    features, labels = drawn()
    features[3, 5] = np.inf
    with pytest.raises(BadDataError, match="61 images, or numbers that are not finite"):
        fit_affine(features, labels, CLASSES, 0.1)
    with pytest.raises(BadDataError, match="got 0 images"):
        choose_penalty(features[:0], labels[:0], labels[:0], CLASSES)
