"""Blends and comparisons: what they are worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ensemble_kit.metrics import METRICS
from ensemble_kit.results.intervals import Interval
from ensemble_kit.splits import VAL
from ensemble_kit.verdicts import Verdict, verdict


@dataclass(frozen=True)
class CalibrationReport:
    """Whether probabilities can be believed: calibration error in [0, 1], Brier score 0 to 2, log loss in nats."""

    calibration_error: float
    brier: float
    log_loss: float


@dataclass(frozen=True)
class DiversityReport:
    """How different the members are on val; means over pairs, None where there is no pair to speak of.

    disagreement: the share of pictures that one of two has right and the other wrong.
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
class CostReport:
    """A blend under a limit of milliseconds a picture, and what it is worth.

    ms: what its members and views take a picture; on the front where nothing as quick is better.
    """

    ms: float
    members: tuple[str, ...]
    honest_accuracy: float
    honest_interval: Interval
    on_front: bool


@dataclass(frozen=True)
class MethodReport:
    """Another ballot or way to find weights on the same members, judged in the same way."""

    method: str
    weights_method: str
    tuned_val_accuracy: float
    honest_accuracy: float
    honest_interval: Interval


@dataclass(frozen=True)
class ContributionReport:
    """What a member adds to the blend's honest accuracy, its Shapley value; the error is of sampling alone."""

    member: str
    value: float
    standard_error: float


@dataclass(frozen=True)
class FamilyWeightReport:
    """The folds of one network, weighed as one: each of its members has an equal part of the weight."""

    family: str
    members: tuple[str, ...]
    weight: float
    temperature: float


@dataclass(frozen=True)
class CertificateReport:
    """How many of the pictures tuned on the best known weights have right, and how many any could have.

    bound: no weights win more by the margin `epsilon`, a share of the widest lead of a pair.
    gap: bound - best; 0 is the proof that no weights are better.
    """

    best: int
    bound: int
    gap: int
    epsilon: float
    seconds: float


@dataclass(frozen=True)
class BlendReport:
    """A blend, its figures, and the files that hold it.

    judged_on: the evaluation set, that all figures are of, those called val_... too: val, or oof, the
        training pictures that members held out, where they have no val.

    tuned_val_accuracy is measured on the rows that were tuned on: optimistic, by about
    `optimism`. honest_accuracy is cross-fitted: view weights, temperatures and weights are
    found anew inside every fold. Tuned on oof and judged on val, val decided nothing: then every figure is
    that of the blend itself on val, tuned and honest ones are the same, and `optimism` is 0. The *_score
    figures are the same in the metric that was asked for, and so are gains, their intervals and
    p-values: of honest figures, and paired.

    families: what was weighed where tuned_on is oof, each a member of its own for the best single
        one, equal weights, limits, costs, contributions and numbers by name; empty for val.
    settings: how the weights were searched for, where that was not the plain way.
    tuned_on: val, or oof: the tuned_images pictures of train that members held out.
    tuned_oof_accuracy: on those, one network a picture, optimistic; None where tuned_on is val.
    p_vs_equal, p_vs_best_single: two-sided, of this one comparison; ledger_trials says how many
        configurations were tried on these pictures, and a p-value is worth that many times itself.
    resolvable: the smallest gain over equal weights that this val could tell (80 % power at 5 %).
    vs_equal, vs_best_single: what the gains allow to be said, see `verdicts`; `verdict` says it in words.
    calibration_before, calibration_after: with every temperature 1, and cross-fitted; None for votes.
    cost_ms: what a picture takes, over the members that count; None where nobody measured.
    costs: what the blend is worth under tighter limits; only where --max-ms was given.
    methods, contributions: of `full` alone; certificate: of `full` and `certify`.
    """

    name: str
    method: str
    members: tuple[str, ...]
    families: tuple[FamilyWeightReport, ...]
    weights: Mapping[str, float]
    temperatures: Mapping[str, float]
    weights_method: str
    settings: Mapping[str, Any]
    tuned_on: str
    tuned_images: int
    ridge: float | None
    blend_temperature: float
    val_images: int
    groups: int | None
    tuned_oof_accuracy: float | None
    tuned_val_accuracy: float
    tuned_val_interval: Interval
    honest_accuracy: float
    honest_interval: Interval
    optimism: float
    equal_honest_accuracy: float
    equal_honest_interval: Interval
    best_single: str
    best_single_honest_accuracy: float
    metric: str
    val_score: float
    val_score_interval: Interval
    honest_score: float
    honest_score_interval: Interval
    equal_val_score: float
    equal_honest_score: float
    equal_honest_score_interval: Interval
    best_single_val_score: float
    best_single_honest_score: float
    best_single_honest_score_interval: Interval
    gain_over_equal: float
    gain_over_equal_interval: Interval
    p_vs_equal: float
    gain_over_best_single: float
    gain_over_best_single_interval: Interval
    p_vs_best_single: float
    resolvable: float
    ledger_trials: int
    calibration_before: CalibrationReport | None
    calibration_after: CalibrationReport | None
    diversity: DiversityReport
    cost_ms: float | None
    costs: tuple[CostReport, ...]
    methods: tuple[MethodReport, ...]
    contributions: tuple[ContributionReport, ...]
    certificate: CertificateReport | None
    verdict: str
    notes: tuple[str, ...]
    blend_path: Path
    submission_path: Path | None
    seconds: float
    judged_on: str = VAL
    vs_equal: Verdict = field(init=False)
    vs_best_single: Verdict = field(init=False)

    def __post_init__(self) -> None:
        """Draw the verdicts from the figures."""
        equal = self.gain_over_equal, self.gain_over_equal_interval, self.p_vs_equal
        single = self.gain_over_best_single, self.gain_over_best_single_interval, self.p_vs_best_single
        object.__setattr__(self, "vs_equal", verdict(*equal, self.ledger_trials, self.resolvable))
        object.__setattr__(self, "vs_best_single", verdict(*single, self.ledger_trials))


@dataclass(frozen=True)
class CompareReport:
    """Two members, families or blends on the same pictures, both cross-fitted.

    judged_on: which pictures: val, or oof, the training pictures that members held out.
    A difference is the first minus the second, in the metric's unit.
    only_a, only_b: how many pictures only one has right, averaged over repeats; None for other
        metrics than accuracy.
    p: that of `test`, two-sided, of this one comparison; trials: how many configurations were tried on these
        pictures, and p is worth that many times itself.
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
    judged_on: str = VAL
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
