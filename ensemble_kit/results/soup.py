"""A soup: what went into it, and how good it and its ingredients are."""

from dataclasses import dataclass, field
from pathlib import Path

from ensemble_kit.results.intervals import Interval
from ensemble_kit.results.members import MemberReport
from ensemble_kit.verdicts import Verdict, verdict


@dataclass(frozen=True)
class IngredientReport:
    """A member that may go into a soup; figures on val, at identity.

    score: in the soup's metric.
    kept: whether its weights are in the soup.
    """

    name: str
    accuracy: float
    log_loss: float
    score: float
    kept: bool


@dataclass(frozen=True)
class SoupReport:
    """A member whose weights are the mean of others', the best of which stands first.

    soup: its own figures, as those of its ingredients.
    mean_accuracy: of all ingredients.
    gain, gain_interval, gain_p: the soup's accuracy less that mean, paired; gain_verdict: what may be said of it.
    spoiled: whether it is so far below that mean that its ingredients may not share a basin of the loss.
    norms: batch norms in the network; `settled`: whether their statistics were taken again, which
        a greedy soup of one does not need.
    """

    member: MemberReport
    run: Path
    method: str
    metric: str
    ingredients: tuple[IngredientReport, ...]
    soup: IngredientReport
    mean_accuracy: float
    gain: float
    gain_interval: Interval
    gain_p: float
    spoiled: bool
    norms: int
    settled: bool
    train_images: int
    seconds: float
    gain_verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        """Draw the verdict from the figures."""
        object.__setattr__(self, "gain_verdict", verdict(self.gain, self.gain_interval, self.gain_p))
