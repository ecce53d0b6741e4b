"""Which members may blend where their number, or what they cost per image, is limited.

Members are taken one at a time, without replacement, by the log loss of the calibrated
equal blend of their logits: whichever lowers it most or, where cost is limited, also
whichever lowers it most for its cost; the better of the two ends wins. How they weigh is
found afterwards, among the chosen alone. Reads no votes, so every way to vote meets the
same members.

Source: own; both rules after Leskovec et al., "Cost-effective outbreak detection in
networks", KDD 2007.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.weights.logloss_solver import row_losses
from ensemble_kit.ensembling.weights.temperature import fit_scales
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.types import Labels, MemberLogits

Costs = Float[np.ndarray, " members"]
FREE: Final = 1e-9  # what a member costs at least, in ms, so that free ones come first


@dataclass(frozen=True)
class Limits:
    """How many members a blend may have, and how long they may take.

    max_ms: milliseconds per image, over all members and their views.
    ms: what each member takes, by name; read where max_ms is given.
    """

    max_members: int | None = None
    max_ms: float | None = None
    ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def bind(self) -> bool:
        """Whether anything is limited."""
        return self.max_members is not None or self.max_ms is not None

    def costs(self, members: Sequence[str]) -> Costs:
        """Return what each member takes per image (ms), nothing where time is not limited.

        Raises:
            InvalidOptionError: the cost of a member is not known.
        """
        unknown = [name for name in members if name not in self.ms]
        if self.max_ms is not None and unknown:
            raise InvalidOptionError(
                f"--max-ms needs the time of each member, and none is known of '{unknown[0]}' (imported). "
                "Name the members to blend and leave it out."
            )
        return np.array([self.ms.get(name, 0.0) for name in members], dtype=np.float64)


NO_LIMITS: Final = Limits()


def check_limits(limits: Limits, members: Sequence[str]) -> None:
    """Raise unless at least one member fits.

    Raises:
        InvalidOptionError: a limit below one member, or the cost of one is not known.
    """
    if limits.max_members is not None and limits.max_members < 1:
        raise InvalidOptionError(f"--max-members: wanted 1 or more, got {limits.max_members}.")
    cost = limits.costs(members)
    if limits.max_ms is not None and not (cost <= limits.max_ms).any():
        place = int(cost.argmin())
        raise InvalidOptionError(
            f"--max-ms {limits.max_ms:g}: no member is as quick; the quickest, '{members[place]}', takes "
            f"{cost[place]:.3g} ms per image. Allow more, or train a smaller one."
        )


def choose_members(
    logits: MemberLogits, labels: Labels, limits: Limits, members: Sequence[str]
) -> Int[np.ndarray, " chosen"]:
    """Return the places of the members that may blend, in rising order; all where nothing limits them.

    Args:
        logits: calibrated.
        members: their names, by which `limits` knows the costs.

    Raises:
        InvalidOptionError: see `check_limits`.

    Example:
        >>> logits = np.array([[[2.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 3.0]]])
        >>> choose_members(logits, np.array([0, 1]), Limits(max_members=1), ["a", "b", "c"])
        array([0])
    """
    check_limits(limits, members)
    most = len(members) if limits.max_members is None else min(limits.max_members, len(members))
    budget = np.inf if limits.max_ms is None else limits.max_ms
    cost = limits.costs(members)
    if not len(labels) or (most == len(members) and cost.sum() <= budget):
        return _cheapest_first(cost, most, budget)
    rules = (False, True) if np.isfinite(budget) else (False,)
    ways = [grow(logits, labels, cost, most, budget, per_ms) for per_ms in rules]
    return np.sort(min(ways, key=lambda way: way[1])[0])


def grow(
    logits: MemberLogits, labels: Labels, cost: Costs, most: int, budget: float, per_ms: bool = False
) -> tuple[Int[np.ndarray, " chosen"], float]:
    """Return members in the order in which they are taken, up to the least log loss, and that loss (nats).

    Args:
        most: how many at most.
        budget: what all of them may cost; whoever no longer fits is passed over.
        per_ms: divide what a member gains by what it costs; those that gain nothing come last,
            the least harmful first.
    """
    chosen: list[int] = []
    reached = [float(np.log(logits.shape[2]))]
    total, spent = np.zeros(logits.shape[1:]), 0.0
    while len(chosen) < most:
        fits = [m for m in range(len(cost)) if m not in chosen and spent + cost[m] <= budget]
        if not fits:
            break
        losses = _best_losses(total + logits[fits], labels)
        gains = reached[-1] - losses
        if per_ms:
            gains = np.maximum(gains, 0.0) / np.maximum(cost[fits], FREE)
        best = int(np.lexsort((losses, -gains))[0])
        total, spent = total + logits[fits[best]], spent + cost[fits[best]]
        chosen.append(fits[best])
        reached.append(float(losses[best]))
    size = 1 + int(np.argmin(reached[1:]))
    return np.array(chosen[:size], dtype=np.int64), reached[size]


def _best_losses(sums: MemberLogits, labels: Labels) -> Float[np.ndarray, " members"]:
    """Return the mean log loss of each sum of logits at its best temperature."""
    sharp = fit_scales(sums, labels)
    return np.array(
        [row_losses(one[None], labels, v[None, None], "softmax").mean() for one, v in zip(sums, sharp, strict=True)]
    )


def _cheapest_first(cost: Costs, most: int, budget: float) -> Int[np.ndarray, " chosen"]:
    """Return as many members as fit where there is nothing to tell them by."""
    order = np.argsort(cost, kind="stable")
    fits = order[np.cumsum(cost[order]) <= budget][:most]
    return np.sort(fits)
