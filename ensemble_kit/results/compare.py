"""Two of them compared: which is better, and how sure that is."""

from dataclasses import dataclass, field

from ensemble_kit.metrics import METRICS
from ensemble_kit.results.intervals import Interval
from ensemble_kit.verdicts import Verdict, verdict


@dataclass(frozen=True)
class CompareReport:
    """Two members, families or blends on the same images, both cross-fitted.

    judged_on: which images: val, or oof, the training images that members held out.
    A difference is the first minus the second, in the metric's unit.
    only_a, only_b: how many images only one has right, averaged over repeats; None for other
        metrics than accuracy.
    p: that of `test`, two-sided, of this one comparison; trials: how many configurations were tried on these
        images, and p is worth that many times itself.
    resolvable: the smallest difference that this val set could resolve (80 % power at 5 %).
    verdict: what may be said of the first against the second, see `verdicts`.
    better: the better side; None where that is not proven.
    """

    a: str
    b: str
    metric: str
    val_images: int
    groups: int | None
    a_score: float
    a_interval: Interval
    b_score: float
    b_interval: Interval
    difference: float
    interval: Interval
    only_a: float | None
    only_b: float | None
    test: str
    p: float
    trials: int
    resolvable: float
    better: str | None
    notes: tuple[str, ...]
    sentence: str
    judged_on: str = "val"
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        """Draw the verdict from the figures."""
        gain, bounds = self.gain()
        object.__setattr__(self, "verdict", verdict(gain, bounds, self.p, self.trials, self.resolvable))

    def gain(self) -> tuple[float, Interval]:
        """Return the difference and its interval with the sign that makes more better."""
        gain = METRICS[self.metric].gain
        low, high = sorted(map(gain, self.interval))
        return gain(self.difference), (low, high)
