"""members -> blend, honest figures, submission."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from ensemble_kit.context import QuietOption, RunContext, VerifyOption
from ensemble_kit.disk import check_writable
from ensemble_kit.ensembling.evaluation import repeats_of
from ensemble_kit.ensembling.weights import WEIGHTS, weight_method
from ensemble_kit.errors import EnsembleKitError, InvalidOptionError, MisalignedError
from ensemble_kit.pipeline.blends.assemble import assemble
from ensemble_kit.pipeline.blends.evaluation import BlendEvaluation, evaluate_blend
from ensemble_kit.pipeline.blends.full_report import full_report, why_no_stack
from ensemble_kit.pipeline.blends.notes import notes_of
from ensemble_kit.pipeline.blends.saved_figures import figures_to_json
from ensemble_kit.pipeline.blends.settings import BlendSettings, blend_settings
from ensemble_kit.pipeline.blends.submission_csv import find_target, named, without_test, write_csv
from ensemble_kit.pipeline.blends.trials import fingerprint, remember
from ensemble_kit.pipeline.blends.tuning_set import BlendSets, blend_sets
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.members import evaluation_of, members_of, weighed
from ensemble_kit.pipeline.models import versions
from ensemble_kit.reporting.terminal import IMAGES, note, say
from ensemble_kit.results import BlendReport, FamilyWeightReport
from ensemble_kit.splits import OOF, VAL, evaluation_split
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import members as store
from ensemble_kit.storage.files import check_output, is_sealed
from ensemble_kit.storage.members import check_name
from ensemble_kit.storage.submissions import check_replaceable
from ensemble_kit.types import Pool
from ensemble_kit.workspace import BlendsOption, CacheOption, PredictionsOption, SubmissionsOption, Workspace


class BlendOptions(PredictionsOption, BlendsOption, SubmissionsOption, CacheOption, VerifyOption, QuietOption):
    """What `blend` takes along."""


@command
def blend(
    members: Sequence[str] = (),
    method: str = "logit-sum",
    *,
    weights: str | Mapping[str, float] = "auto",
    metric: str = "accuracy",
    temperatures: str = "auto",
    tune_on: str | None = None,
    start: str = "empty",
    bags: int = 0,
    max_members: int | None = None,
    max_ms: float | None = None,
    certify: bool = False,
    certify_seconds: float = 10.0,
    full: bool = False,
    name: str | None = None,
    out: str | Path | None = None,
    sample: str | Path | None = None,
    id: str = "name",
    encoding: str | None = None,
    replace: bool = False,
    **options: Unpack[BlendOptions],
) -> BlendReport:
    """Blend members, say what the blend is worth, write it and its submission.

    Args:
        members: names, of members or of families; none means all there are.
        method: what a member casts: logit-sum, prob-mean, geo-mean, majority-vote, borda.
        weights: auto, equal, log-loss, greedy, accuracy, stacking, or numbers by member, as a
            mapping or as "cnn=1,vit=2".
        metric: accuracy, balanced-accuracy, macro-f1, log-loss: what the figures are in, what
            greedy goes by and the best single member is chosen by; auto never reads it.
        temperatures: auto (fitted), or none: all 1, so that logits count as they are; a prob-mean of
            equal weights is then a plain soft vote.
        tune_on: val, or oof: the folds of train that members held out (`ek train --folds`). Then what is
            weighed are families of members, a family its folds, and val is only measured on; where members
            have no val, the figures are cross-fitted on oof. None: val where all members have it, else oof.
        start: what greedy begins with: empty, or sorted (the best members together).
        bags: in how many random halves of the members greedy selects, averaged; 0: among all.
        max_members: how many members, or families, may have a weight.
        max_ms: what they may take per image together (ms), as measured when they were trained.
        certify: prove how many of the images tuned on any weights could have right, and take better ones.
        certify_seconds: how long the proof may take.
        full: evaluate every method and every member too, and prove.
        name: of the blend; None takes method-weights, and -oof where that was tuned on.
        out: the CSV; None takes `submissions/<name>.csv`.
        sample: a sample submission; its header, ids and order are kept, and enforced.
        id: `name` or `stem`: image ids in the CSV with or without their ending.
        encoding: of a sample that is not UTF-8, as cp1252.
        replace: overwrite a blend or CSV of that name that ek did not write as it is; its own are made anew
            in any case.

    Raises:
        InvalidOptionError, UnknownNameError: no members, names, numbers and limits that cannot
            be, options that the way does not read, the log
            loss of votes, members without val or `oof` logits, or without some of a family's folds, or a blend
            or CSV of that name that is another's or was edited.
        MisalignedError: members that differ, or a sample whose ids are not ours.
        BadDataError: val or oof without labels, or a sample that cannot be used.
        CorruptError: a file of a member is damaged.
    """
    began = time.perf_counter()
    workspace, context = Workspace.of(options), RunContext.of(options)
    blends = workspace.blends
    if certify and not weight_method(weights).provable:
        those = " or ".join(way for way, line in WEIGHTS.items() if line.provable)
        raise InvalidOptionError(f"--certify proves --weights {those} alone; give both, or --full.")
    names = _names([workspace.member(name) for name in members], workspace.predictions)
    held = store.read_members(workspace.predictions, names, workspace.cache, context.verify)
    manifests = [member.manifest for member in held]
    split = evaluation_split(*(manifest.files for manifest in manifests))
    tune_on = tune_on or split
    searching = {
        "start": start,
        "bags": bags,
        "max_members": max_members,
        "max_ms": max_ms,
        "certify_seconds": certify_seconds if certify else None,
        "tune_on": tune_on,
        "temperatures": temperatures,
    }
    families, costs = weighed(tune_on, manifests)
    settings = blend_settings(method, weights, metric, searching, costs)
    name = _default_name(settings) if name is None else name
    check_name(name)
    csv = Path(out or workspace.submissions / f"{name}.csv")
    check_output(blends / f"{name}.json", replace, "--name", is_ours=is_sealed)
    check_replaceable(csv, replace)
    if (tune_on, split) == (VAL, OOF):
        bare = [manifest.name for manifest in manifests if VAL not in manifest.files]
        raise InvalidOptionError(f"--tune-on val: no val in {named(bare)}. Take --tune-on oof.")
    evaluation = evaluation_of(held)
    val = evaluation.pool
    target = find_target(held, csv, sample, id, encoding)
    if target is None and (out or sample):
        raise MisalignedError(f"No submission can be written: {without_test(held)}")
    if target is not None:
        check_writable(csv.parent, csv)
        check_writable(workspace.submissions)

    sets = blend_sets(evaluation, held, families, metric, settings.written)
    say(_greeting(sets), context.quiet)
    scored = evaluate_blend(sets, settings)
    beside = full_report(sets, settings, scored, full, certify_seconds, context.quiet)
    notes = notes_of(val, sets, settings, scored.measured.diversity)
    if full and (why := why_no_stack(sets.pool, settings.method)):
        notes.append(note("no-stack", why=why))
    saved = _saved(name, settings, held, val, scored)
    path = blends / f"{name}.json"
    if path.exists() and (other := _other_members(path, saved)):
        notes.append(note("replaced", name=name, members=other))
    path = blend_store.write_blend(blends, saved)
    remember(blends, saved)
    if target is not None:
        notes.extend(target.notes)
    if target is None:
        notes.append(note("no-submission", why=without_test(held)))
        if csv.exists():
            notes.append(note("other-csv-stands", path=csv))
    else:
        write_csv(target, saved, scored.tuned, workspace.submissions, replace, sample)
    return assemble(
        saved,
        path,
        blends,
        held,
        sets,
        scored.measured,
        families=_families(sets, scored),
        full=beside,
        notes=notes,
        submission=None if target is None else target.path,
        seconds=time.perf_counter() - began,
    )


def _other_members(path: Path, saved: blend_store.Blend) -> list[str]:
    """Return the members of the blend that stands there, where they are others; nothing where it cannot be read."""
    try:
        there = [pin.name for pin in blend_store.read_blend(path).members]
    except EnsembleKitError:
        return []
    return there if set(there) != {pin.name for pin in saved.members} else []


def _default_name(settings: BlendSettings) -> str:
    named = f"{settings.method}-{settings.written if isinstance(settings.weights, str) else 'given'}"
    return named if settings.tune_on == VAL else f"{named}-{settings.tune_on}"


def _families(sets: BlendSets, scored: BlendEvaluation) -> tuple[FamilyWeightReport, ...]:
    """Return what was found for each family; nothing where members were weighed."""
    return tuple(
        FamilyWeightReport(
            family=family.name,
            members=tuple(sets.manifests[place].name for place in family.places),
            weight=float(scored.found.weights[number]),
            temperature=float(scored.found.temperatures[number]),
        )
        for number, family in enumerate(sets.families)
    )


def _greeting(sets: BlendSets) -> str:
    """Return what is about to be done, in one line."""
    images, number = len(sets.evaluated.ids), len(sets.families) or len(sets.manifests)
    one, several = ("family", "families") if sets.families else ("member", "members")
    weighed = f"{number} {one if number == 1 else several}"
    if sets.fresh:
        return (
            f"Tuning {weighed} on {len(sets.pool.ids)} held-out images of train; measuring on {images} val images ..."
        )
    return f"Cross-fitting {weighed} on {images} {IMAGES[sets.evaluation.split]}, 5 folds x {repeats_of(images)} ..."


def _names(members: Sequence[str], predictions: Path) -> list[str]:
    """Return the members to blend.

    Raises:
        InvalidOptionError: there are none.
        UnknownNameError: one of them is not there.
    """
    there = store.list_members(predictions)
    if not there:
        raise InvalidOptionError(f"There are no members in '{predictions}'. Train one: ek train --data DIR --arch cnn.")
    if all(name in there for name in members):
        return list(members) or there
    return members_of(members, {name: store.read_manifest(predictions / name) for name in there})


def _saved(
    name: str, settings: BlendSettings, members: Sequence[store.Member], val: Pool, scored: BlendEvaluation
) -> blend_store.Blend:
    """Return the blend as its file holds it."""
    tuned = scored.tuned
    pinned = tuple(
        blend_store.PinnedMember(
            name=manifest.name,
            manifest_sha256=sha256,
            checkpoint_sha256=manifest.checkpoint_sha256,
            views=manifest.views,
            view_weights=tuple(map(float, tuned.view_weights[i])),
            temperature=float(tuned.temperatures[i]),
            weight=float(tuned.weights[i]),
        )
        for i, (manifest, sha256, _) in enumerate(members)
    )
    return blend_store.Blend(
        name=name,
        method=tuned.method,
        members=pinned,
        weights_method=settings.written,
        settings=settings.saved(),
        metric=settings.search.metric,
        classes=val.classes,
        blend_temperature=tuned.blend_temperature,
        ridge=tuned.ridge,
        stack=tuned.stack,
        val_fingerprint=fingerprint(val),
        figures=figures_to_json(scored.measured.estimates),
        versions=versions(),
    )
