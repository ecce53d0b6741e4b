"""What lies beside the members: how they learnt, and the curves that `ek tta` saved of their views."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_kit.disk import SEAL, sha256_of, unseal
from ensemble_kit.errors import CorruptError
from ensemble_kit.metrics import accuracy
from ensemble_kit.pipeline.inputs import is_outside
from ensemble_kit.pipeline.members import member_on
from ensemble_kit.results import CurveGainReport, CurveStepReport, LearningReport, MemberViewReport, ViewsReport
from ensemble_kit.storage.members import Manifest, Member
from ensemble_kit.storage.runs import METRICS_NAME, is_between


def learning_of(manifest: Manifest, runs: Path) -> LearningReport:
    """Return how a member learnt, from its run's metrics.csv; a note where that is not known.

    Raises:
        CorruptError: the file is not as it was written.
    """
    nothing = LearningReport(manifest.name, (), (), (), (), None)
    if manifest.run is None:
        return replace(nothing, note="imported, so its training is not known here")
    places = [folder / METRICS_NAME for folder in (runs / manifest.name, Path(manifest.run))]
    there = [path for path in places if path.is_file() and (path is places[0] or not is_outside(path))]
    if not there:
        return replace(nothing, note=f"no {METRICS_NAME} of that name in {runs}")
    own = [path for path in there if manifest.metrics_sha256 in (None, sha256_of(path))]
    if not own:
        if is_between(there[0].parent, manifest.checkpoint_sha256):
            return replace(nothing, note=f"the {METRICS_NAME} that is there is of another run")
        raise CorruptError(
            f"{there[0]} is not what member '{manifest.name}' was written with: wanted sha256 "
            f"{manifest.metrics_sha256}. Restore it from a copy, or remove it; then its curve is left out."
        )
    try:
        with open(own[0], encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        train_loss = tuple(float(row["train_loss"]) for row in rows)
        val_loss, val_accuracy = (
            tuple(float(row[name]) if row[name] else None for row in rows) for name in ("val_loss", "val_accuracy")
        )
        epochs = tuple(int(row["epoch"]) for row in rows)
    except (OSError, KeyError, TypeError, ValueError):
        return replace(nothing, note=f"the {METRICS_NAME} that is there holds no epochs")
    note = None if epochs else f"the {METRICS_NAME} that is there holds no epochs"
    return LearningReport(manifest.name, epochs, train_loss, val_loss, val_accuracy, note)


def views_report_of(member: Member, reports: Path, split: str) -> ViewsReport:
    """Return the views of a member, and the curve over their number, where there is one of these views.

    Raises:
        CorruptError: the file of the curve is not as it was written.
    """
    manifest, val = member.manifest, member_on(member, split)
    assert val.labels is not None
    times: Mapping[str, float] = dict(zip(manifest.views, manifest.view_ms, strict=True)) if manifest.view_ms else {}
    weights = dict(zip(manifest.views, manifest.view_weights, strict=True))
    views = tuple(
        MemberViewReport(view, accuracy(logits.argmax(axis=1), val.labels), weights[view], times.get(view))
        for view, logits in zip(val.views, val.logits, strict=True)
    )
    found = ViewsReport(manifest.name, manifest.view_choice, views, (), None, None)
    if len(views) == 1:
        return replace(found, note="one view")
    path = curve_path(reports, manifest.name)
    try:
        saved = _read_curve(path)
        steps, stop, gain = tuple(map(_step, saved["steps"])), int(saved["stop"]), _gain(saved.get("gain"))
        fits = saved["val_images"] == len(val.ids) and {step.added for step in steps} <= set(manifest.views)
    except FileNotFoundError:
        return replace(found, note=f"none of that name in {reports}; ek tta makes one")
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return replace(found, note="what is there under that name is none")
    if not fits or not steps:
        return replace(found, note="the one that is there is of other views or images")
    return replace(found, curve=steps, stop=stop, gain=gain)


def curve_path(reports: Path, member: str) -> Path:
    """Return where the curve of a member's views lies."""
    return reports / f"{member}-views.json"


def _read_curve(path: Path) -> Any:
    """Return what the file of a curve holds; older ones carry no checksum.

    Raises:
        CorruptError: it is damaged.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        return unseal(data, path) if f'"{SEAL}"'.encode() in data else json.loads(data)
    except (CorruptError, ValueError, RecursionError):
        raise CorruptError(f"{path} is damaged. Make it again by ek tta, or remove it; then it is left out.") from None


def _step(saved: Mapping[str, Any]) -> CurveStepReport:
    """Return a step of a curve as it was saved; numbers alone are taken for numbers."""
    return CurveStepReport(
        views=int(saved["views"]),
        added=str(saved["added"]),
        accuracy=float(saved["accuracy"]),
        interval=_bounds(saved["interval"]),
        log_likelihood=float(saved["log_likelihood"]),
        log_likelihood_interval=_bounds(saved["log_likelihood_interval"]),
        ms=None if saved["ms"] is None else float(saved["ms"]),
    )


def _gain(saved: Mapping[str, Any] | None) -> CurveGainReport | None:
    """Return what all views of a curve gain; None where it was saved before that was found."""
    if saved is None:
        return None
    return CurveGainReport(
        views=int(saved["views"]),
        over=int(saved["over"]),
        accuracy=float(saved["accuracy"]),
        accuracy_interval=_bounds(saved["accuracy_interval"]),
        accuracy_p=float(saved["accuracy_p"]),
        likelihood=float(saved["likelihood"]),
        likelihood_interval=_bounds(saved["likelihood_interval"]),
        likelihood_p=float(saved["likelihood_p"]),
    )


def _bounds(saved: Sequence[float]) -> tuple[float, float]:
    low, high = np.array(saved, dtype=np.float64).tolist()
    return float(low), float(high)
