"""two members, families or blends -> which is better where both are evaluated, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any, Unpack

from ensemble_kit.context import QuietOption, RunContext, VerifyOption
from ensemble_kit.ensembling.evaluation import Procedure, Scored, compare_scored, cross_fit, repeats_of
from ensemble_kit.ensembling.statistics import why_not_fitted
from ensemble_kit.ensembling.tuning import check_metric
from ensemble_kit.ensembling.weights import TEMPERATURES
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.blends.notes import about_groups, chosen_on_val, unfitted
from ensemble_kit.pipeline.blends.settings import blend_settings, settings_again
from ensemble_kit.pipeline.blends.trials import count_trials, fingerprint
from ensemble_kit.pipeline.blends.tuning_set import procedure_of, small_enough
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.members import Evaluation, evaluation_of, members_of
from ensemble_kit.pipeline.models import read_blend_here
from ensemble_kit.reporting.compare import sentence
from ensemble_kit.reporting.terminal import IMAGES, note, say
from ensemble_kit.results import CompareReport
from ensemble_kit.splits import OOF
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import check_pins
from ensemble_kit.storage import members as store
from ensemble_kit.tables import pick
from ensemble_kit.workspace import BlendsOption, CacheOption, PredictionsOption, Workspace


@dataclass(frozen=True)
class Side:
    """One of the two: its members, and how it is made from them.

    name: as it was asked for, a name or a path.
    weights: a way to find weights by name, or numbers by member, which stay as they are.
    metric: what `greedy` goes by.
    settings: how weights are searched for, as the blend has saved it.
    saved: the blend that it is; None: a member or a family.
    """

    name: str = field(compare=False)
    members: tuple[str, ...]
    method: str
    weights: str | dict[str, float]
    metric: str = "accuracy"
    settings: dict[str, Any] = field(default_factory=dict)
    saved: blend_store.Blend | None = field(default=None, compare=False)

    def stays(self, split: str) -> bool:
        """Say whether it is a blend that was not tuned on its evaluation set; then it is evaluated as it stands."""
        return self.saved is not None and self.saved.tuned_on != split


class CompareOptions(PredictionsOption, BlendsOption, CacheOption, VerifyOption, QuietOption):
    """What `compare` takes along."""


@command
def compare(
    a: str,
    b: str,
    *,
    metric: str = "accuracy",
    temperatures: str = "auto",
    **options: Unpack[CompareOptions],
) -> CompareReport:
    """Say which of two members, families or blends is better on val, paired on the same images.

    Both are cross-fitted, 5 folds x 4 repeats (x 1 from 5000 images): whatever a side chooses on val (views,
    temperatures, weights) is chosen anew inside every fold; weights given as numbers stay, and so does
    a blend that was tuned on oof. Where a member has no val, both are evaluated on oof, the training images
    that members held out, and families stand for their folds.

    Args:
        a, b: a member, a family, a blend in `blends`, or the path of a member or a blend.
        metric: accuracy, balanced-accuracy, macro-f1, log-loss.
        temperatures: of members and families: auto (fitted), or none, all 1; a blend keeps its own way.

    Raises:
        InvalidOptionError, UnknownNameError: a name of nothing, or of both a member and a
            blend; twice the same; the log loss of votes; sides that are evaluated on nothing in common.
        MisalignedError: the two stand on different images.
        BadDataError: images without labels.
        CorruptError: a damaged file, or a blend whose members have changed.
    """
    workspace, context = Workspace.of(options), RunContext.of(options)
    pick(METRICS, metric, "metric")
    pick(TEMPERATURES, temperatures, "way to find temperatures")
    sides = [_side(name, workspace) for name in (a, b)]
    if sides[0] == sides[1]:
        raise InvalidOptionError(f"'{a}' and '{b}' are the same; wanted two different members or blends.")
    if temperatures != "auto" and all(side.saved for side in sides):
        raise InvalidOptionError(
            f"--temperatures is for members and families; '{a}' and '{b}' are blends, which keep their own. "
            f"Blend again: ek blend {' '.join(map(quote, sides[0].members))} --temperatures {temperatures}"
        )
    for side in sides:
        check_metric(metric, side.method)
    names = list(dict.fromkeys(name for side in sides for name in side.members))
    held = store.read_members(workspace.predictions, names, workspace.cache, context.verify)
    whole = evaluation_of(held)
    evaluation = replace(whole, pool=small_enough(whole.pool, metric))
    _check_tuned_on(sides, evaluation.split)
    images = len(evaluation.pool.ids)
    say(
        f"Cross-fitting both on {images} {IMAGES[evaluation.split]}, 5 folds x {repeats_of(images)} ...",
        context.quiet,
    )
    scored = [_evaluated(side, evaluation.of(side.members), temperatures) for side in sides]
    trials = count_trials(workspace.blends, fingerprint(whole.pool))
    return _report(sides, scored, metric, evaluation, _notes(sides, evaluation), trials)


def _side(name: str, workspace: Workspace) -> Side:
    """Return the member, family or blend of that name or path.

    Raises:
        InvalidOptionError: the name is of a blend and of something else.
        UnknownNameError: it is of nothing.
        CorruptError: the blend is damaged, or one of its members has changed.
    """
    predictions, blends = workspace.predictions, workspace.blends
    if name.endswith(".json"):
        return _blend_side(name, Path(name), predictions)
    names, saved = store.list_members(predictions), blend_store.list_blends(blends)
    if (member := workspace.member(name)) != name and member in names:
        return _member_side(name, member)
    if name in names and name not in saved:
        return _member_side(name, name)  # without reading the others, which may be damaged
    there = {member: store.read_manifest(predictions / member) for member in names}
    families = {manifest.family for manifest in there.values() if manifest.family is not None}
    if name in saved and (name in there or name in families):
        what, path = ("member", str(predictions / name)) if name in there else ("family", "its members by name")
        raise InvalidOptionError(
            f"'{name}' is a {what} and a blend. Give the path of the one that is meant: {path} or {blends / name}.json."
        )
    pick(dict.fromkeys([*there, *sorted(families), *saved]), name, "member or blend")
    if name in saved:
        return _blend_side(name, blends / f"{name}.json", predictions)
    return Side(name, tuple(members_of([name], there)), "logit-sum", "equal")  # a family, its folds alike


def _member_side(name: str, member: str) -> Side:
    """Return a member as a blend of itself: its class is that of its logits, its temperature its own."""
    return Side(name, (member,), "logit-sum", {member: 1.0})


def _blend_side(name: str, path: Path, predictions: Path) -> Side:
    """Return a saved blend; weights that were given as numbers stay as they are."""
    saved = read_blend_here(path)
    check_pins(saved, predictions)
    members = tuple(member.name for member in saved.members)
    return Side(name, members, saved.method, saved.requested_weights, saved.metric, saved.settings, saved)


def _check_tuned_on(sides: Sequence[Side], split: str) -> None:
    """Raise where a blend was tuned on val and is not to be evaluated there: its weights know no families."""
    for side in sides:
        if split == OOF and side.stays(split):
            raise InvalidOptionError(
                f"'{side.name}' was tuned on val, and not all members of the other side have one. Blend it again where "
                f"both are evaluated: ek blend --tune-on oof {' '.join(map(quote, side.members))}"
            )


def _evaluated(side: Side, part: Evaluation, temperatures: str) -> Scored:
    """Return a side's cross-fitted predictions; both sides meet the same folds."""
    procedure = _procedure(side, part, temperatures)
    return cross_fit(part.pool, {side.name: procedure}, repeats=repeats_of(len(part.pool.ids)))[side.name]


def _procedure(side: Side, part: Evaluation, temperatures: str) -> Procedure:
    """Return what makes a side from the images that it sees."""
    if side.saved is None:
        given = {"temperatures": temperatures}
        return procedure_of(blend_settings(side.method, side.weights, side.metric, given, {}), part.redone)
    if side.stays(part.split):
        tuned = part.here(side.saved.tuned())
        return lambda seen: tuned
    return procedure_of(settings_again(side.saved, part.manifests)[1], part.redone)


def _notes(sides: Sequence[Side], evaluation: Evaluation) -> list[str]:
    """Return what a person must know to read the comparison rightly."""
    notes, split = [], evaluation.split
    assert evaluation.pool.labels is not None
    if (reason := why_not_fitted(evaluation.pool.labels)) and any(len(side.members) > 1 for side in sides):
        notes.append(unfitted(reason, len(evaluation.pool.ids)))
    notes += about_groups(evaluation.pool)
    scored = [manifest.name for manifest in evaluation.manifests if manifest.val_used_for]
    if scored:
        notes.append(note("flattered", split=split, members=scored))
    viewed = {manifest.name for manifest in evaluation.manifests if chosen_on_val(manifest)}
    fixed = [name for side in sides if side.stays(split) for name in side.members if name in viewed]
    if fixed:
        notes.append(note("views-stay", members=list(dict.fromkeys(fixed))))
    return notes


def _report(
    sides: Sequence[Side],
    scored: Sequence[Scored],
    metric: str,
    evaluation: Evaluation,
    notes: Sequence[str],
    trials: int,
) -> CompareReport:
    """Return the report, and its sentence."""
    val = evaluation.pool
    found = compare_scored(scored[0], scored[1], metric, val.groups)
    report = CompareReport(
        a=sides[0].name,
        b=sides[1].name,
        metric=metric,
        judged_on=evaluation.split,
        val_images=len(val.ids),
        groups=None if val.groups is None else len(set(val.groups)),
        a_score=found.first_score,
        a_interval=found.first_interval,
        b_score=found.second_score,
        b_interval=found.second_interval,
        difference=found.difference,
        interval=found.interval,
        only_a=found.only_first,
        only_b=found.only_second,
        test=found.test,
        p=found.p,
        trials=trials,
        resolvable=found.resolvable,
        better=None,
        notes=tuple(notes),
        sentence="",
    )
    better = {"better": report.a, "worse": report.b}.get(report.verdict)
    return replace(report, better=better, sentence=sentence(report))
