"""members -> blend, honest figures, submission."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_kit.ensembling import BALLOTS, WEIGHTS
from ensemble_kit.ensembling.honesty import cross_fit
from ensemble_kit.ensembling.judging import judge
from ensemble_kit.ensembling.tuning import best_single, check_metric, tune, why_not_fitted
from ensemble_kit.ensembling.weights import Search
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.checkpoints import versions
from ensemble_kit.pipeline.submit import find_target, without_test, write_csv
from ensemble_kit.pipeline.trials import count_trials, fingerprint, remember
from ensemble_kit.reporting.progress import say
from ensemble_kit.reporting.tables import score
from ensemble_kit.results import BlendReport
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import members as store
from ensemble_kit.storage.manifest import check_name
from ensemble_kit.tables import pick
from ensemble_kit.types import Labels, Pool, Tuned, align


def blend(
    members: Sequence[str] = (),
    method: str = "logit-sum",
    weights: str | Mapping[str, float] = "auto",
    metric: str = "accuracy",
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
        method: what a member casts: logit-sum, prob-mean, majority-vote.
        weights: auto, equal, greedy, or numbers by member, as a mapping or as "cnn=1,vit=2".
        metric: accuracy, balanced-accuracy, macro-f1, log-loss: what the figures are in, what
            greedy goes by and the best single member is chosen by; auto never reads it.
        name: of the blend; None takes method-weights.
        out: the CSV; None takes `submissions/<name>.csv`.
        sample: a sample submission; its header, ids and order are kept, and enforced.
        id: `name` or `stem`: image ids in the CSV with or without their ending.
        verify: compute the checksums of the members again.

    Raises:
        InvalidOptionError, UnknownNameError: no members, names and numbers that cannot be, or
            the log loss of votes.
        MisalignedError: members that differ, or a sample whose ids are not ours.
        BadDataError: val without labels, or a sample that cannot be used.
        CorruptError: a file of a member is damaged.
    """
    predictions, blends, cache = Path(predictions), Path(blends), Path(cache)
    pick(BALLOTS, method, "method")
    check_metric(metric, method)
    way, way_name = _way(weights)
    name = name or f"{method}-{way_name if isinstance(way, str) else 'given'}"
    check_name(name)
    names = _names(members, predictions)
    held = store.read_members(predictions, names, cache, verify)
    manifests = [member.manifest for member in held]
    val = align([member.split("val") for member in held])
    if val.labels is None:
        raise BadDataError("The members have no val labels, so nothing can be tuned or judged.")
    target = find_target(held, Path(out or Path(submissions) / f"{name}.csv"), sample, id)
    if target is None and (out or sample):
        raise MisalignedError(f"No submission can be written: {without_test(held)}")

    say(f"Cross-fitting {len(names)} members on {len(val.ids)} val pictures, 5 folds x 4 repeats ...", quiet)
    tuned, figures = _measure(val, method, way, metric, manifests)
    notes = _notes(val.labels, metric, manifests, figures)
    saved = _saved(name, way_name, metric, held, val, tuned, figures)
    path = blend_store.write_blend(blends, saved)
    remember(blends, saved)
    trials = count_trials(blends, fingerprint(val))
    if target is None:
        notes.append(f"No submission: {without_test(held)}")
    else:
        write_csv(target, saved, tuned, Path(submissions))
    if trials > 1:
        notes.append(
            f"{trials} distinct configurations were tried on this val set so far; the best of them is flattered."
        )
    return BlendReport(
        name=name,
        method=method,
        members=tuple(names),
        weights=dict(zip(names, map(float, tuned.weights), strict=True)),
        temperatures=dict(zip(names, map(float, tuned.temperatures), strict=True)),
        weights_method=way_name,
        ridge=tuned.ridge,
        blend_temperature=tuned.blend_temperature,
        metric=metric,
        val_images=len(val.ids),
        trials=trials,
        notes=tuple(notes),
        blend_path=path,
        submission_path=None if target is None else target.path,
        **figures,
    )


def _way(weights: str | Mapping[str, float]) -> tuple[str | Mapping[str, float], str]:
    """Return how weights are found, a name or numbers, and how that is written down.

    Raises:
        UnknownNameError: a name that no table holds.
        InvalidOptionError: a part of NAME=1,... that cannot be read, or a doubled name.
    """
    if isinstance(weights, Mapping):
        return weights, ",".join(f"{name}={weight:g}" for name, weight in weights.items())
    if "=" not in weights:
        pick(WEIGHTS, weights, "way to find weights")
        return weights, weights
    numbers: dict[str, float] = {}
    for part in weights.split(","):
        name, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name or math.isnan(value) or name in numbers:
            raise InvalidOptionError(
                f"--weights: cannot use '{part}' in '{weights}'; wanted each member once, as in cnn=1,vit=2."
            )
        numbers[name] = value
    return numbers, weights


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


def _measure(
    val: Pool, method: str, way: str | Mapping[str, float], metric: str, manifests: Sequence[store.Manifest]
) -> tuple[Tuned, dict[str, Any]]:
    """Return the blend's numbers and every figure about it, the rivals' included."""
    chosen = [np.array(manifest.view_weights) for manifest in manifests]
    redone = [manifest.view_choice for manifest in manifests]
    procedures = {
        "this": partial(tune, ballot=method, weights=way, search=Search(metric=metric)),
        "equal": partial(tune, ballot=method, weights="equal"),
        "single": partial(best_single, ballot=method, metric=metric),
    }
    tuned = {key: procedure(val, view_choices=chosen) for key, procedure in procedures.items()}
    seen = {key: judge(val, numbers) for key, numbers in tuned.items()}
    honest = cross_fit(val, {key: partial(each, view_choices=redone) for key, each in procedures.items()})
    figures: dict[str, Any] = {
        "val_interval": seen["this"].interval(val.groups),
        "val_score_interval": seen["this"].score_interval(metric, val.ids, val.groups),
        "best_single": val.members[int(tuned["single"].weights.argmax())],
    }
    for key, prefix in (("this", ""), ("equal", "equal_"), ("single", "best_single_")):
        figures |= {
            f"{prefix}val_accuracy": seen[key].accuracy,
            f"{prefix}honest_accuracy": honest[key].accuracy,
            f"{prefix}honest_interval": honest[key].interval(val.groups),
            f"{prefix}val_score": seen[key].score(metric),
            f"{prefix}honest_score": honest[key].score(metric),
            f"{prefix}honest_score_interval": honest[key].score_interval(metric, val.ids, val.groups),
        }
    return tuned["this"], figures


def _notes(labels: Labels, metric: str, manifests: Sequence[store.Manifest], figures: Mapping[str, Any]) -> list[str]:
    """Return what a person must know to read the figures rightly."""
    notes = []
    if reason := why_not_fitted(labels):
        notes.append(reason)
    single, equal = figures["best_single_val_score"], figures["equal_val_score"]
    gain = METRICS[metric].gain
    if len(manifests) > 1 and gain(single) > gain(equal):
        notes.append(
            f"The best single member, '{figures['best_single']}', beats the equal blend on val: "
            f"{score(metric, single)} against {score(metric, equal)}."
        )
    judged = [manifest.name for manifest in manifests if manifest.val_used_for]
    if judged:
        notes.append(f"honest for the blending; members were chosen on this val: {', '.join(judged)}.")
    blind = sorted({image_id for manifest in manifests for image_id in manifest.skipped.get("test", {})})
    if blind:
        notes.append(
            f"{len(blind)} of the test pictures could not be read, first {blind[0]!r}; for them members predict the "
            "most frequent class of train."
        )
    return notes


def _saved(
    name: str,
    way_name: str,
    metric: str,
    members: Sequence[store.Member],
    val: Pool,
    tuned: Tuned,
    figures: Mapping[str, Any],
) -> blend_store.Blend:
    """Return the blend as its file holds it."""
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
        weights_method=way_name,
        metric=metric,
        classes=val.classes,
        blend_temperature=tuned.blend_temperature,
        ridge=tuned.ridge,
        val_fingerprint=fingerprint(val),
        figures=dict(figures),
        versions=versions(),
    )
