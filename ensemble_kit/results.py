"""What a command found out: frozen, printable, one JSON object each.

The command line prints these, Python callers read them, and both see the same names.
Accuracies are fractions in [0, 1]; `*_interval` is (low, high) at 95 %.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

Interval = tuple[float, float]


@dataclass(frozen=True)
class MemberReport:
    """One member as `ek members` shows it; val figures are None where val has no labels.

    metric: the metric that was asked for; val_score and val_score_interval are in it.
    calibration_error: expected calibration error, 15 equal-width bins, in [0, 1].
    ms_per_image: milliseconds a picture and view; None for an imported member.
    val_used_for: what val decided while the member was made; empty is best.
    """

    name: str
    arch: str
    source: str
    val_accuracy: float
    val_interval: Interval
    val_log_loss: float
    metric: str
    val_score: float
    val_score_interval: Interval
    calibration_error: float
    views: tuple[str, ...]
    view_weights: tuple[float, ...]
    val_images: int
    test_images: int | None
    parameters: int | None
    size_mb: float | None
    ms_per_image: float | None
    val_used_for: tuple[str, ...]
    path: Path


@dataclass(frozen=True)
class MembersReport:
    """All members of a folder, the best on val by the metric first; `verified` counts the files checked on request."""

    members: tuple[MemberReport, ...]
    verified: int | None = None
    metric: str = "accuracy"

    def frame(self) -> "pandas.DataFrame":
        """Return one row a member and one column a field, for a notebook."""
        import pandas

        return pandas.DataFrame([dataclasses.asdict(member) for member in self.members])


@dataclass(frozen=True)
class TrainReport:
    """A member that was just trained."""

    member: MemberReport
    run: Path
    recipe: str
    size_px: int
    train_images: int
    seconds: float


@dataclass(frozen=True)
class ViewReport:
    """One view: alone, beside identity, and in the member.

    change: its val accuracy alone, minus that of identity alone.
    beside: accuracy of the plain pair of identity and this view, minus that of identity;
        beside_p is Holm's, over all views. None for identity itself.
    harmful: that difference is below 0, and beside_p below 0.05.
    ms: milliseconds a picture; None where nobody measured.
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


@dataclass(frozen=True)
class ClassHarmReport:
    """A class that a view harms beside identity.

    images: how many val pictures show it; lost and won: those that only identity, and only
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

    added: the view that joins when all val pictures choose.
    log_likelihood: mean log probability of the label after a temperature (nats, at most 0).
    ms: milliseconds a picture for all of them; None where nobody measured.
    """

    views: int
    added: str
    accuracy: float
    interval: Interval
    log_likelihood: float
    log_likelihood_interval: Interval
    ms: float | None


@dataclass(frozen=True)
class CurveReport:
    """Accuracy and likelihood against the number of views; `stop`: after which more gain nothing that val can tell.

    json, png: where it was saved; None where it was not.
    """

    steps: tuple[CurveStepReport, ...]
    stop: int
    json: Path | None
    png: Path | None


@dataclass(frozen=True)
class EngineReport:
    """What computed, and how it compared with plain PyTorch on the first batch.

    relative_error: largest difference of logits, relative to the largest logit.
    changed: pictures of that batch whose class differs.
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
    """Whether a picture's logits depend on which pictures are looked at with it, and when.

    relative_difference: the largest, relative to the largest logit; changed: pictures whose
        class differs.
    """

    images: int
    relative_difference: float
    changed: int


@dataclass(frozen=True)
class TtaReport:
    """A member before (identity alone) and after its views were weighed.

    val_accuracy_after is measured on the rows that chose the weights, so it is optimistic
    where anything was tuned; honest_accuracy is cross-fitted, and so are gain (over identity),
    its interval and p; a gain below `resolvable` would not show. ridge is how firmly the
    weights were held to identity; None where nothing was tuned, infinity where nothing else
    paid. smallest_harm and smallest_class_harm: what val could have seen of harm.

    computed: the views that were looked at now; same: views that were asked for and are, at
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


@dataclass(frozen=True)
class ShardReport:
    """One share of a long look; nothing was written to the member yet.

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


@dataclass(frozen=True)
class PredictReport:
    """New pictures through one member, looked at no more than needed.

    kind: `exact` (the classes are those of all views), `margin` (they may differ: see loss) or
        `all` (every view was looked at).
    saved: the share of forward passes that was spared.
    loss: the share of val pictures that stopping early cost, cross-fitted; loss_at_most: its
        95 % upper bound; wanted_loss: what was asked for. None where nothing can be lost.
    """

    member: str
    method: str
    views: tuple[str, ...]
    kind: str
    pictures: int
    saved: float
    loss: float | None
    loss_at_most: float | None
    wanted_loss: float | None
    expected_saved: float | None
    seconds: float
    csv: Path


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
class CertificateReport:
    """How many val pictures the best known weights have right, and how many any weights could have.

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
    """A blend, its figures on val, and the files that hold it.

    tuned_val_accuracy is measured on the rows that were tuned on: optimistic, by about
    `optimism`. honest_accuracy is cross-fitted: view weights, temperatures and weights are
    found anew inside every fold. The *_score figures are the same in the metric that was asked
    for, and so are gains, their intervals and p-values: cross-fitted, and paired.

    settings: how the weights were searched for, where that was not the plain way.
    p_vs_equal, p_vs_best_single: two-sided, of this one comparison; ledger_trials says how many
        configurations were tried on this val, and a p-value is worth that many times itself.
    resolvable: the smallest gain over equal weights that this val could tell (80 % power at 5 %).
    calibration_before, calibration_after: with every temperature 1, and cross-fitted; None for votes.
    cost_ms: what a picture takes, over the members that count; None where nobody measured.
    costs: what the blend is worth under tighter limits; only where --max-ms was given.
    methods, contributions: of `full` alone; certificate: of `full` and `certify`.
    """

    name: str
    method: str
    members: tuple[str, ...]
    weights: Mapping[str, float]
    temperatures: Mapping[str, float]
    weights_method: str
    settings: Mapping[str, Any]
    ridge: float | None
    blend_temperature: float
    val_images: int
    groups: int | None
    tuned_val_accuracy: float
    tuned_val_interval: Interval
    honest_accuracy: float
    honest_interval: Interval
    optimism: float
    equal_val_accuracy: float
    equal_honest_accuracy: float
    equal_honest_interval: Interval
    best_single: str
    best_single_val_accuracy: float
    best_single_honest_accuracy: float
    best_single_honest_interval: Interval
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


@dataclass(frozen=True)
class CompareReport:
    """Two members or blends on the same val pictures, both cross-fitted.

    A difference is the first minus the second, in the metric's unit.
    only_a, only_b: how many pictures only one has right, averaged over repeats; None for other
        metrics than accuracy.
    p: that of `test`, two-sided; p_adjusted is min(1, trials * p), for all the
        configurations that were tried on this val set.
    resolvable: the smallest difference that this val set could resolve (80 % power at 5 %).
    better: the better side where p_adjusted is below 0.05; None where they cannot be told apart.
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
    p_adjusted: float
    resolvable: float
    better: str | None
    notes: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class ArchReport:
    """One line of `ek zoo`; parameters and size are for the asked number of classes and side.

    weights: where pretrained weights would come from: installed, cached, hub (over the network) or none.
    """

    arch: str
    parameters: int | None
    size_mb: float | None
    size_px: int | None
    help: str
    options: Mapping[str, Any]
    weights: str


@dataclass(frozen=True)
class ZooReport:
    """The architectures that `ek train --arch` knows."""

    classes: int
    archs: tuple[ArchReport, ...]


@dataclass(frozen=True)
class DemoDataReport:
    """The synthetic data set that was drawn."""

    path: Path
    classes: tuple[str, ...]
    train_images: int
    val_images: int
    test_images: int


@dataclass(frozen=True)
class Rung:
    """One step of the demo's ladder, without and with TTA; the labels of its test set are known."""

    name: str
    val_accuracy: float | None
    test_accuracy: float | None
    val_accuracy_tta: float
    test_accuracy_tta: float
    train_s: float | None


@dataclass(frozen=True)
class DemoReport:
    """The demo's ladder, lowest rung first, and where everything lies."""

    folder: Path
    rungs: tuple[Rung, ...]
    blend: BlendReport


@dataclass(frozen=True)
class Finding:
    """One thing that `ek data check` found about a picture, or about a picture and another one.

    kind: unreadable, same bytes, same pixels, near, mirrored, group or elongated.
    label, other_label: names of classes; None where nobody knows them.
    distance: bits of 64 in which the two hashes differ; None for other kinds.
    """

    kind: str
    split: str
    image_id: str
    label: str | None = None
    other_split: str | None = None
    other_id: str | None = None
    other_label: str | None = None
    distance: int | None = None
    detail: str = ""

    @property
    def leak(self) -> bool:
        """Whether it ties two splits together."""
        return self.other_split not in (None, self.split)

    @property
    def conflict(self) -> bool:
        """Whether one picture has two labels; a mirror image may rightly have another one."""
        named = None not in (self.label, self.other_label) and self.kind not in ("mirrored", "group")
        return named and self.label != self.other_label


@dataclass(frozen=True)
class SplitFacts:
    """What one split holds; `classes` is empty where it has no labels, sides are those that could be read.

    side_px: smallest, median and largest shorter side; None where nothing could be read.
    """

    split: str
    images: int
    classes: Mapping[str, int]
    formats: Mapping[str, int]
    modes: Mapping[str, int]
    side_px: tuple[int, int, int] | None


@dataclass(frozen=True)
class Shift:
    """How another split differs from train in one measure.

    measure: brightness and contrast in [0, 1], shorter side in px, or the share of the class that differs most.
    verdict: shifted, no shift seen, or too few to tell.
    """

    measure: str
    split: str
    train: float
    other: float
    verdict: str


@dataclass(frozen=True)
class DataReport:
    """What `ek data check` found; with leaks or unreadable files the command exits 3.

    near: bits of 64 that may differ in a near duplicate.
    leaks: findings that tie two splits together; duplicates: pairs within one split;
    conflicts: pairs, of either kind, with two labels.
    """

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitFacts, ...]
    passed_over: int
    near: int
    unreadable: int
    leaks: int
    duplicates: int
    conflicts: int
    findings: tuple[Finding, ...]
    shifts: tuple[Shift, ...]
    csv: Path | None
    sheet: Path | None

    @property
    def clean(self) -> bool:
        """Whether there is neither a leak nor an unreadable file."""
        return not self.leaks and not self.unreadable


@dataclass(frozen=True)
class Diagnosis:
    """One line of `ek doctor`: what was looked at, how it is, and what to do about it.

    status: ok, note (works, but could be better) or problem.
    remedy: what to do; None where nothing need be done.
    """

    subject: str
    status: str
    found: str
    remedy: str | None = None


@dataclass(frozen=True)
class DoctorReport:
    """What `ek doctor` found; with a problem the command exits 6."""

    diagnoses: tuple[Diagnosis, ...]

    @property
    def well(self) -> bool:
        """Whether there is no problem; notes do not count."""
        return all(one.status != "problem" for one in self.diagnoses)


def as_json(report: Any) -> str:
    """Return a report as one JSON object, two blanks a level, infinities as strings."""
    return json.dumps(_plain(report), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    return value
