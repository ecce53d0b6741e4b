"""Looking more than once: views, and engines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ensemble_kit.results.intervals import Interval
from ensemble_kit.splits import VAL
from ensemble_kit.verdicts import CLOSE, LEVEL, Verdict, verdict


@dataclass(frozen=True)
class ViewReport:
    """One view: alone, beside identity, and in the member.

    change: its val accuracy alone, minus that of identity alone.
    beside: accuracy of the plain pair of identity and this view, minus that of identity;
        beside_p is Holm's, over all views. None for identity itself.
    harmful: it costs accuracy or likelihood, beyond chance.
    ms: milliseconds per image; None where nobody measured.
    likelihood: mean log-likelihood of the labels (nats) of that pair, minus that of identity, at one temperature;
        likelihood_t is Student's; likelihood_p, Holm's over all views, is that it costs more than a hundredth of a nat.
        None for identity itself.
    """

    view: str
    val_accuracy: float
    change: float
    weight: float
    beside: float | None
    beside_interval: Interval | None
    beside_p: float | None
    harmful: bool
    ms: float | None
    likelihood: float | None = None
    likelihood_interval: Interval | None = None
    likelihood_t: float | None = None
    likelihood_p: float | None = None

    @property
    def costs_accuracy(self) -> bool:
        """Whether the pair is less accurate than identity, beyond chance."""
        if self.beside is None or self.beside_interval is None or self.beside_p is None:
            return False
        return verdict(self.beside, self.beside_interval, self.beside_p) == "worse"

    @property
    def costs_likelihood(self) -> bool:
        """Whether the pair holds the labels less likely than identity does, by more than a hundredth of a nat."""
        return self.likelihood_p is not None and self.likelihood_p < LEVEL


@dataclass(frozen=True)
class ClassHarmReport:
    """A class that a view harms beside identity.

    images: how many val images show it; lost and won: those that only identity, and only
        the pair, has right.
    p: Holm's, over all classes of all views that could be warned of.
    """

    view: str
    class_name: str
    images: int
    change: float
    lost: int
    won: int
    p: float


@dataclass(frozen=True)
class CurveStepReport:
    """So many views averaged plainly, chosen and calibrated where they are not scored.

    added: the view that joins when all val images choose.
    log_likelihood: mean log probability of the label after a temperature (nats, at most 0).
    ms: milliseconds per image for all of them; None where nobody measured.
    """

    views: int
    added: str
    accuracy: float
    interval: Interval
    log_likelihood: float
    log_likelihood_interval: Interval
    ms: float | None


@dataclass(frozen=True)
class CurveGainReport:
    """What the mean of `views` views gains over that of `over` of them: cross-fitted, and paired.

    likelihood: of mean log probabilities of the label (nats).
    accuracy_verdict, likelihood_verdict: what may be said of that, see `verdicts`.
    """

    views: int
    over: int
    accuracy: float
    accuracy_interval: Interval
    accuracy_p: float
    likelihood: float
    likelihood_interval: Interval
    likelihood_p: float
    accuracy_verdict: Verdict = field(init=False)
    likelihood_verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        """Draw the verdicts from the figures."""
        likelihood = verdict(self.likelihood, self.likelihood_interval, self.likelihood_p)
        object.__setattr__(self, "accuracy_verdict", verdict(self.accuracy, self.accuracy_interval, self.accuracy_p))
        object.__setattr__(self, "likelihood_verdict", likelihood)


@dataclass(frozen=True)
class CurveReport:
    """Accuracy and likelihood against the number of views.

    stop: the fewest views whose log-likelihood is within half a standard error of the best.
    json, png: where it was saved; None where it was not.
    gain: of all views over the first `stop` of them, or over identity where `stop` is all; None: one saved earlier.
    """

    steps: tuple[CurveStepReport, ...]
    stop: int
    json: Path | None
    png: Path | None
    gain: CurveGainReport | None = None


@dataclass(frozen=True)
class EngineReport:
    """What computed, and how it compared with plain PyTorch on the first batch.

    relative_error: largest difference of logits, relative to the largest logit.
    changed: images of that batch whose class differs.
    note: what a person should know, such as that another engine had to stand in.
    """

    engine: str
    precision: str
    device: str
    batch_size: int
    relative_error: float
    changed: int
    note: str | None


@dataclass(frozen=True)
class OrderReport:
    """Whether an image's logits depend on which images are computed with it, and when.

    relative_difference: the largest, relative to the largest logit; changed: images whose
        class differs.
    """

    images: int
    relative_difference: float
    changed: int


@dataclass(frozen=True)
class TtaReport:
    """A member before (identity alone) and after its views were weighed.

    judged_on: what the figures are of, those called val_... too: val, or oof, the training images that
        the member held out, where it has no val.

    val_accuracy_after is measured on the rows that chose the weights, so it is optimistic
    where anything was tuned; honest_accuracy is cross-fitted, and so are gain (over identity),
    its interval and p; `resolvable` is the minimum detectable gain (80 % power), and gain_verdict is what may be said
    of it. likelihood_gain is the same of the mean log-likelihood of the labels (nats). ridge is how firmly the weights
    were held to identity; None where nothing was tuned, infinity where nothing else paid. smallest_harm,
    smallest_class_harm and smallest_likelihood_harm (nats): what val could have seen of harm.

    computed: the views that were computed now; same: views that were asked for and are, at
        this size, the view they point to.
    engine: None where nothing was computed; order: None where it was not asked for.
    """

    member: str
    choose: str
    views: tuple[ViewReport, ...]
    class_harm: tuple[ClassHarmReport, ...]
    smallest_harm: float | None
    smallest_class_harm: float | None
    curve: CurveReport | None
    val_images: int
    val_accuracy_before: float
    val_accuracy_after: float
    val_log_loss_before: float
    val_log_loss_after: float
    honest_accuracy: float
    honest_interval: Interval
    gain: float
    gain_interval: Interval
    gain_p: float
    resolvable: float
    ridge: float | None
    computed: tuple[str, ...]
    same: Mapping[str, str]
    engine: EngineReport | None
    order: OrderReport | None
    note: str | None
    path: Path
    judged_on: str = VAL
    likelihood_gain: float = 0.0
    likelihood_gain_interval: Interval = (0.0, 0.0)
    likelihood_gain_p: float = 1.0
    smallest_likelihood_harm: float | None = None
    gain_verdict: Verdict = field(init=False)
    likelihood_verdict: Verdict = field(init=False)

    @property
    def costs(self) -> bool:
        """Whether the views together, weighed as they are, are worse than identity, beyond chance."""
        return self.gain_verdict == "worse" or self.likelihood_gain_interval[1] < -CLOSE

    def __post_init__(self) -> None:
        """Draw the verdicts from the figures."""
        likelihood = verdict(self.likelihood_gain, self.likelihood_gain_interval, self.likelihood_gain_p)
        object.__setattr__(self, "likelihood_verdict", likelihood)
        object.__setattr__(
            self, "gain_verdict", verdict(self.gain, self.gain_interval, self.gain_p, 1, self.resolvable)
        )


@dataclass(frozen=True)
class ShardReport:
    """One share of long forward passes; nothing was written to the member yet.

    missing: parts of the whole that no shard has finished, as far as this folder knows.
    """

    member: str
    shard: tuple[int, int]
    parts: int
    pictures: int
    missing: int
    engine: EngineReport | None
    order: OrderReport | None
    path: Path
