"""A blend asked one step after another, and what it answers where not all were asked.

A step is what is asked at once: a member with its views, or a member through one view. In a sum
of logits a view of a member is as good as a member, with the weight and the temperature of both,
so views are asked one by one; methods whose votes are no logits (`borda`, `majority-vote`, `prob-mean`)
are cast by a member that has seen all of its views. An image for which everything was asked gets
what the blend itself says of it, bit by bit; one that was settled before gets what those that
were asked say, weighed as in the blend. Never finds when to stop: `early_exit` and `margin_threshold` do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import (
    calibrated,
    cast_log_prob,
    normalised,
    predict,
    probabilities,
    scores,
    softmax,
    voting_of,
)
from ensemble_kit.ensembling.selective.early_exit import EarlyExitRule
from ensemble_kit.types import MemberLogits, Pool, Scores, Tuned


class Step(NamedTuple):
    """What is asked at once: a member, by its place in the blend, and some of its views, by theirs."""

    member: int
    views: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class MemberSteps:
    """Looks that are asked, and the numbers of the blend whose members they are."""

    steps: tuple[Step, ...]
    tuned: Tuned

    def pool(self, seen: Pool) -> Pool:
        """Return what the members of the blend have seen, step by step."""
        return replace(
            seen,
            members=tuple(f"{seen.members[step.member]} {number}" for number, step in enumerate(self.steps)),
            views=tuple(tuple(seen.views[step.member][view] for view in step.views) for step in self.steps),
            logits=tuple(_of_views(seen.logits[step.member], step.views) for step in self.steps),
        )

    def logits(self, seen: Pool) -> MemberLogits:
        """Return the logits of each step: views merged, divided by the temperature."""
        return calibrated(self.pool(seen), self.tuned)

    def only(self, places: Sequence[int]) -> "MemberSteps":
        """Return some of the steps, weighed as they are."""
        return MemberSteps(
            tuple(self.steps[place] for place in places),
            replace(
                self.tuned,
                view_weights=tuple(self.tuned.view_weights[place] for place in places),
                temperatures=self.tuned.temperatures[list(places)],
                weights=self.tuned.weights[list(places)],
            ),
        )


class Answers(NamedTuple):
    """What a blend says of each image.

    probabilities: of the classes; for votes the vote shares, which are none.
    agreement: the weight of those whose own class is the winner, as a share of those asked.
    """

    winners: Int[np.ndarray, " images"]
    probabilities: Scores
    agreement: Float[np.ndarray, " images"]


def whole_steps(tuned: Tuned) -> MemberSteps:
    """Return every member of the blend with all of its views: the blend as it is."""
    return MemberSteps(
        tuple(Step(member, tuple(range(len(given)))) for member, given in enumerate(tuned.view_weights)), tuned
    )


def apart(tuned: Tuned, each_view: bool) -> MemberSteps:
    """Return the blend as steps of a weight above 0: members, or every view of a member by itself.

    Example:
        >>> tuned = Tuned("logit-sum", (np.array([0.75, 0.0, 0.25]), np.ones(1)), np.ones(2), np.array([0.5, 0.5]))
        >>> steps = apart(tuned, each_view=True)
        >>> [tuple(step) for step in steps.steps], steps.tuned.weights
        ([(0, (0,)), (0, (2,)), (1, (0,))], array([0.375, 0.125, 0.5  ]))
    """
    steps, numbers = [], []
    for member, (given, weight) in enumerate(zip(tuned.view_weights, tuned.weights, strict=True)):
        shares = normalised(given, len(given))
        heard = tuple(np.flatnonzero(shares).tolist()) if weight > 0 else ()
        for views in [(view,) for view in heard] if each_view else [heard] if heard else []:
            steps.append(Step(member, views))
            numbers.append((shares[list(views)], tuned.temperatures[member], weight * shares[list(views)].sum()))
    view_weights, temperatures, weights = zip(*numbers, strict=True)
    return MemberSteps(
        tuple(steps),
        replace(tuned, view_weights=view_weights, temperatures=np.array(temperatures), weights=np.array(weights)),
    )


def by_value_for_cost(
    logits: MemberLogits,
    weights: Float[np.ndarray, " weights"],
    costs: Float[np.ndarray, " weights"],
    temperature: float = 1.0,
) -> tuple[int, ...]:
    """Return steps in the order in which they are worth asking: most value for the cost first.

    The value of a step is by how much the weighted mean of logits so far comes nearer to that of
    all (less Kullback-Leibler divergence). Labels have no say, so nothing is promised less firmly
    for it. On three sets of real members this saved as much as any other order that was tried
    (weight, weight for cost, log likelihood for cost), and most where a weak member weighs much.

    Args:
        logits: of each step, at its temperature.
        costs: one number > 0 a step.
        temperature: of the blend.

    Example:
        >>> sure, vague = np.array([[[4.0, 0.0]]]), np.array([[[0.1, 0.0]]])
        >>> by_value_for_cost(np.concatenate([vague, sure]), np.ones(2), np.array([1.0, 2.0]))
        (1, 0)

    Source: own.
    """
    terms = {step: weights[step] * logits[step] / temperature for step in np.flatnonzero(weights).tolist()}
    wanted = softmax(sum(terms.values()) / weights.sum())
    total, seen, near, order = np.zeros(wanted.shape), 0.0, -math.log(wanted.shape[1]), []
    while terms:
        nearness = {
            step: float((wanted * cast_log_prob(((total + term) / (seen + weights[step]))[None])[0]).sum(1).mean())
            for step, term in terms.items()
        }
        best = max(terms, key=lambda step: (nearness[step] - near) / costs[step])
        total, seen, near = total + terms.pop(best), seen + weights[best], nearness[best]
        order.append(best)
    return tuple(order)


def runs_each_view(method: str) -> bool:
    """Say whether the views of a member can be asked one by one without changing what the blend is.

    Raises:
        UnknownNameError: no method has that name.
    """
    return voting_of(method).unit == "logits"


def answer(pool: Pool, tuned: Tuned) -> Answers:
    """Return what a blend says of each image.

    Example:
        >>> logits = tuple(np.log(np.array([[[share, 1 - share]]])) for share in (0.9, 0.4))
        >>> pool = Pool(("a", "b"), (("identity",),) * 2, logits, ("x",), ("cat", "dog"))
        >>> answer(pool, Tuned("prob-mean", (np.ones(1),) * 2, np.ones(2), np.array([0.75, 0.25])))
        Answers(winners=array([0]), probabilities=array([[0.775, 0.225]]), agreement=array([0.75]))
    """
    winners = predict(pool, tuned)
    votes = scores(pool, replace(tuned, method="majority-vote", stack=None))
    return Answers(winners, probabilities(pool, tuned), votes[np.arange(len(winners)), winners])


def answers(
    whole: MemberSteps, asked: MemberSteps, rule: EarlyExitRule, seen: Pool, steps: Int[np.ndarray, " images"]
) -> Answers:
    """Return what is said of each image after so many steps.

    Args:
        whole: the blend as it is, heard where everything was asked.
        asked: its steps, as the rule numbers them.
        seen: the blend's pool; what was not asked may hold anything.
        steps: how many of `EarlyExitRule.order` were asked for each image.
    """
    classes = len(seen.classes)
    said = Answers(np.zeros(len(steps), np.int64), np.zeros((len(steps), classes)), np.zeros(len(steps)))
    for taken in np.unique(steps):
        rows = np.flatnonzero(steps == taken)
        heard = whole if taken == len(rule.order) else asked.only(sorted(rule.order[:taken]))
        part = answer(heard.pool(seen.rows(rows)), heard.tuned)
        for field, brought in zip(said, part, strict=True):
            field[rows] = brought
    return said


def _of_views(logits: Float[np.ndarray, "_ images classes"], views: tuple[int, ...]) -> np.ndarray:
    """Return the logits of some views; nothing is copied where that can be helped."""
    if len(views) == len(logits):
        return logits
    return logits[views[0] : views[0] + 1] if len(views) == 1 else logits[list(views)]
