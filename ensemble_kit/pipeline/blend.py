"""members -> blend, honest figures, submission."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ensemble_kit.ensembling.certificate import check_solver
from ensemble_kit.ensembling.holdouts import repeats_of
from ensemble_kit.ensembling.tuning import why_not_fitted
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.alternatives import alternatives, cost_ms
from ensemble_kit.pipeline.checkpoints import versions
from ensemble_kit.pipeline.judgement import Judgement, judge_blend, small_enough
from ensemble_kit.pipeline.submit import find_target, without_test, write_csv
from ensemble_kit.pipeline.trials import count_trials, fingerprint, remember
from ensemble_kit.pipeline.ways import Way, way_of
from ensemble_kit.reporting.blending import verdict
from ensemble_kit.reporting.progress import say
from ensemble_kit.reporting.tables import score
from ensemble_kit.results import BlendReport
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import members as store
from ensemble_kit.storage.manifest import check_name
from ensemble_kit.tables import pick
from ensemble_kit.types import Pool, align


def blend(
    members: Sequence[str] = (),
    method: str = "logit-sum",
    weights: str | Mapping[str, float] = "auto",
    metric: str = "accuracy",
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
    predictions: str | Path = "predictions",
    blends: str | Path = "blends",
    submissions: str | Path = "submissions",
    cache: str | Path = ".ek",
    verify: bool = False,
    quiet: bool = False,
) -> BlendReport:
    """Blend members, say what the blend is worth, write it and its submission.

    Args:
        members: names; none means all there are.
        method: what a member casts: logit-sum, prob-mean, geo-mean, majority-vote, borda.
        weights: auto, equal, log-loss, greedy, accuracy, stacking, or numbers by member, as a
            mapping or as "cnn=1,vit=2".
        metric: accuracy, balanced-accuracy, macro-f1, log-loss: what the figures are in, what
            greedy goes by and the best single member is chosen by; auto never reads it.
        start: what greedy begins with: empty, or sorted (the best members together).
        bags: in how many random halves of the members greedy selects, averaged; 0: among all.
        max_members: how many members may have a weight.
        max_ms: what they may take a picture together (ms), as measured when they were trained.
        certify: prove how many val pictures any weights could have right, and take better ones.
        certify_seconds: how long the proof may take.
        full: judge every method and every member too, and prove.
        name: of the blend; None takes method-weights.
        out: the CSV; None takes `submissions/<name>.csv`.
        sample: a sample submission; its header, ids and order are kept, and enforced.
        id: `name` or `stem`: image ids in the CSV with or without their ending.
        verify: compute the checksums of the members again.

    Raises:
        InvalidOptionError, UnknownNameError: no members, names, numbers and limits that cannot
            be, options that the way does not read, a solver that is not installed, or the log
            loss of votes.
        MisalignedError: members that differ, or a sample whose ids are not ours.
        BadDataError: val without labels, or a sample that cannot be used.
        CorruptError: a file of a member is damaged.
    """
    began = time.perf_counter()
    predictions, blends, cache = Path(predictions), Path(blends), Path(cache)
    if certify and weights != "accuracy":
        raise InvalidOptionError("--certify proves --weights accuracy alone; give both, or --full.")
    if certify or full:
        check_solver()
    names = _names(members, predictions)
    held = store.read_members(predictions, names, cache, verify)
    manifests = [member.manifest for member in held]
    settings = {
        "start": start,
        "bags": bags,
        "max_members": max_members,
        "max_ms": max_ms,
        "certify_seconds": certify_seconds if certify else None,
    }
    way = way_of(method, weights, metric, settings, manifests)
    name = name or f"{method}-{way.written if isinstance(way.weights, str) else 'given'}"
    check_name(name)
    val = align([member.split("val") for member in held])
    if val.labels is None:
        raise BadDataError("The members have no val labels, so nothing can be tuned or judged.")
    target = find_target(held, Path(out or Path(submissions) / f"{name}.csv"), sample, id)
    if target is None and (out or sample):
        raise MisalignedError(f"No submission can be written: {without_test(held)}")

    whole, val = val, small_enough(val, metric, way.written)
    repeats = repeats_of(len(val.ids))
    say(f"Cross-fitting {len(names)} members on {len(val.ids)} val pictures, 5 folds x {repeats} ...", quiet)
    judged = judge_blend(val, way, manifests)
    beside = alternatives(val, way, judged, manifests, full, certify_seconds, quiet)
    notes = _notes(whole, metric, manifests, judged)
    saved = _saved(name, way, held, whole, judged)
    path = blend_store.write_blend(blends, saved)
    remember(blends, saved)
    if target is None:
        notes.append(f"No submission: {without_test(held)}")
    else:
        write_csv(target, saved, judged.tuned, Path(submissions))
    report = BlendReport(
        name=name,
        **_numbers(way, names, judged),
        val_images=len(val.ids),
        groups=None if val.groups is None else len(set(val.groups)),
        **judged.figures,
        ledger_trials=count_trials(blends, fingerprint(whole)),
        cost_ms=cost_ms(judged.tuned, manifests),
        **beside._asdict(),
        verdict="",
        notes=tuple(notes),
        blend_path=path,
        submission_path=None if target is None else target.path,
        seconds=time.perf_counter() - began,
    )
    return replace(report, verdict=verdict(report))


def _numbers(way: Way, names: Sequence[str], judged: Judgement) -> dict[str, Any]:
    """Return what was asked for and the numbers that were found, by the names that the report gives them."""
    tuned = judged.tuned
    return {
        "method": way.ballot,
        "members": tuple(names),
        "weights": dict(zip(names, map(float, tuned.weights), strict=True)),
        "temperatures": dict(zip(names, map(float, tuned.temperatures), strict=True)),
        "weights_method": way.written,
        "settings": way.settings(),
        "ridge": tuned.ridge,
        "blend_temperature": tuned.blend_temperature,
        "metric": way.search.metric,
        "calibration_before": judged.calibration[0],
        "calibration_after": judged.calibration[1],
        "diversity": judged.diversity,
    }


def _names(members: Sequence[str], predictions: Path) -> list[str]:
    """Return the members to blend.

    Raises:
        InvalidOptionError: there are none.
        UnknownNameError: one of them is not there.
    """
    there = store.list_members(predictions)
    if not there:
        raise InvalidOptionError(f"There are no members in '{predictions}'. Train one: ek train --data DIR --arch cnn.")
    for name in members:
        pick(dict.fromkeys(there), name, "member")
    return list(members) or there


def _notes(val: Pool, metric: str, manifests: Sequence[store.Manifest], judged: Judgement) -> list[str]:
    """Return what a person must know to read the figures rightly."""
    assert val.labels is not None
    notes = []
    if reason := why_not_fitted(val.labels):
        notes.append(reason)
    absent = [name for place, name in enumerate(val.classes) if place not in set(val.labels.tolist())]
    if absent:
        notes.append(f"val holds no picture of {', '.join(absent)}, so nothing is known about them.")
    figures = judged.figures
    single, equal = figures["best_single_val_score"], figures["equal_val_score"]
    gain = METRICS[metric].gain
    if len(manifests) > 1 and gain(single) > gain(equal):
        notes.append(
            f"The best single member, '{figures['best_single']}', beats the equal blend on val: "
            f"{score(metric, single)} against {score(metric, equal)}."
        )
    for pair in judged.diversity.near_duplicates:
        notes.append(f"'{pair[0]}' and '{pair[1]}' are nearly the same network: one opinion that counts twice.")
    chosen = [manifest.name for manifest in manifests if manifest.val_used_for]
    if chosen:
        notes.append(f"honest for the blending; members were chosen on this val: {', '.join(chosen)}.")
    blind = sorted({image_id for manifest in manifests for image_id in manifest.skipped.get("test", {})})
    if blind:
        notes.append(
            f"{len(blind)} of the test pictures could not be read, first {blind[0]!r}; for them members predict the "
            "most frequent class of train."
        )
    return notes


def _saved(name: str, way: Way, members: Sequence[store.Member], val: Pool, judged: Judgement) -> blend_store.Blend:
    """Return the blend as its file holds it."""
    tuned = judged.tuned
    pinned = tuple(
        blend_store.PinnedMember(
            name=manifest.name,
            manifest_sha256=sha256,
            checkpoint_sha256=manifest.checkpoint_sha256,
            views=manifest.views,
            view_weights=manifest.view_weights,
            temperature=float(tuned.temperatures[i]),
            weight=float(tuned.weights[i]),
        )
        for i, (manifest, sha256, _) in enumerate(members)
    )
    return blend_store.Blend(
        name=name,
        ballot=tuned.ballot,
        members=pinned,
        weights_method=way.written,
        settings=way.settings(),
        metric=way.search.metric,
        classes=val.classes,
        blend_temperature=tuned.blend_temperature,
        ridge=tuned.ridge,
        stack=tuned.stack,
        val_fingerprint=fingerprint(val),
        figures=dict(judged.figures),
        versions=versions(),
    )
