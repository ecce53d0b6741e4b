"""Looking no more than needed: how many steps an image wants before its class is settled.

A step is whatever is asked at once: a view, or a member with all of its views (see
`partial_blend`). Steps are taken in the order of falling weight, or in one that is given; those of
weight 0 never. `exact`: what is left cannot turn the decision, so going on would change
nothing. `margin`: the leader is ahead by more than a threshold, which `margin_threshold` finds.
`follow` asks for one step after another, `replay` does that on logits that are there already,
with the same sums bit by bit. To add a kind: a branch in `settled`, and a function that makes
the rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.combining import cast_prob, decide, normalised, voting_of
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.types import Scores, ViewLogits

GUARD: Final = 1e-9  # a lead must be larger by this; sums of bounded votes err by far less, ties are 1e-12 wide

Rows = Int[np.ndarray, " _"]
Costs = Float[np.ndarray, " weights"]
Tally = Float[np.ndarray, "parts images classes"]  # the votes; for vote shares also the probabilities, which break ties


@dataclass(frozen=True)
class EarlyExitRule:
    """When to stop.

    order: the steps one after another, those of weight 0 left out.
    weights: of the steps in that order, summing to 1.
    threshold: the lead beyond which a margin rule stops, in nats; infinite where it never
        does. Of no use to an exact rule, which needs none: 0.
    temperature: logits are divided by it before the votes are cast.
    """

    kind: Literal["exact", "margin"]
    method: str
    order: tuple[int, ...]
    weights: tuple[float, ...]
    threshold: float = 0.0
    temperature: float = 1.0


class Replay(NamedTuple):
    """The winning class of each image, and how many steps it took."""

    predicted: Int[np.ndarray, " images"]
    steps: Int[np.ndarray, " images"]


def exact_rule(
    method: str, weights: Float[np.ndarray, " weights"], temperature: float = 1.0, order: Sequence[int] | None = None
) -> EarlyExitRule:
    """Return the rule that stops where the steps that are left cannot turn the decision.

    Votes of `borda`, `majority-vote` and `prob-mean` lie in [0, 1], so a step can bring a
    rival nearer to the leader by its weight and no more.

    Args:
        weights: one number >= 0 a step; only ratios matter.
        temperature: logits are divided by it before the votes are cast, > 0.
        order: see `ordered`.

    Raises:
        UnknownNameError: no method has that name.
        InvalidOptionError: the method has no bounds; a weight is negative or not finite, or all are 0.

    Example:
        >>> rule = exact_rule("majority-vote", np.array([1.0, 0.0, 2.0, 1.0]))
        >>> rule.order, rule.weights
        ((2, 0, 3), (0.5, 0.25, 0.25))

    Source: own.
    """
    if voting_of(method).unit == "logits":
        raise InvalidOptionError(
            f"Wanted a method with bounds for an exact stop, got '{method}': any later view may change the class. "
            "Take borda, majority-vote or prob-mean, or stop by a margin."
        )
    return EarlyExitRule("exact", method, *ordered(weights, order), temperature=temperature)


def ordered(
    weights: Float[np.ndarray, " weights"], order: Sequence[int] | None = None
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the steps of a weight above 0 one after another, and their weights, summing to 1.

    Args:
        order: every such step once; None: by falling weight (ties: the lowest index).

    Raises:
        InvalidOptionError: a weight is negative or not finite, or all are 0.
        MisalignedError: the order leaves out a step, or names one twice or one of weight 0.

    Example:
        >>> ordered(np.array([2.0, 1.0, 0.0, 1.0])), ordered(np.array([2.0, 2.0]), [1, 0])
        (((0, 1, 3), (0.5, 0.25, 0.25)), ((1, 0), (0.5, 0.5)))
    """
    falling = np.argsort(-weights, kind="stable")
    shares = normalised(weights[falling], len(weights))
    used = falling[: np.count_nonzero(shares)]
    taken = used.tolist() if order is None else list(order)
    if sorted(taken) != sorted(used.tolist()):
        raise MisalignedError(f"Wanted an order of the steps {sorted(used.tolist())}, each once, got {taken}.")
    share = dict(zip(falling.tolist(), shares.tolist(), strict=True))
    return tuple(taken), tuple(share[step] for step in taken)


def cast(rule: EarlyExitRule, logits: Scores) -> Tally:
    """Return one step's votes; for votes the probabilities as well, which break ties.

    Example:
        >>> cast(exact_rule("majority-vote", np.ones(3)), np.log(np.array([[0.75, 0.25]])))
        array([[[1.  , 0.  ]],
        <BLANKLINE>
               [[0.75, 0.25]]])
    """
    voting = voting_of(rule.method)
    calibrated = logits.astype(np.float64, order="C")[None] / rule.temperature
    ways = [voting.cast, cast_prob] if voting.unit == "votes" else [voting.cast]
    return np.concatenate([way(calibrated) for way in ways])


def count(rule: EarlyExitRule, tally: Tally | None, step: int, logits: Scores) -> Tally:
    """Return the tally after one step more.

    Args:
        tally: of the steps before; None at the first.
        step: 0 at the first; it is `rule.order[step]`.
        logits: of that step, for the images of the tally.
    """
    votes = rule.weights[step] * cast(rule, logits)
    return votes if tally is None else tally + votes


def settled(rule: EarlyExitRule, tally: Tally, steps: int) -> Bool[np.ndarray, " images"]:
    """Return which images need no further step; after the last, all.

    Args:
        steps: how many steps the tally holds, at least 1.

    Example:
        >>> rule = exact_rule("majority-vote", np.array([2.0, 1.0, 1.0]))
        >>> once = count(rule, None, 0, np.array([[5.0, 1.0], [1.0, 5.0]]))
        >>> settled(rule, once, 1)  # the other two could draw level
        array([False, False])
        >>> settled(rule, count(rule, once, 1, np.array([[5.0, 1.0], [5.0, 1.0]])), 2)
        array([ True, False])
    """
    if steps >= len(rule.order):
        return np.ones(tally.shape[1], dtype=np.bool_)
    seen, left = sum(rule.weights[:steps]), sum(rule.weights[steps:])
    enough = left + GUARD if rule.kind == "exact" else rule.threshold * seen
    done: Bool[np.ndarray, " images"] = lead(tally[0]) > enough
    return done


def winners(tally: Tally) -> Int[np.ndarray, " images"]:
    """Return the winning class of each image; see `voting.decide` for ties."""
    return decide(*tally)


def lead(scores: Scores) -> Float[np.ndarray, " images"]:
    """Return by how much the best class is ahead of the second; infinite where there is no second.

    Example:
        >>> lead(np.array([[3.0, 1.0, 2.5], [1.0, 1.0, 0.0]]))
        array([0.5, 0. ])
    """
    if scores.shape[1] < 2:
        return np.full(len(scores), np.inf)
    best = np.partition(scores, -2, axis=1)
    ahead: Float[np.ndarray, " images"] = best[:, -1] - best[:, -2]
    return ahead


def follow(rule: EarlyExitRule, images: int, logits_of: Callable[[int, Rows], Scores]) -> Replay:
    """Ask for one step after another, each for the images alone that are not settled.

    Args:
        logits_of: gives the logits of a step, by its place in `EarlyExitRule.order`'s numbering, of some images.
    """
    predicted, steps = np.zeros(images, np.int64), np.zeros(images, np.int64)
    left, tally = np.arange(images), None
    for number, step in enumerate(rule.order):
        if not len(left):
            break
        tally = count(rule, tally, number, logits_of(step, left))
        done = settled(rule, tally, number + 1)
        predicted[left[done]], steps[left[done]] = winners(tally[:, done]), number + 1
        left, tally = left[~done], tally[:, ~done]
    return Replay(predicted, steps)


def replay(rule: EarlyExitRule, view_logits: ViewLogits) -> Replay:
    """Return what a rule would have decided, and after how many steps, had it been there.

    Raises:
        MisalignedError: the rule takes a view that is not there.

    Example:
        >>> rule = exact_rule("prob-mean", np.ones(3))
        >>> logits = np.array([[[9.0, 0.0], [1.0, 0.0]], [[9.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
        >>> replay(rule, logits)
        Replay(predicted=array([0, 1]), steps=array([2, 3]))
    """
    if max(rule.order) >= len(view_logits):
        raise MisalignedError(
            f"The rule takes view {max(rule.order)}, and there are {len(view_logits)} views, counted from 0; "
            "give it the views that it was made for."
        )
    return follow(rule, view_logits.shape[1], lambda view, rows: view_logits[view, rows])


def saved(rule: EarlyExitRule, steps: Int[np.ndarray, " images"], costs: Costs | None = None) -> float:
    """Return the share of the work that was not needed; steps of weight 0 never were.

    Args:
        costs: one number > 0 a step, those of weight 0 too; None: all cost the same.

    Example:
        >>> rule, steps = exact_rule("prob-mean", np.ones(4)), np.array([2, 4, 4, 2])
        >>> saved(rule, steps), saved(rule, steps, costs=np.array([1.0, 1.0, 3.0, 3.0]))
        (0.25, 0.375)
    """
    each = np.ones(len(rule.order)) if costs is None else costs[list(rule.order)]
    spent = np.concatenate([[0.0], np.cumsum(each)])
    return 1.0 - float(spent[steps].mean() / spent[-1]) if len(steps) else 0.0
