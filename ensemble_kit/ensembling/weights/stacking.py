"""Stacking: a logistic regression on everything that every member says.

A weighted sum gives each member one number; a stack gives each class of each member one for
each class of the blend, so it can learn that a member takes cats for dogs. That is many
numbers: members * classes * classes of them, so it asks for many labelled images. It fits
no weighted sum, and so has a type of its own, `Stack`. Needs scikit-learn to fit and NumPy
alone to predict; only for logits, never for views.
"""

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import METHODS, cast_logit, stacked
from ensemble_kit.ensembling.weights.evidence import Evidence, Weighing
from ensemble_kit.ensembling.weights.logloss_solver import row_losses
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.types import Labels, MemberLogits, Pool, Stack, Weights

INVERSE_RIDGES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # scikit-learn's C, the strongest ridge first
ROWS_A_VOTE: Final = 15  # labelled images for each class of each member
_ROUNDS, _PRECISION = 10_000, 1e-4


def stack(evidence: Evidence) -> Weighing:
    """Fit a logistic regression on the calibrated votes of all members.

    The ridge is that of the least log loss, cross-fitted on the evidence's folds (ties: the
    strongest). A class without a label never wins; its probability stays below
    1 / (images + 1). However few the images, it fits; whether they will do is for the caller
    to ask, once: see `check_enough_rows`.

    Returns:
        The stack. Its weights are for reading only: each member's part of all squared coefficients.

    Raises:
        InvalidOptionError: the method is not logit-sum.

    Source: Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.
    """
    if evidence.voting.cast is not cast_logit:
        names = [name for name, entry in METHODS.items() if entry.load() is evidence.voting]
        raise InvalidOptionError(
            f"Stacking reads logits: wanted the method logit-sum, got {' '.join(names) or 'another'}. "
            "Take --method logit-sum, or --weights auto."
        )
    votes, labels = evidence.voting.cast(evidence.logits), evidence.labels
    losses = np.empty((len(INVERSE_RIDGES), len(labels)))
    for fold in np.unique(evidence.fold):
        held = evidence.fold == fold
        for place, found in enumerate(_path(votes[:, ~held], labels[~held], INVERSE_RIDGES)):
            scores = stacked(votes[:, held], found)
            losses[place, held] = row_losses(scores[None], labels[held], np.ones((1, 1)), "softmax")[0]
    best = int(losses.mean(axis=1).argmin())
    (chosen,) = _path(votes, labels, INVERSE_RIDGES[best : best + 1])
    return Weighing(_shares(chosen, evidence.prior), stack=chosen)


def among(stack: Stack, places: Int[np.ndarray, " heard"], members: int) -> Stack:
    """Return the stack of some members as one of all, of whom the others add nothing."""
    coefficients = np.zeros((members, *stack.coefficients.shape[1:]))
    coefficients[places] = stack.coefficients
    return Stack(coefficients, stack.intercepts)


def enough_rows(pool: Pool) -> bool:
    """Say whether the pool has images enough for a stack; see `check_enough_rows`."""
    return not why_too_few(len(pool.ids), len(pool.members), len(pool.classes))


def why_too_few(images: int, members: int, classes: int) -> str:
    """Return what a stack wants of which there is less; empty where there are images enough.

    Example:
        >>> why_too_few(29, 1, 2)
        'wants 15 labelled images for each class of each member, 30 for 1 member and 2 classes; there are 29'
        >>> why_too_few(30, 1, 2)
        ''
    """
    wanted = ROWS_A_VOTE * members * classes
    if images >= wanted:
        return ""
    return (
        f"wants {ROWS_A_VOTE} labelled images for each class of each member, {wanted} for "
        f"{members} member{'' if members == 1 else 's'} and {classes} classes; there are {images}"
    )


def check_enough_rows(images: int, members: int, classes: int) -> None:
    """Raise unless there are 15 labelled images for each class of each member.

    With 5, stacks of 2 or 4 real members on digits had 3 points fewer fresh images right than
    equal weights, with 10 they broke about even, with 15 they gained half a point. Where
    members are equally good and err at random, no number of images makes a stack better.

    Raises:
        InvalidOptionError: there are fewer.
    """
    if why := why_too_few(images, members, classes):
        raise InvalidOptionError(f"Stacking {why}. Take --weights auto, fewer members, or more images.")


def _path(votes: MemberLogits, labels: Labels, inverse_ridges: Sequence[float]) -> list[Stack]:
    """Return the stack for each ridge; each fit begins where the last one ended."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    members, images, classes = votes.shape
    present = np.unique(labels)
    if len(present) < 2:
        nothing = np.zeros((len(present), members * classes))
        return [_placed(nothing, nothing[:, 0], votes, labels)] * len(inverse_ridges)
    features = votes.transpose(1, 0, 2).reshape(images, members * classes)
    model = LogisticRegression(max_iter=_ROUNDS, tol=_PRECISION, warm_start=True)
    found = []
    with warnings.catch_warnings(), threadpool_limits(1):  # products so small are slower, by far, on many threads
        warnings.simplefilter("ignore")  # what has not converged by then is near enough
        for inverse_ridge in inverse_ridges:
            model.set_params(C=inverse_ridge).fit(features, labels)
            found.append(_placed(model.coef_, model.intercept_, votes, labels))
    return found


def _placed(
    rows: Float[np.ndarray, "fitted votes"],
    intercepts: Float[np.ndarray, " fitted"],
    votes: MemberLogits,
    labels: Labels,
) -> Stack:
    """Return what was fitted to the classes that have labels as a stack of all classes.

    Over the classes with labels, numbers are made to sum to 0, which changes no probability:
    so the best of their scores is never below 0, where those without labels always are.
    """
    members, images, classes = votes.shape
    present = np.unique(labels)
    if len(present) == 2:  # scikit-learn fits one row, the lead of the second
        rows, intercepts = np.vstack([-rows, rows]) / 2, np.append(-intercepts, intercepts) / 2
    coefficients = np.zeros((members, classes, classes))
    every = np.full(classes, -np.log(images + 1))
    if len(present):
        centred = rows - rows.mean(axis=0)
        coefficients[:, :, present] = centred.reshape(len(present), members, classes).transpose(1, 2, 0)
        every[present] = intercepts - intercepts.mean()
    return Stack(coefficients, every)


def _shares(stack: Stack, prior: Weights) -> Weights:
    """Return each member's part of all squared coefficients; the prior where all are 0."""
    squared: Weights = (stack.coefficients**2).sum(axis=(1, 2))
    return squared / squared.sum() if squared.any() else prior
