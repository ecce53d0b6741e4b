"""Caruana's selection: add members one at a time, with replacement, whichever helps most.

`select` is the selection itself, on votes that are cast already; `greedy` is the way to
find weights that goes by it. How good each addition would be is `greedy_gains`' to say. Ties go
as in AutoGluon's EnsembleSelection, so the same members come in the same order:

    1. Metrics that are equal to 6 decimals tie; in the first round, and throughout where the
       first blend is within 1e-4 of perfect, only those equal to 12 digits do.
    2. Of members that tie, those in the blend already come first, then the lowest index.
    3. The earliest of the blends with the best metric is kept.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.combining import cast_prob
from ensemble_kit.ensembling.weights.evidence import Evidence, Weighing, weigh
from ensemble_kit.ensembling.weights.greedy_gains import GreedyGains, Losses, Team, Unit, greedy_gains
from ensemble_kit.types import Labels, MemberLogits, Weights

GREEDY_ROUNDS: Final = 50
SORTED_MOST: Final = 25

Start = Literal["empty", "sorted"]

_DECIMALS: Final = 6
_NEARLY_PERFECT: Final = 1e-4
_SAME: Final = 1e-12


def greedy(evidence: Evidence) -> Weighing:
    """Add, with replacement, the member that gives the blend the best metric.

    50 rounds by the metric of the search, begun as it says; see `select`. With bags, once
    in each of so many random halves of the members, and the weights are averaged, which
    leaves less to chance on val. Log loss is that of the mean vote of calibrated members,
    before the blend has a temperature.

    Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
    """
    search, voting, members = evidence.search, evidence.voting, len(evidence.logits)
    confidence = cast_prob(evidence.logits) if voting.unit == "votes" else None
    cast = voting.cast(evidence.logits)
    gains = greedy_gains(cast, evidence.labels, search.metric, voting.unit, confidence)
    if not search.bags:
        return weigh(evidence, _shares(_grow(gains, GREEDY_ROUNDS, search.start), members))
    weights = np.zeros(members)
    for bag in range(search.bags):
        half = random_half(members, bag)
        weights[half] += _shares(_grow(gains.among(half), GREEDY_ROUNDS, search.start), len(half)) / search.bags
    return weigh(evidence, weights)


def select(
    cast: MemberLogits,
    labels: Labels,
    metric: str = "accuracy",
    rounds: int = GREEDY_ROUNDS,
    start: Start = "empty",
    unit: Unit = "probabilities",
    confidence: MemberLogits | None = None,
) -> list[int]:
    """Return the members in the order in which they are picked, up to the best blend.

    Args:
        cast: what the members cast: probabilities, unless `unit` says otherwise.
        metric: a name in `METRICS`.
        rounds: how many picks at most, those of the start among them.
        start: from nothing, or from the best members together: sorted by metric alone
            (ties: the lowest index), the first 25 are added in turn, and as many as gave
            the best blend are in from the start (ties: the fewest).
        unit: what the votes are, as `Voting` has it.
        confidence: calibrated probabilities where they break ties of the votes; else None.

    Raises:
        UnknownNameError: no metric has that name.
        BadDataError: there is no image.

    Example:
        >>> cast = np.array([[[0.7, 0.3], [0.6, 0.4]], [[0.4, 0.6], [0.2, 0.8]], [[0.9, 0.1], [0.8, 0.2]]])
        >>> select(cast, np.array([0, 1]))  # any of them has one right; 0 and 1 together have both
        [0, 1]

    Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004; ties
    after AutoGluon's EnsembleSelection.
    """
    return _grow(greedy_gains(cast, labels, metric, unit, confidence), rounds, start)


def random_half(members: int, bag: int) -> Team:
    """Return a random half of the members, rounded up, in rising order.

    Drawn from the numbers of members and bag alone, so that nothing in the data can sway it.

    Example:
        >>> len(random_half(7, 0)), random_half(7, 0).tolist() == random_half(7, 0).tolist()
        (4, True)
    """
    drawn = np.random.default_rng([members, bag]).permutation(members)
    return np.sort(drawn[: (members + 1) // 2])


def _grow(gains: GreedyGains, rounds: int, start: Start) -> list[int]:
    """Return the picks from an empty blend to the best one."""
    given = _best_together(gains, min(rounds, SORTED_MOST)) if start == "sorted" else []
    gains.clear()
    picks: list[int] = []
    reached: list[float] = []
    while len(picks) < rounds:
        losses = _as_compared(gains.losses(), reached)
        best = given[len(picks)] if len(picks) < len(given) else _first_of_best(losses, picks)
        gains.add(best)
        picks.append(best)
        reached.append(float(losses[best]))
        if len(losses) == 1 or reached[-1] == 0:  # nothing that follows can be better
            break
    return picks[: _first_least(reached) + 1]


def _best_together(gains: GreedyGains, most: int) -> list[int]:
    """Return as many of the best members as are best together."""
    ranking: list[int] = np.argsort(gains.losses(), kind="stable")[:most].tolist()
    reached: list[float] = []
    for member in ranking:
        reached.append(float(_as_compared(gains.losses(), reached)[member]))
        gains.add(member)
    return ranking[: _first_least(reached) + 1]


def _as_compared(losses: Float[np.ndarray, " numbers"], reached: Sequence[float]) -> Float[np.ndarray, " numbers"]:
    """Return regrets, rounded unless nothing was reached before, or perfection nearly at first."""
    return losses.round(_DECIMALS) if reached and reached[0] > _NEARLY_PERFECT else losses


def _first_least(reached: Sequence[float]) -> int:
    """Return the place of the best blend, of equals the first."""
    return int(np.argmin(_as_compared(np.array(reached), reached)))


def _first_of_best(losses: Losses, picks: list[int]) -> int:
    """Return the best member; of members that tie, one that was picked before, then the lowest index."""
    least = losses.min()
    tied = np.flatnonzero(losses - least <= _SAME * least)
    return next((int(member) for member in tied if member in picks), int(tied[0]))


def _shares(picks: list[int], members: int) -> Weights:
    """Return how often each member was picked, as shares."""
    return np.bincount(picks, minlength=members) / len(picks)
