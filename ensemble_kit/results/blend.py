"""A blend: what was asked for, the numbers that were found, and what they are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ensemble_kit.results import KEYS, BaselineFigures, BlendFigures, FullReport
from ensemble_kit.results.intervals import Interval
from ensemble_kit.verdicts import Verdict


@dataclass(frozen=True)
class CalibrationReport:
    """Whether probabilities can be believed: calibration error in [0, 1], Brier score 0 to 2, log loss in nats."""

    calibration_error: float
    brier: float
    log_loss: float


@dataclass(frozen=True)
class DiversityReport:
    """How different the members are on val; means over pairs, None where there is no pair to speak of.

    disagreement: the share of images that one of two has right and the other wrong.
    double_fault: the share that both have wrong.
    q, correlation: Yule's Q and the correlation of being right.
    oracle_accuracy: the share that at least one member has right.
    near_duplicates: pairs of members that are nearly the same network.
    equivalent_members: how many members drawn at random and averaged have the blend's log loss;
        infinite where all of them have a worse one, None for votes and for fewer than 2 members.
    """

    mean_accuracy: float
    oracle_accuracy: float
    disagreement: float | None
    double_fault: float | None
    q: float | None
    correlation: float | None
    near_duplicates: tuple[tuple[str, str], ...]
    equivalent_members: float | None


@dataclass(frozen=True)
class FamilyWeightReport:
    """The folds of one network, weighed as one: each of its members has an equal part of the weight."""

    family: str
    members: tuple[str, ...]
    weight: float
    temperature: float


@dataclass(frozen=True)
class ProcedureReport:
    """What was asked of a blend.

    metric: what its scores, gains, their intervals and p-values are in.
    settings: how the weights were searched for, where that was not the plain way.
    tuned_on: val, or oof: the images of train that members held out.
    """

    method: str
    weights_method: str
    settings: Mapping[str, Any]
    metric: str
    tuned_on: str


@dataclass(frozen=True)
class NumbersReport:
    """The numbers that make members a blend.

    families: what was weighed where tuned_on is oof, each a member of its own for the best single
        one, equal weights, limits, costs, contributions and numbers by name; empty for val.
    cost_ms: what an image takes, over the members that count; None where nobody measured.
    """

    members: tuple[str, ...]
    families: tuple[FamilyWeightReport, ...]
    weights: Mapping[str, float]
    temperatures: Mapping[str, float]
    ridge: float | None
    blend_temperature: float
    cost_ms: float | None

    @property
    def shares(self) -> tuple[float, ...]:
        """The weight of each family, or of each member where these were weighed."""
        return tuple(one.weight for one in self.families) or tuple(self.weights.values())


@dataclass(frozen=True)
class EvaluatedReport:
    """Where a blend was evaluated.

    judged_on: the evaluation set, that all figures are of: val, or oof, the training images that members held
        out, where they have no val; val_images: how many images it has, either way.
    tuned_images: how many images were tuned on; test_images: how many test images the members have, None: not all
        have any.
    ledger_trials: how many configurations were tried on the evaluation set; a p-value is worth that many times
        itself.
    """

    judged_on: str
    val_images: int
    groups: int | None
    tuned_images: int
    ledger_trials: int
    test_images: int | None = None


@dataclass(frozen=True)
class BlendReport:
    """A blend, its figures, and the files that hold it; `KEYS` are the names that its JSON has for them.

    calibration_before, calibration_after: with every temperature 1, and cross-fitted; None for votes.
    expected_on_test: where 95 % of accuracies on so many test images lie, if they are like those evaluated on: wider
        than the interval of the honest accuracy, which is of any number of such images; None without test images.
    full: what stands beside it.
    verdict: what may be said of its gains, in words.
    """

    name: str
    procedure: ProcedureReport
    numbers: NumbersReport
    evaluated: EvaluatedReport
    this: BlendFigures
    equal: BaselineFigures
    best_single: BaselineFigures
    calibration_before: CalibrationReport | None
    calibration_after: CalibrationReport | None
    diversity: DiversityReport
    full: FullReport
    verdict: str
    notes: tuple[str, ...]
    blend_path: Path
    submission_path: Path | None
    seconds: float
    expected_on_test: Interval | None = None
    KEYS: ClassVar[Mapping[str, str]] = KEYS

    @property
    def honest_accuracy(self) -> float:
        """Its honest estimate, a fraction."""
        return self.this.honest_accuracy

    @property
    def honest_interval(self) -> Interval:
        """The interval of its honest estimate."""
        return self.this.honest_interval

    @property
    def tuned_val_accuracy(self) -> float:
        """Its accuracy on the evaluation set with the numbers that were found, optimistic where it was tuned there."""
        return self.this.tuned_accuracy

    @property
    def vs_equal(self) -> Verdict:
        """What its gain over equal weights allows to be said, see `verdicts`."""
        return self.equal.gain.verdict(self.evaluated.ledger_trials)

    @property
    def vs_best_single(self) -> Verdict:
        """What its gain over the best single member or family allows to be said, see `verdicts`."""
        return self.best_single.gain.verdict(self.evaluated.ledger_trials)
