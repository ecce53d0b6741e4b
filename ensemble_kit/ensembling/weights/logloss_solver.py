"""The one convex fit of the house: weights that make the labels likely.

Minimises, over 0 <= v <= 20 and for many problems at once,
    mean log loss of the labels under v  +  ridge / (2 members) * sum((v / scale - centre)^2)
by projected Newton steps (Bertsekas' active set) with backtracking. Problems share the
votes and differ in row weights, ridge and scale, so all folds and all ridges of a path
are one call. Inputs that separate, repeat or say nothing end at a bound or stay at the
start (scale * centre); nothing diverges. Half a wrong image more is counted (see
`temperature.pseudo_share`), or weights would grow without end where every image is right.
Never sees ids, groups or files. To add a link (how a weighted sum becomes a probability): a
class like `_Softmax`, a line in `_LINKS`.

Source: Bertsekas, "Projected Newton methods for optimization problems with simple
constraints", SIAM J. Control Optim. 20(2), 1982.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.weights.temperature import LARGEST_MARGIN, PSEUDO_WRONG, best_two, pseudo_share
from ensemble_kit.types import Labels, MemberLogits, Weights

RowWeights = Float[np.ndarray, "problems images"]
Solutions = Float[np.ndarray, "problems members"]
PerProblem = Float[np.ndarray, " problems"]
Hessians = Float[np.ndarray, "problems members members"]
State = Float[np.ndarray, "problems ..."]

LARGEST = 20.0  # the upper bound of v
SMALLEST_PROBABILITY = 1e-12  # keeps a mixture's log finite
_ROUNDS, _HALVINGS, _GRADIENT, _GAIN = 100, 40, 1e-9, 1e-15
_AT_ONCE = 20_000_000  # numbers in flight: problems * images * classes
_IN_CACHE = 32_000  # numbers that are multiplied and summed before they leave the processor's cache


@runtime_checkable
class _Link(Protocol):
    """A mean log loss over rows, evaluated for many v at once."""

    def __init__(self, votes: MemberLogits, labels: Labels) -> None: ...

    def value(self, v: Solutions, row_weights: RowWeights) -> tuple[PerProblem, State]:
        """Return the mean loss, and what `derivatives` needs to go on from there."""

    def derivatives(self, v: Solutions, state: State, row_weights: RowWeights) -> tuple[Solutions, Hessians]:
        """Return gradient and Hessian of the mean loss at `v`."""

    def row_losses(self, v: Solutions) -> RowWeights:
        """Return the log loss (nats) of every row under the weights v / sum(v)'s model."""

    def pseudo(self, centre: Weights) -> Float[np.ndarray, "members images"]:
        """Return by how much each vote for the runner-up, as `centre` ranks classes, exceeds that for the label."""


class _Softmax:
    """-log softmax(sum of v * votes)[label]; votes are kept relative to the label's.

    Images are the last axis inside, since sums over a short last axis are slow.
    """

    def __init__(self, votes: MemberLogits, labels: Labels) -> None:
        at_label = votes[:, np.arange(len(labels)), labels]
        excess = (votes - at_label[..., None]).astype(np.float64)
        self.shape = excess.shape[:0:-1]  # classes, images
        self.flat = np.ascontiguousarray(excess.transpose(0, 2, 1)).reshape(len(votes), -1)

    def _rows(self, v: Solutions) -> tuple[RowWeights, Float[np.ndarray, "problems classes images"]]:
        """Return log loss and class probabilities of every row."""
        scores = (v @ self.flat).reshape(len(v), *self.shape)
        top = scores.max(axis=1, keepdims=True)
        scores -= top
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        scores /= total
        return (np.log(total) + top)[:, 0], scores

    def value(self, v: Solutions, row_weights: RowWeights) -> tuple[PerProblem, State]:
        losses, probabilities = self._rows(v)
        return (losses * row_weights).sum(axis=1), probabilities

    def derivatives(self, v: Solutions, state: State, row_weights: RowWeights) -> tuple[Solutions, Hessians]:
        members, (images, classes) = len(self.flat), state.shape[:0:-1]
        hessian = np.zeros((*v.shape, members))
        summed = np.zeros((*v.shape, images))  # row weight times mean excess of each image
        some = max(1, _IN_CACHE // max(1, members * images))  # classes
        for begin in range(0, classes, some):
            excess = self.flat[:, begin * images : (begin + some) * images]
            for problem, shares in enumerate(row_weights):
                tilted = excess * (state[problem, begin : begin + some] * shares).ravel()
                hessian[problem] += tilted @ excess.T
                summed[problem] += tilted.reshape(members, -1, images).sum(axis=1)
        mean = summed / np.where(row_weights > 0, row_weights, 1.0)[:, None]
        return summed.sum(axis=2), hessian - summed @ mean.transpose(0, 2, 1)

    def row_losses(self, v: Solutions) -> RowWeights:
        return self._rows(v)[0]

    def pseudo(self, centre: Weights) -> Float[np.ndarray, "members images"]:
        every, votes = np.arange(self.shape[1]), self.flat.reshape(-1, *self.shape)
        best, second = (votes[:, chosen, every] for chosen in best_two((centre @ self.flat).reshape(self.shape)))
        wrong: Float[np.ndarray, "members images"] = best - np.clip(best - second, -LARGEST_MARGIN, LARGEST_MARGIN)
        return wrong


class _Mixture:
    """-log sum(v * p[label]) + sum(v) - 1: its optimum without ridge lies on the simplex."""

    def __init__(self, votes: MemberLogits, labels: Labels) -> None:
        at_label = votes[:, np.arange(len(labels)), labels].astype(np.float64)
        self.probability = np.maximum(at_label, SMALLEST_PROBABILITY)

    def value(self, v: Solutions, row_weights: RowWeights) -> tuple[PerProblem, State]:
        mixed = v @ self.probability
        losses = -np.log(np.maximum(mixed, np.finfo(np.float64).tiny))
        return (losses * row_weights).sum(axis=1) + v.sum(axis=1) - 1.0, mixed

    def derivatives(self, v: Solutions, state: State, row_weights: RowWeights) -> tuple[Solutions, Hessians]:
        share = np.sqrt(row_weights) / np.maximum(state, np.finfo(np.float64).tiny)
        gradient = 1.0 - (share * np.sqrt(row_weights)) @ self.probability.T
        each = self.probability * share[:, None, :]
        return gradient, each @ each.transpose(0, 2, 1)

    def row_losses(self, v: Solutions) -> RowWeights:
        losses: RowWeights = np.log(v.sum(axis=1, keepdims=True)) - np.log(v @ self.probability)
        return losses

    def pseudo(self, centre: Weights) -> Float[np.ndarray, "members images"]:
        return np.zeros_like(self.probability)  # its weights cannot grow: they sum to 1


_LINKS: Final[Mapping[str, type[_Link]]] = {"softmax": _Softmax, "mixture": _Mixture}


class LogLossFit:
    """Problems that share votes and differ in row weights and scale, to be solved under one ridge after the other.

    Args:
        votes: what the members cast (logits, votes: link `softmax`; probabilities: `mixture`).
        row_weights: how much each image counts in each problem, >= 0.
        centre: where the ridge pulls, in units of `scale`; members * prior.
        scale: the size of v that the ridge calls 1, > 0.
        link: `softmax` or `mixture`.

    Example:
        >>> cast = np.log(np.full((1, 4, 2), [0.8, 0.2]))  # sure of 0.8; right 3 times of 4, so 3 of 4.5
        >>> fit = LogLossFit(cast, np.array([0, 0, 0, 1]), np.ones((1, 4)), np.ones(1), np.ones(1), "softmax")
        >>> fit.at(np.zeros(1)).round(6)
        array([[0.5]])
    """

    def __init__(
        self,
        votes: MemberLogits,
        labels: Labels,
        row_weights: RowWeights,
        centre: Weights,
        scale: PerProblem,
        link: str,
    ) -> None:
        """Take the problems; nothing is solved yet."""
        self._loss, self._centre, self._scale = _LINKS[link](votes, labels), centre, scale
        images = row_weights.sum(axis=1, keepdims=True)
        self._shares = row_weights / np.maximum(images, np.finfo(np.float64).tiny)
        self._pull = pseudo_share(row_weights)[:, None] * (self._shares @ self._loss.pseudo(centre).T)
        self._at_once = max(1, _AT_ONCE // max(1, votes[0].size))

    def at(self, ridge: PerProblem, start: Solutions | None = None) -> Solutions:
        """Return the v of least regularised log loss, one row a problem.

        Args:
            ridge: strength of the pull, finite and >= 0.
            start: where each problem begins; None: scale * centre.
        """
        begin = self._scale[:, None] * self._centre if start is None else start
        parts = [slice(first, first + self._at_once) for first in range(0, len(ridge), self._at_once)]
        return np.concatenate([_minimise(self._objective(ridge, part), begin[part]) for part in parts])

    def _objective(self, ridge: PerProblem, part: slice) -> "_Objective":
        strength = ridge[part] / len(self._centre)
        return _Objective(self._loss, self._shares[part], self._pull[part], strength, self._centre, self._scale[part])


def row_losses(votes: MemberLogits, labels: Labels, v: Solutions, link: str) -> RowWeights:
    """Return the log loss (nats) of each image under each v; a mixture is normalised first."""
    return _LINKS[link](votes, labels).row_losses(v)


def wary_losses(votes: MemberLogits, labels: Labels, v: Solutions, centre: Weights, images: int) -> RowWeights:
    """Return `row_losses` of scores, each image beside itself counting for its part of the pseudo-images.

    So fits are compared as they are found: none is the better for being more certain where every image is right.

    Args:
        centre: as `LogLossFit` takes it.
        images: how many there are in all.
    """
    loss = _Softmax(votes, labels)
    plain = loss.row_losses(v)
    wrong = plain - v @ loss.pseudo(centre)
    losses: RowWeights = plain + PSEUDO_WRONG / images * wrong
    return losses


@dataclass(frozen=True)
class _Objective:
    """Mean log loss plus ridge, for the problems that are still running.

    pull: how fast pseudo-images let the mean loss fall with each v, a constant.
    """

    loss: _Link
    row_weights: RowWeights
    pull: Solutions
    ridge: PerProblem
    centre: Weights
    scale: PerProblem

    def part(self, index: Int[np.ndarray, " some"]) -> "_Objective":
        """Return the objective of some of the problems, given in rising order."""
        if len(index) == len(self.scale):
            return self
        shares, pull, ridge, scale = self.row_weights[index], self.pull[index], self.ridge[index], self.scale[index]
        return _Objective(self.loss, shares, pull, ridge, self.centre, scale)

    def value(self, v: Solutions) -> tuple[PerProblem, State]:
        """Return the objective, and what `derivatives` needs to go on from there."""
        mean_loss, state = self.loss.value(v, self.row_weights)
        away = v / self.scale[:, None] - self.centre
        return mean_loss - (self.pull * v).sum(axis=1) + 0.5 * self.ridge * (away**2).sum(axis=1), state

    def derivatives(self, v: Solutions, state: State) -> tuple[Solutions, Hessians]:
        """Return gradient and Hessian of the objective."""
        gradient, hessian = self.loss.derivatives(v, state, self.row_weights)
        away = v / self.scale[:, None] - self.centre
        gradient = gradient - self.pull + (self.ridge / self.scale)[:, None] * away
        return gradient, hessian + (self.ridge / self.scale**2)[:, None, None] * np.eye(v.shape[1])


def _minimise(objective: _Objective, start: Solutions) -> Solutions:
    """Run Newton's method on all problems; those that have arrived leave the batch."""
    v = np.clip(start, 0.0, LARGEST)
    result: Solutions = v.copy()
    running = np.arange(len(v))
    value, state = objective.value(v)
    for _ in range(_ROUNDS):
        gradient, hessian = objective.derivatives(v, state)
        go = np.flatnonzero(_reach(v, gradient) > _GRADIENT)
        if not len(go):
            break
        running, before, objective = running[go], value[go], objective.part(go)
        v, value, state = _line_search(objective, v[go], before, state[go], gradient[go], hessian[go])
        result[running] = v
        gained = np.flatnonzero(before - value > _GAIN)
        running, v, value, state = running[gained], v[gained], value[gained], state[gained]
        if not len(running):
            break
        objective = objective.part(gained)
    return result


def _line_search(
    objective: _Objective,
    start: Solutions,
    before: PerProblem,
    state: State,
    gradient: Solutions,
    hessian: Hessians,
) -> tuple[Solutions, PerProblem, State]:
    """Go along Newton's direction, each problem as far as its objective keeps Armijo's promise."""
    direction, fixed = _newton_direction(start, gradient, hessian)
    v, value, step = start.copy(), before.copy(), 1.0
    trying = np.arange(len(v))
    for _ in range(_HALVINGS):
        moved = np.clip(start[trying] + step * direction[trying], 0.0, LARGEST)
        reached, reached_state = objective.part(trying).value(moved)
        promise = np.where(fixed[trying], start[trying] - moved, -step * direction[trying])
        good = reached <= before[trying] - 1e-4 * (gradient[trying] * promise).sum(axis=1)
        taken = trying[good]
        v[taken], value[taken] = moved[good], reached[good]
        if len(taken) == len(state):
            state = reached_state
        else:
            state[taken] = reached_state[good]
        trying, step = trying[~good], step / 2
        if not len(trying):
            break
    return v, value, state


def _reach(v: Solutions, gradient: Solutions) -> PerProblem:
    """Return how far a unit gradient step would go inside the bounds; 0 at the optimum."""
    reach: PerProblem = np.abs(v - np.clip(v - gradient, 0.0, LARGEST)).max(axis=1)
    return reach


def _newton_direction(
    v: Solutions, gradient: Solutions, hessian: Hessians
) -> tuple[Solutions, Bool[np.ndarray, "problems members"]]:
    """Return Newton's direction within the free weights, and which weights a bound holds."""
    near = np.minimum(_reach(v, gradient), 1e-6)[:, None]
    fixed = ((v <= near) & (gradient > 0)) | ((v >= LARGEST - near) & (gradient < 0))
    reduced = np.where(fixed[:, :, None] | fixed[:, None, :], 0.0, hessian)
    diagonal = np.arange(v.shape[1])
    jitter = 1e-12 + 1e-9 * reduced[:, diagonal, diagonal].max(axis=1, keepdims=True)
    reduced[:, diagonal, diagonal] += np.where(fixed, 1.0, jitter)
    return -np.linalg.solve(reduced, gradient[:, :, None])[:, :, 0], fixed
