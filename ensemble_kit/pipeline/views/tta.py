"""checkpoint + views -> more views in the member, and the weights of all its views."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from ensemble_kit.context import DeviceOption, QuietOption, RunContext, VerifyOption
from ensemble_kit.disk import check_writable
from ensemble_kit.ensembling.tuning import tune_views
from ensemble_kit.ensembling.weights import VIEW_CHOICES
from ensemble_kit.errors import BadDataError
from ensemble_kit.images import PlacesOption
from ensemble_kit.inference.views import merge_equal, parse_views
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models import (
    Channels,
    Computed,
    Model,
    PassSettings,
    Share,
    Stated,
    alone,
    check_views,
    compute_in_parts,
    engine_of,
    find_model,
    in_precision,
    job_of,
    joined,
    logits_bytes,
    on_device,
    open_fitting,
    pass_settings,
    with_cost,
)
from ensemble_kit.pipeline.views.view_report import curve_of, tta_report
from ensemble_kit.results import EngineReport, OrderReport, ShardReport, TtaReport
from ensemble_kit.splits import evaluation_split
from ensemble_kit.storage import members as store
from ensemble_kit.storage.members import MANIFEST_NAME, check_origin
from ensemble_kit.storage.partial import Job
from ensemble_kit.tables import pick
from ensemble_kit.types import Predictions, align
from ensemble_kit.workspace import CacheOption, PredictionsOption, ReportsOption, Workspace

Splits = dict[str, Predictions]


class Passes(NamedTuple):
    """What came of the forward passes: logits (none where a merge is to join them), how they were computed, parts."""

    seen: Computed | None
    share: Share = Share(0, 0, 0)
    engine: EngineReport | None = None
    order: OrderReport | None = None
    job: Job | None = None


class TtaOptions(
    PlacesOption,
    PredictionsOption,
    ReportsOption,
    CacheOption,
    DeviceOption,
    VerifyOption,
    QuietOption,
    total=False,
):
    """What `tta` takes along."""

    labels_are: str | None


@command
def tta(
    ckpt: str | Path | Callable[..., Any],
    views: str = "flips",
    *,
    choose: str = "auto",
    data: str | Path | None = None,
    skip_bad: bool = False,
    weights: str | Path | None = None,
    name: str | None = None,
    classes: str | Path | Sequence[str] | None = None,
    size: int | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
    engine: str = "auto",
    precision: str = "float32",
    batch_size: int = 64,
    shard: str | tuple[int, int] | None = None,
    merge: bool = False,
    check: bool = False,
    replace: bool = False,
    **options: Unpack[TtaOptions],
) -> TtaReport | ShardReport:
    """Add test-time views to a member: their logits on val and test, and their weights.

    Views that the member has are not computed again. A run that was broken off goes on at
    the last finished part when the same is asked for again.

    Args:
        ckpt: a run folder or checkpoint of ours; `timm:NAME` with `weights`; an ONNX file; or a
            callable, float pixels in [0, 1] (images, 3, size, size) -> logits (images, classes).
        views: names and sets of views, see `inference.views`.
        choose: how the views are weighed: auto, log-loss, greedy, accuracy, equal, none.
        data, options: where the images are, as far as that is not where they were in training; labels_are, folders,
            device, verify, quiet: as in `train`.
        skip_bad: go on without the images that cannot be read, as a member does that was trained so.
        weights, name, classes, size, mean, std: what has to be said of a model that is not ours,
            see `pipeline.models.Stated`.
        engine: what computes, see `inference.engines.ENGINES`; `auto` takes the one that was measured best.
        precision: of the products, see `inference.engines.PRECISIONS`.
        batch_size: images at a time; part of the bits. Halved where memory does not suffice.
        shard: compute one share alone, (i, n) or "i/n"; the member is not touched.
        merge: compute nothing: join what the shards computed.
        check: first prove that an image's logits depend on neither the order nor the batch.
        replace: make every view of the member again, from this checkpoint and these images.

    Returns:
        A `TtaReport`; with `shard` a `ShardReport`.

    Raises:
        InvalidOptionError, UnknownNameError: no such checkpoint, view or way to choose, an engine that
            does not compute what plain PyTorch does, or something of a foreign model left unsaid.
        MisalignedError: the member is another checkpoint's, the images are others, or parts are
            missing that are to be merged.
        CorruptError: a checkpoint, a file of the member or a part is damaged.
        BadDataError: logits that are not finite, or that depend on the order of the images.
        LockedError: another process computes views of this member.
        ResourceError: memory, disk or a package that is not there.
    """
    workspace, context = Workspace.of(options), RunContext.of(options)
    asked = parse_views(views)
    pick(VIEW_CHOICES, choose, "way to choose views")
    how = pass_settings(engine, precision, batch_size, context.device, shard, merge)
    predictions, cache = workspace.predictions, workspace.cache
    stated = Stated(weights, name, classes, size, mean, std)
    model = find_model(ckpt, stated, {"data": data, **options}, predictions, replace)
    check_writable(predictions / model.name)
    if how.shard is None:
        check_writable(workspace.reports)
    with alone(model.name, how, cache):
        there = _read(predictions, model.name, cache, context.verify)
        kept = {} if replace else there
        if there:
            before = store.read_manifest(predictions / model.name)
            check_views(before.views, predictions / model.name / MANIFEST_NAME, before.versions)
        wanted, same = merge_equal((*_views(there), *asked), model.size_px)
        missing = tuple(view for view in wanted if view not in _views(kept))
        if not missing and not check:
            passes, decoded = Passes(None), None
        else:
            decoded = open_fitting(model, kept, cache, context, skip_bad)
            model = in_precision(model, how.precision)
            if kept:
                check_origin(store.read_manifest(predictions / model.name), None, model.describe(decoded).preprocessing)
            check_writable(predictions / model.name, needed_bytes=logits_bytes(decoded, len(missing)))
            passes = _compute(model, decoded, missing, on_device(how), check, cache, context.quiet)
        if how.shard is not None:
            return ShardReport(
                model.name,
                how.shard,
                *passes.share,
                engine=passes.engine,
                order=passes.order,
                path=predictions / model.name,
            )
        evaluated_on = evaluation_split(kept or (passes.seen.splits if passes.seen else ()))
        val = _joined(kept.get(evaluated_on), passes.seen and passes.seen.splits[evaluated_on])
        if val.labels is None:
            raise BadDataError(f"Member '{model.name}' has no {evaluated_on} labels, so its views cannot be evaluated.")
        chosen = tune_views(val.logits, val.labels, val.ids, val.groups, choose)
        weighed = dict(zip(val.views, map(float, chosen.view_weights), strict=True))
        with nullcontext() if passes.job is None else passes.job.ended_by(predictions / model.name / MANIFEST_NAME):
            manifest = _write(model, decoded, passes.seen, kept, weighed, choose, chosen.ridge, predictions, replace)
        if passes.job is not None:
            passes.job.remove()
        return tta_report(
            val,
            chosen,
            choose,
            manifest,
            curve=curve_of(val, manifest, workspace.reports),
            computed=missing,
            same={view: first for view, first in same.items() if view in asked},
            engine=passes.engine,
            order=passes.order,
            path=predictions / model.name,
        )


def _compute(
    model: Model,
    decoded: DecodedImages,
    missing: tuple[str, ...],
    how: PassSettings,
    check: bool,
    cache: Path,
    quiet: bool,
) -> Passes:
    """Compute the missing views, or a share of them, or join what shards computed."""
    job = job_of(model, decoded, missing, how, cache) if missing else None
    if job is not None and model.sha256 is None and how.shard is None and not how.merge:
        job.remove()  # nobody can tell whether the same callable began it
        job = job_of(model, decoded, missing, how, cache)
    share, order, engine = Share(0, 0, 0), None, None
    if check or not how.merge:
        running = engine_of(model, decoded, how, quiet)
        order = _proved(running, decoded) if check else None
        if job is not None and not how.merge:
            share = compute_in_parts(running, model, decoded, missing, how, job, quiet)
        engine = EngineReport(
            running.engine,
            running.precision,
            how.device,
            how.batch_size,
            running.relative_error,
            running.changed,
            running.note or None,
        )
    if job is None or how.shard is not None:
        return Passes(None, share, engine, order)
    return Passes(joined(model, decoded, missing, how, job), share, engine, order, job)


def _proved(running: Any, decoded: DecodedImages) -> OrderReport:
    """Return how little the order matters.

    Raises:
        BadDataError: it matters.
    """
    from ensemble_kit.inference.engines import check_order

    found = check_order(running, decoded.images[evaluation_split(decoded.images)])
    if not found.holds:
        raise BadDataError(
            "The logits of an image depend on the images beside it: they move by "
            f"{found.relative_difference:.2g} of the largest logit, and {found.changed} of {found.images} images "
            "change their class. Batch statistics in use (a network in training mode) do that; put the network into "
            "evaluation mode."
        )
    return OrderReport(found.images, found.relative_difference, found.changed)


def _read(predictions: Path, name: str, cache: Path, verify: bool) -> Splits:
    """Return what the member holds; nothing where there is none."""
    if name not in store.list_members(predictions):
        return {}
    return store.read_member(predictions / name, cache, verify).splits


def _views(splits: Mapping[str, Predictions]) -> tuple[str, ...]:
    """Return the views that a member has, the same on every split; none where there is no member."""
    return next((one.views for one in splits.values()), ())


def _joined(kept: Predictions | None, seen: Predictions | None) -> Predictions:
    """Return the views that were there, then the new ones, aligned by image id."""
    if kept is None or seen is None:
        whole = kept or seen
        assert whole is not None
        return whole
    pool = align([kept, with_changes(seen, member="new views")])
    return with_changes(kept, views=(*kept.views, *seen.views), logits=np.concatenate([pool.logits[0], pool.logits[1]]))


def _write(
    model: Model,
    decoded: DecodedImages | None,
    seen: Computed | None,
    kept: Mapping[str, Predictions],
    weighed: Mapping[str, float],
    choose: str,
    ridge: float | None,
    predictions: Path,
    replace: bool,
) -> store.Manifest:
    """Write the new views and the weights of all; return the member's manifest."""
    if seen is None or decoded is None:
        return store.set_view_weights(predictions, model.name, weighed, choose, ridge)
    described = model.describe(decoded)
    if kept:
        new = next(iter(seen.splits.values())).views
        return store.add_views(
            predictions,
            model.name,
            seen.splits,
            weighed,
            choose,
            ridge,
            checkpoint_sha256=model.sha256,
            preprocessing=described.preprocessing,
            view_ms=dict(zip(new, seen.view_ms, strict=True)),
        )
    manifest = with_changes(
        with_cost(described, seen.view_ms),
        views=tuple(weighed),
        view_weights=tuple(weighed.values()),
        view_choice=choose,
        view_ridge=ridge,
    )
    return store.write_member(predictions, manifest, seen.splits, replace=replace)
