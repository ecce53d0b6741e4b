"""A linear classifier on features that are at hand: multinomial logistic regression.

Convex, so there is one answer, found to many digits by scikit-learn: no learning rate, no seed.
Features are standardised inside and the result is folded back, so that it applies to features as they
are. Never sees val or a file: the penalty is chosen among the rows that are handed in.
"""

import warnings
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from ensemble_kit.errors import BadDataError

Features = Float[np.ndarray, "images features"]
Labels = Int[np.ndarray, " images"]

PENALTIES: Final = tuple(np.geomspace(10.0, 1e-3, 7).round(12).tolist())
"""From strong to weak; see `fit_affine`."""
_CLOSE, _CLOSER = 1e-4, 1e-6  # largest slope at which a fit is done: to choose by, to keep
_STEPS: Final = 1000


class Affine(NamedTuple):
    """logits = weight @ features + bias, for features as they are."""

    weight: Float[np.ndarray, "classes features"]
    bias: Float[np.ndarray, " classes"]

    def logits(self, features: Float[np.ndarray, "images features"]) -> Float[np.ndarray, "images classes"]:
        """Return unnormalised log-probabilities (nats)."""
        logits: Float[np.ndarray, "images classes"] = features.astype(np.float64) @ self.weight.T + self.bias
        return logits


class Tried(NamedTuple):
    """How a penalty did in cross-validation: mean log loss (nats) and accuracy of the rows held out."""

    penalty: float
    log_loss: float
    accuracy: float


def fit_affine(features: Features, labels: Labels, classes: int, penalty: float) -> Affine:
    """Return the classifier with the least mean cross entropy + penalty / 2 * |weights|^2.

    The weights in the penalty are those of standardised features; the bias is free.

    Args:
        classes: how many there are; some may have no row.

    Raises:
        BadDataError: no rows, or a feature that is not finite.

    Example:
        >>> found = fit_affine(np.array([[-2.0], [-1.0], [1.0], [2.0], [9.0]]), np.array([0, 0, 1, 1, 1]), 2, 0.1)
        >>> found.logits(np.array([[-2.0], [2.0]])).argmax(axis=1).tolist()
        [0, 1]
    """
    _check(features)
    fit = _Fit(features, labels, classes)
    for stronger in (one for one in PENALTIES if one > penalty):
        fit.at(stronger, _CLOSE)  # quick, and near enough for the next to be quick
    return fit.at(penalty, _CLOSER)


def choose_penalty(
    features: Features,
    labels: Labels,
    fold: Labels,
    classes: int,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[Tried, ...]:
    """Return how penalties do, from strong to weak, until a weaker one does worse; see `best`.

    Args:
        fold: the fold in which each row is held out.
        penalties: the strongest first: each fit starts from the one before.

    Raises:
        BadDataError: no rows, or a feature that is not finite.
    """
    _check(features)
    fits = {one: _Fit(features[fold != one], labels[fold != one], classes) for one in np.unique(fold).tolist()}
    tried: list[Tried] = []
    for penalty in penalties:
        log_probs = np.zeros((len(labels), classes))
        for one, fit in fits.items():
            held = fit.at(penalty, _CLOSE).logits(features[fold == one])
            log_probs[fold == one] = held - np.logaddexp.reduce(held, axis=1, keepdims=True)
        losses = -log_probs[np.arange(len(labels)), labels]
        tried.append(Tried(penalty, float(losses.mean()), float((log_probs.argmax(axis=1) == labels).mean())))
        if best(tried) != tried[-1]:
            break
    return tuple(tried)


def best(tried: Sequence[Tried]) -> Tried:
    """Return the one with the lowest log loss; ties: the stronger penalty.

    Example:
        >>> best([Tried(1.0, 0.7, 0.5), Tried(0.1, 0.6, 0.5), Tried(0.01, 0.6, 0.75)]).penalty
        0.1
    """
    return min(tried, key=lambda one: (one.log_loss, -one.penalty))


class _Fit:
    """Rows to fit on, standardised, and the weights that were found last: each fit begins where the last one ended."""

    def __init__(self, features: Features, labels: Labels, classes: int) -> None:
        """Standardise the rows."""
        from sklearn.linear_model import LogisticRegression

        self._mean, self._spread = _mean_and_spread(features)
        self._rows, self._labels, self._classes = (features - self._mean) / self._spread, labels, classes
        self._present = np.unique(labels)
        self._model = LogisticRegression(max_iter=_STEPS, warm_start=True)

    def at(self, penalty: float, close: float) -> Affine:
        """Return the classifier of a penalty, for features as they are."""
        weight, bias = self._solved(penalty, close) if len(self._present) > 1 else (0.0, 0.0)
        placed = np.zeros((self._classes, len(self._mean)))
        placed[self._present] = weight / self._spread
        constant = np.full(self._classes, -np.log(len(self._labels) + 1))
        constant[self._present] = bias - placed[self._present] @ self._mean
        return Affine(placed, constant)

    def _solved(self, penalty: float, close: float) -> tuple[np.ndarray, np.ndarray]:
        """Return weights and bias of the classes that have rows; over these both sum to 0."""
        from threadpoolctl import threadpool_limits

        two = len(self._present) == 2  # then one row is fitted, the lead of the second: twice as long, penalised once
        strength = (2 if two else 1) / (penalty * len(self._labels))
        with warnings.catch_warnings(), threadpool_limits(torch.get_num_threads()):
            warnings.simplefilter("ignore")  # what has not converged by then is near enough
            self._model.set_params(C=strength, tol=close).fit(self._rows, self._labels)
        weight, bias = self._model.coef_, self._model.intercept_
        if two:
            weight, bias = np.vstack([-weight, weight]) / 2, np.append(-bias, bias) / 2
        return weight - weight.mean(axis=0), bias - bias.mean()


def _mean_and_spread(
    features: Features,
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"]]:
    """Return those of each feature, in double precision; a feature that never changes has spread 1."""
    spread = features.std(axis=0, dtype=np.float64)
    return features.mean(axis=0, dtype=np.float64), np.where(spread > 1e-8, spread, 1.0)


def _check(features: Features) -> None:
    """Raise unless there are rows, and every feature is finite."""
    if not len(features) or not np.isfinite(features).all():
        raise BadDataError(
            f"Wanted finite features of one image or more, got {len(features)} images, or numbers that are not "
            "finite. Take other weights."
        )
