"""two members or blends -> which is better on val, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ensemble_kit.ensembling.comparison import compare_judged
from ensemble_kit.ensembling.holdouts import repeats_of
from ensemble_kit.ensembling.honesty import cross_fit
from ensemble_kit.ensembling.judging import Judged
from ensemble_kit.ensembling.tuning import check_metric, why_not_fitted
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.blend_notes import chosen_on_val
from ensemble_kit.pipeline.command import command
from ensemble_kit.pipeline.elsewhere import read_blend_here
from ensemble_kit.pipeline.grounds import procedure_of, small_enough
from ensemble_kit.pipeline.trials import count_trials, fingerprint
from ensemble_kit.pipeline.ways import costs_of, views_to_choose, way_of
from ensemble_kit.reporting.comparison import sentence
from ensemble_kit.reporting.progress import say
from ensemble_kit.results import CompareReport
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import members as store
from ensemble_kit.tables import pick
from ensemble_kit.types import Pool, align


@dataclass(frozen=True)
class Side:
    """One of the two: its members, and how it is made from them.

    name: as it was asked for, a name or a path.
    weights: a way to find weights by name, or numbers by member, which stay as they are.
    metric: what `greedy` goes by.
    settings: how weights are searched for, as the blend has saved it.
    fixed: a blend that was tuned elsewhere than on val, so that val judges it as it stands.
    """

    name: str = field(compare=False)
    members: tuple[str, ...]
    ballot: str
    weights: str | dict[str, float]
    metric: str = "accuracy"
    settings: dict[str, Any] = field(default_factory=dict)
    fixed: blend_store.Blend | None = None


@command
def compare(
    a: str,
    b: str,
    metric: str = "accuracy",
    predictions: str | Path = "predictions",
    blends: str | Path = "blends",
    cache: str | Path = ".ek",
    verify: bool = False,
    quiet: bool = False,
) -> CompareReport:
    """Say which of two members or blends is better on val, paired on the same pictures.

    Both are cross-fitted, 5 folds x 4 repeats (x 1 from 5000 pictures): whatever a side chooses on val (views,
    temperatures, weights) is chosen anew inside every fold; weights given as numbers stay, and so does
    a blend that was tuned on oof.

    Args:
        a, b: a member, a blend in `blends`, or the path of either.
        metric: accuracy, balanced-accuracy, macro-f1, log-loss.
        verify: compute the checksums of the members again.

    Raises:
        InvalidOptionError, UnknownNameError: a name of nothing, or of both a member and a
            blend; twice the same; the log loss of votes.
        MisalignedError: the two stand on different val sets.
        BadDataError: val without labels.
        CorruptError: a damaged file, or a blend whose members have changed.
    """
    predictions, blends = Path(predictions), Path(blends)
    pick(METRICS, metric, "metric")
    sides = [_side(name, predictions, blends) for name in (a, b)]
    if sides[0] == sides[1]:
        raise InvalidOptionError(f"'{a}' and '{b}' are the same; wanted two different members or blends.")
    for side in sides:
        check_metric(metric, side.ballot)
    names = list(dict.fromkeys(name for side in sides for name in side.members))
    held = store.read_members(predictions, names, Path(cache), verify)
    val = align([member.split("val") for member in held])
    if val.labels is None:
        raise BadDataError("The members have no val labels, so nothing can be compared. Add them again with labels.")
    manifests = {member.manifest.name: member.manifest for member in held}
    prints, val = fingerprint(val), small_enough(val, metric)
    say(f"Cross-fitting both on {len(val.ids)} val pictures, 5 folds x {repeats_of(len(val.ids))} ...", quiet)
    judged = [_judge(side, val, manifests) for side in sides]
    return _report(sides, judged, metric, val, _notes(sides, val, manifests), count_trials(blends, prints))


def _side(name: str, predictions: Path, blends: Path) -> Side:
    """Return the member or blend of that name or path.

    Raises:
        InvalidOptionError: the name is of both.
        UnknownNameError: it is of neither.
        CorruptError: the blend is damaged, or one of its members has changed.
    """
    if name.endswith(".json"):
        return _blend_side(name, Path(name), predictions)
    members = store.list_members(predictions)
    if Path(name).parent == predictions and Path(name).name in members:
        return _member_side(name, Path(name).name)
    saved = blend_store.list_blends(blends)
    if name in members and name in saved:
        raise InvalidOptionError(
            f"'{name}' is a member and a blend. Give the path of the one that is meant: "
            f"{predictions / name} or {blends / name}.json."
        )
    pick(dict.fromkeys([*members, *saved]), name, "member or blend")
    return _member_side(name, name) if name in members else _blend_side(name, blends / f"{name}.json", predictions)


def _member_side(name: str, member: str) -> Side:
    """Return a member as a blend of itself: its class is that of its logits, its temperature its own."""
    return Side(name, (member,), "logit-sum", {member: 1.0})


def _blend_side(name: str, path: Path, predictions: Path) -> Side:
    """Return a saved blend; weights that were given as numbers stay as they are."""
    saved = read_blend_here(path)
    blend_store.check_pins(saved, predictions)
    members = tuple(member.name for member in saved.members)
    fixed = None if saved.tuned_on == "val" else saved
    return Side(name, members, saved.ballot, saved.asked_weights, saved.metric, saved.settings, fixed)


def _judge(side: Side, val: Pool, manifests: dict[str, store.Manifest]) -> Judged:
    """Return a side's cross-fitted predictions; both sides meet the same folds."""
    pool = _only(val, side.members)
    held = [manifests[name] for name in side.members]
    if side.fixed is not None:
        tuned = side.fixed.tuned()
        return cross_fit(pool, {side.name: lambda seen: tuned}, repeats=repeats_of(len(pool.ids)))[side.name]
    way = way_of(side.ballot, side.weights, side.metric, side.settings, costs_of(held))
    procedure = procedure_of(way, views_to_choose(held))
    return cross_fit(pool, {side.name: procedure}, repeats=repeats_of(len(pool.ids)))[side.name]


def _only(pool: Pool, members: Sequence[str]) -> Pool:
    """Return the pool of some of its members, on the same images."""
    places = [pool.members.index(name) for name in members]
    return replace(
        pool,
        members=tuple(members),
        views=tuple(pool.views[place] for place in places),
        logits=tuple(pool.logits[place] for place in places),
    )


def _notes(sides: Sequence[Side], val: Pool, manifests: dict[str, store.Manifest]) -> list[str]:
    """Return what a person must know to read the comparison rightly."""
    assert val.labels is not None
    notes = []
    if (reason := why_not_fitted(val.labels)) and any(len(side.members) > 1 for side in sides):
        notes.append(reason)
    judged = [name for name, manifest in manifests.items() if manifest.val_used_for]
    if judged:
        notes.append(
            f"val also decided how these were made, so they are flattered: {', '.join(judged)}. "
            "Train with --keep last to compare them fairly."
        )
    fixed = [name for side in sides if side.fixed for name in side.members if chosen_on_val(manifests[name])]
    if fixed:
        notes.append(
            f"val also chose the view weights of {', '.join(dict.fromkeys(fixed))}, and they stay as they are in a "
            "blend that was tuned on oof, so it is flattered a little."
        )
    return notes


def _report(
    sides: Sequence[Side], judged: Sequence[Judged], metric: str, val: Pool, notes: Sequence[str], trials: int
) -> CompareReport:
    """Return the report, and its sentence."""
    found = compare_judged(judged[0], judged[1], metric, val.ids, val.groups)
    p_adjusted = min(1.0, max(trials, 1) * found.p)
    report = CompareReport(
        a=sides[0].name,
        b=sides[1].name,
        metric=metric,
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
        p_adjusted=p_adjusted,
        resolvable=found.resolvable,
        better=None,
        notes=tuple(notes),
        sentence="",
    )
    better = {"better": report.a, "worse": report.b}.get(report.verdict)
    return replace(report, better=better, sentence=sentence(report))
