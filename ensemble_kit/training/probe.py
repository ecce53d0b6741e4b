"""A linear classifier on features that are at hand: multinomial logistic regression.

Convex, so there is one answer, found to many digits: no learning rate, no seed. Features are
standardised inside and the result is folded back, so that it applies to features as they
are. Never sees val or a file: the penalty is chosen among the rows that are handed in.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ensemble_kit.errors import BadDataError

Features = Float[np.ndarray, "images features"]
Labels = Int[np.ndarray, " images"]

PENALTIES: Final = tuple(np.geomspace(10.0, 1e-3, 7).round(12).tolist())
"""From strong to weak; see `fit_affine`."""
_CLOSE, _CLOSER = 1e-4, 1e-6  # largest slope at which a fit is done: to choose by, to keep
_MOST_TURNED: Final = 2048  # features; above, finding the axes would take longer than it saves
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
    problem = _Problem.of(features, labels, classes, _Axes.of(features))
    start = None
    for stronger in (one for one in PENALTIES if one > penalty):
        start = problem.solved(stronger, start, _CLOSE)  # quick, and near enough for the next to be quick
    return problem.affine(problem.solved(penalty, start, _CLOSER))


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
    axes = _Axes.of(features)  # a change of variables alone: no fit depends on it
    folds = np.unique(fold).tolist()
    problems = {one: _Problem.of(features[fold != one], labels[fold != one], classes, axes) for one in folds}
    found: dict[int, Tensor | None] = dict.fromkeys(folds)
    tried: list[Tried] = []
    for penalty in penalties:
        log_probs = np.zeros((len(labels), classes))
        for one, problem in problems.items():
            found[one] = solved = problem.solved(penalty, found[one], _CLOSE)
            held = torch.from_numpy(problem.affine(solved).logits(features[fold == one]))
            log_probs[fold == one] = F.log_softmax(held, dim=1).numpy()
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


class _Axes(NamedTuple):
    """Directions in which standardised features vary, and how much: with them a fit takes few steps."""

    turn: Float[np.ndarray, "features features"] | None  # None: too many features for it to pay
    variance: Float[np.ndarray, " features"]

    @classmethod
    def of(cls, features: Features) -> "_Axes":
        count = features.shape[1]
        if count > _MOST_TURNED:
            return cls(None, np.ones(count))
        mean, spread = _mean_and_spread(features)
        rows = (features - mean) / spread
        variance, turn = np.linalg.eigh(rows.T @ rows / len(rows))
        return cls(turn, np.maximum(variance, 0.0))


class _Problem(NamedTuple):
    """Rows to fit on, standardised and turned, and the way back."""

    rows: Float[Tensor, "images features"]
    labels: Int[Tensor, " images"]
    classes: int
    axes: _Axes
    mean: Float[np.ndarray, " features"]
    spread: Float[np.ndarray, " features"]

    @classmethod
    def of(cls, features: Features, labels: Labels, classes: int, axes: _Axes) -> "_Problem":
        mean, spread = _mean_and_spread(features)
        rows = (features - mean) / spread
        turned = torch.from_numpy(rows if axes.turn is None else rows @ axes.turn)
        return cls(turned, torch.from_numpy(np.array(labels)), classes, axes, mean, spread)

    def solved(self, penalty: float, start: Tensor | None, close: float) -> Float[Tensor, "classes columns"]:
        """Return the weights of the rows and, in the last column, the bias."""
        first = torch.zeros(self.classes, self.rows.shape[1] + 1, dtype=torch.float64) if start is None else start
        scale = self._steepness(first, penalty)
        free = (first * scale).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [free], max_iter=_STEPS, tolerance_grad=close, tolerance_change=1e-13, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            found = free / scale
            value = F.cross_entropy(self._logits(found), self.labels) + penalty / 2 * found[:, :-1].square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        return free.detach() / scale

    def _logits(self, found: Float[Tensor, "classes columns"]) -> Float[Tensor, "images classes"]:
        return self.rows @ found[:, :-1].T + found[:, -1]

    def _steepness(self, found: Float[Tensor, "classes columns"], penalty: float) -> Float[Tensor, " columns"]:
        """Return about how fast the slope changes along each column, its root: the unit to take steps in."""
        shares = torch.softmax(self._logits(found), dim=1)
        unsure = float((shares * (1 - shares)).mean())
        return torch.from_numpy(np.sqrt(np.append(self.axes.variance, 1.0) * unsure + penalty))

    def affine(self, solved: Float[Tensor, "classes columns"]) -> Affine:
        """Return a solution for features as they are."""
        weight, bias = solved[:, :-1].numpy(), solved[:, -1].numpy()
        weight = (weight if self.axes.turn is None else weight @ self.axes.turn.T) / self.spread
        return Affine(weight, bias - weight @ self.mean)


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
            f"Wanted finite features of one picture or more, got {len(features)} pictures, or numbers that are not "
            "finite. Take other weights."
        )
