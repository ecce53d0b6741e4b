"""What each member casts, how votes are counted, and who wins.

Every method is one weighted sum; methods differ only in what is cast. A test-time view
is a member inside a member, so this module also merges views. Sums run in float64.
Never reads labels or files. To add a method: see `table`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.types import MemberLogits, Scores, ViewLogits

Cast = Callable[[MemberLogits], MemberLogits]

TIE_WIDTH = 1e-12  # vote shares and summed probabilities closer than this are equal


def softmax(logits: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch classes"]:
    """Return probabilities over the last axis, in float64.

    Example:
        >>> softmax(np.log(np.array([1.0, 3.0])))
        array([0.25, 0.75])
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return shifted


def cast_logit(logits: MemberLogits) -> MemberLogits:
    """Cast the logits themselves."""
    return logits.astype(np.float64, copy=False)


def cast_prob(logits: MemberLogits) -> MemberLogits:
    """Cast the probabilities of the classes."""
    return softmax(logits)


def cast_log_prob(logits: MemberLogits) -> MemberLogits:
    """Cast the logarithms of the probabilities, whose mean is that of their geometric mean.

    Computed from the logits without a probability between, so that nothing underflows.

    Example:
        >>> cast_log_prob(np.array([[[0.0, -2000.0]]]))
        array([[[    0., -2000.]]])
    """
    shifted: MemberLogits = logits - logits.max(axis=-1, keepdims=True).astype(np.float64)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def cast_rank(logits: MemberLogits) -> MemberLogits:
    """Cast Borda's points: the share of the other classes that stand behind; equals count half.

    Example:
        >>> cast_rank(np.array([[[4.0, 1.0, 9.0], [5.0, 5.0, 2.0]]]))
        array([[[0.5 , 0.  , 1.  ],
                [0.75, 0.75, 0.  ]]])

    Source: de Borda, "Mémoire sur les élections au scrutin", 1781.
    """
    classes = logits.shape[-1]
    order = logits.argsort(axis=-1)
    ordered = np.take_along_axis(logits, order, axis=-1)
    place = np.arange(classes)
    differs = ordered[..., 1:] != ordered[..., :-1]
    edge = np.ones((*differs.shape[:-1], 1), dtype=np.bool_)
    lowest = np.maximum.accumulate(np.where(np.concatenate([edge, differs], axis=-1), place, 0), axis=-1)
    backwards = np.where(np.concatenate([differs, edge], axis=-1), place, classes - 1)[..., ::-1]
    highest = np.minimum.accumulate(backwards, axis=-1)[..., ::-1]
    points: MemberLogits = np.empty(logits.shape)
    np.put_along_axis(points, order, (lowest + highest) / (2 * max(classes - 1, 1)), axis=-1)
    return points


def cast_top1(logits: MemberLogits) -> MemberLogits:
    """Cast one whole vote for the best class (ties: the lowest class index)."""
    votes: MemberLogits = np.eye(logits.shape[-1])[logits.argmax(axis=-1)]
    return votes


@dataclass(frozen=True)
class Voting:
    """A way to vote: what is cast, what the scores are, and how labels become likely.

    cast: turns calibrated logits into votes of the same shape.
    unit: what the scores are. `logits` become probabilities by a softmax; `probabilities`
        already are; `votes` are, in [0, 1], the share of the votes, or of the points that a class
        could have had; never called probabilities, and their ties are broken (see `decide`).
        Probabilities and votes of a member lie in [0, 1]: early exit relies on it.
    link: how the log-loss fit reads a weighted sum of votes. `softmax`: as logits;
        `mixture`: as a mean of probabilities. Votes have no likelihood of their own:
        their weights are fitted in the log-linear model, where the weight of a member is
        the log-odds that its vote adds to a class.
    best_only: whether a member's vote depends on its best class alone, not on the order of the others; an exported
        graph is then compared wherever the best two are apart.
    """

    cast: Cast
    unit: Literal["logits", "probabilities", "votes"]
    link: Literal["softmax", "mixture"]
    best_only: bool = False


LOGIT_SUM = Voting(cast_logit, unit="logits", link="softmax")
GEO_MEAN = Voting(cast_log_prob, unit="logits", link="softmax")
PROB_MEAN = Voting(cast_prob, unit="probabilities", link="mixture")
MAJORITY_VOTE = Voting(cast_top1, unit="votes", link="softmax", best_only=True)
BORDA = Voting(cast_rank, unit="votes", link="softmax")


def combine(logits: MemberLogits, weights: Float[np.ndarray, " weights"], cast: Cast = cast_logit) -> Scores:
    """Return the weighted sum of the members' votes.

    Args:
        logits: unnormalised log-probabilities (nats), never probabilities.
        weights: one number >= 0 a member, not all 0; only ratios matter.
        cast: what a member casts.

    Returns:
        Scores in the unit of the votes: logits, probabilities or vote shares in [0, 1].

    Raises:
        MisalignedError: there are more or fewer weights than members.
        InvalidOptionError: a weight is negative or not finite, or all are 0.

    Example:
        >>> logits = np.array([[[2.0, 1.0, 0.0]], [[0.0, 1.0, 2.0]]])
        >>> combine(logits, np.array([1.0, 3.0]), cast_top1)
        array([[0.25, 0.  , 0.75]])

    Source: Kittler et al., "On Combining Classifiers", IEEE TPAMI 20(3), 1998.
    """
    return np.tensordot(normalised(weights, len(logits)), cast(logits), axes=1)


def normalised(weights: Float[np.ndarray, " weights"], members: int) -> Float[np.ndarray, " weights"]:
    """Return the weights divided by their sum.

    Raises:
        MisalignedError: there are more or fewer weights than members.
        InvalidOptionError: a weight is negative or not finite, or all are 0.
    """
    if len(weights) != members:
        raise MisalignedError(f"Wanted one weight for each of {members} members, got {len(weights)}.")
    largest = weights.max() if members else 0.0
    if not (np.isfinite(weights).all() and (weights >= 0).all() and largest > 0):
        raise InvalidOptionError(
            f"Wanted finite weights >= 0 with at least one above 0, got {weights.tolist()}; correct them."
        )
    scaled = weights.astype(np.float64) / largest  # first, so that huge weights cannot overflow the sum
    shares: Float[np.ndarray, " weights"] = scaled / scaled.sum()
    return shares


def merge_views(view_logits: ViewLogits, view_weights: Float[np.ndarray, " weights"]) -> Scores:
    """Return one member's logits: the weighted mean over its views, in float64.

    Raises:
        MisalignedError: there are more or fewer weights than views.
        InvalidOptionError: a weight is negative or not finite, or all are 0.
    """
    return combine(view_logits, view_weights)


def decide(
    scores: Float[np.ndarray, "*batch images classes"],
    tie_break: Float[np.ndarray, "*batch images classes"] | None = None,
) -> Int[np.ndarray, "*batch images"]:
    """Return the winning class of each image.

    Without a tie break the largest score wins, and of equal scores the lowest class
    index. With one (votes), three rules in turn: the largest vote share (shares within
    1e-12 are equal, so the order of summing cannot matter), then the largest weighted
    sum of calibrated probabilities (within 1e-12 likewise), then the lowest class index.

    Example:
        >>> votes = np.array([[0.5, 0.5, 0.0]])
        >>> decide(votes), decide(votes, np.array([[0.3, 0.4, 0.9]]))
        (array([0]), array([1]))
    """
    winners: Int[np.ndarray, "*batch images"]
    if tie_break is None:
        winners = scores.argmax(axis=-1)
        return winners
    tied = scores >= scores.max(axis=-1, keepdims=True) - TIE_WIDTH
    confidence = np.where(tied, tie_break, -np.inf)
    winners = (confidence >= confidence.max(axis=-1, keepdims=True) - TIE_WIDTH).argmax(axis=-1)
    return winners
