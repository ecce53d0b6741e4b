"""What one way to blend is worth where it is evaluated, and what a blend gains over a baseline.

Tuned figures are measured on the rows that were tuned on, so they are optimistic; honest ones are cross-fitted.
Where the evaluation set decided nothing, both are those of the blend as it is, and the same. Never measures anything.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from ensemble_kit.results.intervals import Interval
from ensemble_kit.verdicts import Verdict, verdict

EQUAL: Final = "equal weights"
"""The name of that baseline."""


@dataclass(frozen=True)
class Figures:
    """What one way is worth, in accuracy and, as its score, in the metric that was asked for."""

    tuned_accuracy: float
    tuned_score: float
    honest_accuracy: float
    honest_interval: Interval
    honest_score: float
    honest_score_interval: Interval


@dataclass(frozen=True)
class BlendFigures(Figures):
    """What the blend itself is worth.

    optimism: by about how much tuned_accuracy is too high.
    tuned_oof_accuracy: on the held-out images of train that were tuned on, one network per image, optimistic;
        None where it was tuned on val.
    """

    tuned_interval: Interval
    tuned_score_interval: Interval
    optimism: float
    tuned_oof_accuracy: float | None


@dataclass(frozen=True)
class Gain:
    """What the blend gains over a baseline, of honest scores, and paired; above 0: the blend is better.

    p: two-sided, of this one comparison.
    resolvable: the smallest gain that these images could tell (80 % power at 5 %); None: not asked.
    """

    difference: float
    interval: Interval
    p: float
    resolvable: float | None = None

    @property
    def is_of_itself(self) -> bool:
        """Whether the baseline is the blend itself, made in the same way: of two that differ no interval is a point."""
        return (self.difference, self.interval, self.p) == (0.0, (0.0, 0.0), 1.0)

    def verdict(self, trials: int) -> Verdict:
        """Return what may be said of the blend against the baseline, see `verdicts`; as good where they are one.

        Args:
            trials: how many configurations were tried on these images.
        """
        if self.is_of_itself:
            return "as-good"
        detectable = math.inf if self.resolvable is None else self.resolvable
        return verdict(self.difference, self.interval, self.p, trials, detectable)


@dataclass(frozen=True)
class BaselineFigures(Figures):
    """What a baseline is worth, made of the same members; gain: of the blend over it."""

    name: str
    gain: Gain


class Estimates(NamedTuple):
    """What a blend and its baselines are worth: all that its file keeps of that."""

    this: BlendFigures
    equal: BaselineFigures
    best_single: BaselineFigures
