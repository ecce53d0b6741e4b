"""The submission desk and the judge's side: what was handed in, and how it scored."""

from dataclasses import dataclass, field
from pathlib import Path

from ensemble_kit.results.intervals import Interval
from ensemble_kit.splits import VAL
from ensemble_kit.verdicts import Verdict, verdict


@dataclass(frozen=True)
class MoveReport:
    """So many images that went from one class to another."""

    before: str
    after: str
    images: int


@dataclass(frozen=True)
class ChangeReport:
    """A submission against the one before it.

    changed: on how many images they say different classes; moves: the most frequent changes.
    public_rows: how many of those are public, on average; points: how far the public score can then move.
    smallest: the smallest difference of the public scores that means something; None: none can.
    val_gain, val_gain_interval, val_gain_p: what the new one gains on val, cross-fitted and paired, with val_trials
        configurations tried there; chance: how likely the public part then shows `smallest` or more. None where that
        cannot be found out. val_verdict: what may be said of it.
    """

    previous: str
    changed: int
    moves: tuple[MoveReport, ...]
    public_rows: float
    points: float
    smallest: float | None
    val_gain: float | None
    val_gain_interval: Interval | None
    val_gain_p: float | None
    val_trials: int | None
    chance: float | None
    val_verdict: Verdict | None = field(init=False)

    def __post_init__(self) -> None:
        """Draw the verdict from the figures."""
        told = None
        if self.val_gain is not None and self.val_gain_interval is not None and self.val_gain_p is not None:
            told = verdict(self.val_gain, self.val_gain_interval, self.val_gain_p, self.val_trials or 1)
        object.__setattr__(self, "val_verdict", told)


@dataclass(frozen=True)
class ClassShareReport:
    """A class among val's labels and among the predictions, in shares."""

    name: str
    val_share: float
    share: float


@dataclass(frozen=True)
class BalanceReport:
    """Whether classes come as often as in val; p: how often chance alone differs as much; the most unlike first."""

    p: float
    classes: tuple[ClassShareReport, ...]


@dataclass(frozen=True)
class SubmitReport:
    """A submission that was handed in, or only checked.

    judged_on: what `val` stands for here: val, or oof, the training images that members held out.
    csv: what to upload; None where it was only checked.
    expected_public: where 95 % of public scores would lie, were test like val; None without an honest estimate.
    same_as: an earlier submission that says the same of every image.
    left: how many more may be handed in before next_day (ISO 8601, in the judge's zone).
    """

    name: str
    csv: Path | None
    blend: str | None
    images: int
    public_images: int
    honest_accuracy: float | None
    honest_interval: Interval | None
    expected_public: Interval | None
    balance: BalanceReport | None
    change: ChangeReport | None
    same_as: str | None
    quota: int
    left: int
    next_day: str
    notes: tuple[str, ...]
    judged_on: str = VAL


@dataclass(frozen=True)
class SubmissionReport:
    """One that was handed in.

    time: ISO 8601, in the judge's zone.
    surprising: whether the public score lies outside expected_public; None where one is unknown.
    changed: on how many images it differs from the one before; None for the first.
    """

    name: str
    time: str
    blend: str | None
    honest_accuracy: float | None
    public: float | None
    expected_public: Interval | None
    surprising: bool | None
    changed: int | None


@dataclass(frozen=True)
class SubmissionsReport:
    """The desk: all that was handed in, oldest first.

    final_two: the best by honest estimate, and of those as good the one that differs most.
    as_good: whether the second is within half a standard error of the first; else it is only the next best.
    """

    submissions: tuple[SubmissionReport, ...]
    final_two: tuple[str, ...]
    as_good: bool
    quota: int
    left: int
    next_day: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PartReport:
    """How many images of a part are right."""

    images: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class BaselineReport:
    """Whether an accuracy is reached on all images, and whether the interval lies above it, or below, as a whole."""

    baseline: float
    passed: bool
    clearly: bool


@dataclass(frozen=True)
class ClassScoreReport:
    """A class: how many images it has, how many of them are right, how many are said to be of it."""

    name: str
    images: int
    right: int
    predicted: int


@dataclass(frozen=True)
class ScoredReport:
    """One submission, scored; ranks count from 1, equals share one; notes: what a strict judge would mind.

    public, private: None where no image is of that part.
    """

    csv: Path
    whole: PartReport
    public: PartReport | None
    private: PartReport | None
    public_rank: int
    private_rank: int
    baselines: tuple[BaselineReport, ...]
    classes: tuple[ClassScoreReport, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class NeighboursReport:
    """Two that stand next to each other: how many images only one has right, and McNemar's exact p."""

    first: Path
    second: Path
    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True)
class ScoreReport:
    """Submissions against the truth, the best on private first.

    images: how many are scored; ignored: how many the labels' `Usage` leaves out.
    seed: what the public part was drawn by; None: the `Usage` says which images are public.
    """

    submissions: tuple[ScoredReport, ...]
    neighbours: tuple[NeighboursReport, ...]
    images: int
    seed: int | None
    ignored: int = 0
