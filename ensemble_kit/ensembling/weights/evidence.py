"""What a way to find weights may read, what it gives back, and the plainest ways.

Every way is one function from `Evidence` to `Weighing`; the same functions serve members
(prior: all equal) and views (prior: identity alone). Never reads files or ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.combining import Voting, combine
from ensemble_kit.ensembling.weights.member_selection import NO_LIMITS, Limits
from ensemble_kit.ensembling.weights.temperature import fit_scale
from ensemble_kit.types import Labels, MemberLogits, Stack, Weights


@dataclass(frozen=True)
class Search:
    """How the ways that search go about it; those by log loss read only the limits.

    metric: a name in `METRICS`.
    start: what `greedy` begins with: nothing, or the best members together, as many as are
        best together.
    bags: in how many random halves of the members `greedy` selects, to be averaged; 0: once
        among all.
    limits: how many members may blend, and what they may cost; every way keeps to them.
    """

    metric: str = "accuracy"
    start: Literal["empty", "sorted"] = "empty"
    bags: int = 0
    limits: Limits = NO_LIMITS

    def only(self, names: Sequence[str]) -> "Search":
        """Return the limits and these fields, the others as they are by default."""
        return Search(limits=self.limits, **{name: getattr(self, name) for name in names})


PLAIN: Final = Search()


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a way to find weights may read.

    logits: calibrated, one entry a member (or a view).
    fold: the fold in which each image is held out, for inner cross-fitting.
    groups: a number a group; None where there are no groups.
    prior: the weights to fall back to, summing to 1.
    """

    voting: Voting
    logits: MemberLogits
    labels: Labels
    fold: Int[np.ndarray, " images"]
    groups: Int[np.ndarray, " images"] | None
    prior: Weights
    search: Search = PLAIN


class Weighing(NamedTuple):
    """Weights that sum to 1, the temperature of their blend, the ridge behind them, and a stack in their place."""

    weights: Weights
    blend_temperature: float = 1.0
    ridge: float | None = None
    stack: Stack | None = None


def weigh(evidence: Evidence, weights: Weights) -> Weighing:
    """Return given weights, with the blend temperature that suits them."""
    if evidence.voting.unit != "logits":
        return Weighing(weights)
    scores = combine(evidence.logits, weights, evidence.voting.cast)
    counts = np.ones((1, len(evidence.labels)))
    return Weighing(weights, float(1.0 / fit_scale(scores, evidence.labels, counts)[0]))


def prior_only(evidence: Evidence) -> Weighing:
    """Take the prior: identity alone for views, equal weights for members."""
    return weigh(evidence, evidence.prior)


def equal(evidence: Evidence) -> Weighing:
    """Let every member count the same."""
    return weigh(evidence, np.full(len(evidence.prior), 1.0 / len(evidence.prior)))
