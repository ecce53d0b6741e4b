"""How a fitted stack is applied: class scores from everything that the members say."""

import numpy as np

from ensemble_kit.errors import MisalignedError
from ensemble_kit.types import MemberLogits, Scores, Stack


def stacked(votes: MemberLogits, stack: Stack) -> Scores:
    """Return the scores that a stack makes of votes; images do not touch each other.

    Args:
        votes: calibrated logits, members and classes as the stack was fitted on.

    Raises:
        MisalignedError: the votes have other members or classes.

    Example:
        >>> cat_is_dog = Stack(np.array([[[0.0, 2.0], [1.0, 0.0]]]), np.array([0.0, 0.5]))
        >>> stacked(np.array([[[3.0, 1.0]]]), cat_is_dog)
        array([[1. , 6.5]])
    """
    members, classes = stack.coefficients.shape[:2]
    if (len(votes), votes.shape[2]) != (members, classes):
        raise MisalignedError(
            f"The stack was fitted on {members} members and {classes} classes, the pool has {len(votes)} and "
            f"{votes.shape[2]}; give it the members it was tuned on."
        )
    scores: Scores = np.tile(stack.intercepts, (votes.shape[1], 1))
    for vote, coefficients in zip(votes, stack.coefficients, strict=True):
        scores += vote @ coefficients
    return scores
