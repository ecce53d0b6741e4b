"""What each member contributes to a blend: its Shapley value, and the accuracy of every part.

A game gives each subset of the members a number. A member's Shapley value is what it adds
to that number when members join one after another, averaged over all orders of joining;
the values sum to what all members together have over none. Twins share what they bring,
and who never changes anything gets 0. Never fits weights: the parts of a blend keep the
weights that the members have in the whole.

Source: Shapley, "A value for n-person games", 1953.
"""

from collections.abc import Callable, Iterator
from math import factorial
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.combining import decide, normalised
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, MemberLogits, Weights

Subsets = Bool[np.ndarray, "subsets members"]
PerSubset = Float[np.ndarray, " subsets"]
Game = Callable[[Subsets], PerSubset]

PERMUTATIONS: Final = 200
_SUBSETS_AT_ONCE = 4096  # that a game is asked about in one call
_SHARES_AT_ONCE, _SCORES_AT_ONCE = 256, 2_000_000  # subsets; subsets * images * classes


class Shapley(NamedTuple):
    """What each member contributes, in the unit of the game.

    standard_errors: of drawing permutations, not of the images; 0 where `exact`.
    """

    values: Weights
    standard_errors: Weights
    exact: bool


def shapley(
    value: Game,
    members: int,
    exact_to: int = 8,
    permutations: int = PERMUTATIONS,
    seed: int | np.random.Generator = 0,
) -> Shapley:
    """Return the Shapley value of each member of a game.

    Up to `exact_to` members every subset is asked about. Beyond that orders of joining are
    drawn, each together with its reverse; no subset is asked about twice. Either way the
    values sum to value(all) - value(none), up to rounding.

    Args:
        value: takes many subsets at once, at most 4096; the empty one may be among them.
        permutations: how many orders are drawn, reverses included; even, at least 4.
        seed: the same seed, the same values.

    Raises:
        InvalidOptionError: there is no member, or an odd number or fewer than 4 permutations.

    Example:
        >>> gloves = lambda subsets: (subsets[:, 0] & subsets[:, 1:].any(axis=1)).astype(float)
        >>> shapley(gloves, 3).values.round(6)  # one left glove, two right ones; a pair is worth 1
        array([0.666667, 0.166667, 0.166667])

    Source: Castro et al., "Polynomial calculation of the Shapley value based on sampling",
    Computers & Operations Research 36(5), 2009; reverses after Mitchell et al., "Sampling
    permutations for Shapley value estimation", JMLR 23, 2022.
    """
    if members < 1:
        raise InvalidOptionError(f"Wanted at least one member to value, got {members}.")
    if permutations < 4 or permutations % 2:
        raise InvalidOptionError(f"Wanted an even number of at least 4 permutations, got {permutations}.")
    if members <= exact_to:
        return Shapley(_exact(value, members), np.zeros(members), exact=True)
    return _sampled(value, members, permutations // 2, np.random.default_rng(seed))


def subset_accuracies(
    votes: MemberLogits,
    weights: Float[np.ndarray, " weights"],
    labels: Labels,
    subsets: Subsets,
    empty: float,
    confidence: MemberLogits | None = None,
) -> PerSubset:
    """Return the accuracy of each part of a blend, the weights as they are in the whole.

    Args:
        votes: what the members cast.
        weights: one number >= 0 a member, not all 0; only ratios matter.
        empty: the accuracy of no member, and of members whose weights are all 0; such as
            that of a guess.
        confidence: what breaks ties, weighted as the votes are; see `voting.decide`.

    Raises:
        BadDataError: there is no image.
        MisalignedError: there are more or fewer weights than members.
        InvalidOptionError: a weight is negative or not finite, or all are 0.

    Example:
        >>> votes = np.array([[[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]], [[0.7, 0.3], [0.3, 0.7], [0.1, 0.9]]])
        >>> parts = np.array([[True, False], [False, True], [True, True], [False, False]])
        >>> subset_accuracies(votes, np.array([0.5, 0.5]), np.array([0, 0, 1]), parts, 0.5).round(3)
        array([0.667, 0.667, 1.   , 0.5  ])
    """
    check_some(labels)
    within = subsets * normalised(weights, len(votes))
    total = within.sum(axis=1)
    heard = np.flatnonzero(total > 0)
    shares = within[heard] / total[heard, None]
    right = np.zeros(len(heard), dtype=np.int64)
    for rows in _slices(len(labels), max(1, _SCORES_AT_ONCE // (_SHARES_AT_ONCE * votes.shape[2]))):
        for some in _slices(len(heard), _SHARES_AT_ONCE):
            ties = None if confidence is None else _sums(shares[some], confidence[:, rows])
            right[some] += (decide(_sums(shares[some], votes[:, rows]), ties) == labels[rows]).sum(axis=1)
    accuracies = np.full(len(subsets), float(empty))
    accuracies[heard] = right / len(labels)
    return accuracies


def _exact(value: Game, members: int) -> Weights:
    """Return the Shapley values from all subsets; bit m of a subset's number stands for member m."""
    number = np.arange(2**members)
    holds = number[:, None] >> np.arange(members) & 1 == 1
    worth = _asked(value, holds)
    size = holds.sum(axis=1)
    orders = np.array([factorial(k) * factorial(members - 1 - k) for k in range(members)]) / factorial(members)
    gains = []
    for member in range(members):
        without = number[~holds[:, member]]
        gains.append(orders[size[without]] @ (worth[without | 1 << member] - worth[without]))
    return np.array(gains)


def _sampled(value: Game, members: int, pairs: int, random: np.random.Generator) -> Shapley:
    """Return estimates from orders of joining, each beside its reverse; a pair is one draw."""
    place = random.permuted(np.tile(np.arange(members), (pairs, 1)), axis=1)
    gains = _gains(value, np.concatenate([place, members - 1 - place])).reshape(2, pairs, members).mean(axis=0)
    return Shapley(gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(pairs), exact=False)


def _gains(value: Game, place: Int[np.ndarray, "orders members"]) -> Float[np.ndarray, "orders members"]:
    """Return what each member adds when it joins, in each order; `place` says as which it joins."""
    orders, members = place.shape
    joined = place[:, None] < np.arange(members + 1)[:, None]  # orders, how many have joined, members
    every = joined.reshape(-1, members)
    _, first, where = np.unique(np.packbits(every, axis=1), axis=0, return_index=True, return_inverse=True)
    worth = _asked(value, every[first])[where.reshape(orders, members + 1)]
    gains: Float[np.ndarray, "orders members"] = np.take_along_axis(np.diff(worth, axis=1), place, axis=1)
    return gains


def _asked(value: Game, subsets: Subsets) -> PerSubset:
    """Return what a game says of subsets, some thousands at a time."""
    return np.concatenate([value(subsets[some]) for some in _slices(len(subsets), _SUBSETS_AT_ONCE)])


def _sums(
    shares: Float[np.ndarray, "subsets members"], votes: Float[np.ndarray, "members rows classes"]
) -> Float[np.ndarray, "subsets rows classes"]:
    """Return the weighted sum of the votes under the shares of each subset."""
    sums: Float[np.ndarray, "subsets rows classes"] = np.tensordot(shares, votes, axes=1)
    return sums


def _slices(total: int, at_once: int) -> Iterator[slice]:
    """Yield slices that cover 0 to total."""
    return (slice(start, start + at_once) for start in range(0, total, at_once))
