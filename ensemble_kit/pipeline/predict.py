"""New pictures through one member and its views, looked at no more than needed -> CSV."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble_kit.csv_text import render_csv
from ensemble_kit.ensembling import BALLOTS
from ensemble_kit.ensembling.ballots import merge_views
from ensemble_kit.ensembling.sequential import StopRule, count, exact_rule, falling, saved, settled, winners
from ensemble_kit.ensembling.stopping import MarginEstimate, margin_rule
from ensemble_kit.ensembling.temperature import fit_temperatures
from ensemble_kit.ensembling.views import why_not_fitted
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.cache import load_images, refuse
from ensemble_kit.images.folders import list_pictures
from ensemble_kit.pipeline.looking import on_device, way_of
from ensemble_kit.pipeline.models import Stated, find_model
from ensemble_kit.reporting.progress import Watch, say
from ensemble_kit.results import PredictReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage.atomic import replace_file
from ensemble_kit.tables import pick
from ensemble_kit.types import Predictions

HEADER = ("image_id", "label", "looks")
CHUNK_BATCHES = 16  # looked at together, so that those left after a look still fill batches


class Stop(NamedTuple):
    """When to look no more: the rule, what it may cost, and what to call it."""

    rule: StopRule
    estimate: MarginEstimate | None
    kind: str


def predict(
    ckpt: str | Path,
    pictures: Sequence[str | Path],
    method: str = "logit-sum",
    loss: float | None = None,
    out: str | Path = "predictions.csv",
    weights: str | Path | None = None,
    engine: str = "auto",
    precision: str = "float32",
    batch_size: int = 64,
    device: str = "auto",
    predictions: str | Path = "predictions",
    cache: str | Path = ".ek",
    verify: bool = False,
    quiet: bool = False,
) -> PredictReport:
    """Predict the classes of new pictures by one member, through the views that it was given by `tta`.

    Views are looked at in the order of falling weight, and a picture that is settled is not
    looked at again. By prob-mean, majority-vote and borda that changes no class; by logit-sum
    and geo-mean it may, and is done only where a `loss` allows it.

    Args:
        ckpt: a run folder or checkpoint; `timm:NAME` or an ONNX file that has a member.
        pictures: files, and folders of pictures.
        method: what each view casts: logit-sum, prob-mean, geo-mean, majority-vote, borda.
        loss: the share of pictures that stopping early may cost, as 0.01; None: none.
        out: the CSV, `image_id,label,looks`.
        weights: the file of a timm network's weights.
        engine, precision, batch_size, device: see `tta`.

    Raises:
        InvalidOptionError, UnknownNameError: no such checkpoint or member, no pictures, or a loss that
            is no share or that the method does not need.
        BadDataError: pictures that cannot be read, or a member without val labels.
        CorruptError: a checkpoint or a file of the member is damaged.
        ResourceError: memory or disk that is not there.
    """
    pick(BALLOTS, method, "method")
    predictions, out = Path(predictions), Path(out)
    way = on_device(way_of(engine, precision, batch_size, device, None, False))
    model = find_model(ckpt, Stated(weights=weights), {}, predictions, replace=False)
    if model.name not in store.list_members(predictions):
        raise InvalidOptionError(f"'{ckpt}' has no member in {predictions}. Make it: ek tta --ckpt {ckpt}.")
    member = store.read_member(predictions / model.name, Path(cache), verify)
    stop = _stop(member.split("val"), np.array(member.manifest.view_weights), method, loss)
    listed = list_pictures([Path(picture) for picture in pictures])
    ids = listed.ids
    with Watch("decode", len(ids), quiet) as watch:
        loaded = load_images(listed.paths, model.size_px, Path(cache), watch.advance)
    refuse([reason for _, reason in sorted(loaded.unreadable.items())], len(ids), "Replace or remove them.")
    from ensemble_kit.inference.engine import start

    started = time.perf_counter()
    run = model.load(member.manifest.classes)
    running = start(run, way.engine, way.device, loaded.images[: way.batch_size], way.precision)
    if running.note:
        say(running.note, quiet)
    found, looks = _looked(running, loaded.images, member.manifest.views, stop.rule, way.batch_size, quiet)
    labels = [member.manifest.classes[place] for place in found]
    rows = [HEADER, *zip(ids, labels, map(str, looks.tolist()), strict=True)]
    replace_file(out, render_csv(rows, out))
    estimate = stop.estimate
    return PredictReport(
        member=model.name,
        method=method,
        views=tuple(member.manifest.views[view] for view in stop.rule.order),
        kind=stop.kind,
        pictures=len(ids),
        saved=saved(stop.rule, looks),
        loss=None if estimate is None else estimate.loss,
        loss_at_most=None if estimate is None else estimate.at_most,
        wanted_loss=loss,
        expected_saved=None if estimate is None else estimate.saved,
        seconds=time.perf_counter() - started,
        csv=out,
    )


def _stop(val: Predictions, weights: Any, method: str, loss: float | None) -> Stop:
    """Return when to look no more.

    Raises:
        InvalidOptionError: a loss that is no share, or that the method does not need.
        BadDataError: the member has no val labels.
    """
    if val.labels is None:
        raise BadDataError(f"Member '{val.member}' has no val labels, so nothing can be told from them.")
    bounded = BALLOTS[method].load().unit != "logits"
    if loss is not None and not 0 < loss < 1:
        raise InvalidOptionError(f"--loss is {loss}; wanted a share above 0 and below 1, as 0.01, or none.")
    if loss is not None and bounded:
        raise InvalidOptionError(
            f"{method} stops where nothing can change any more and loses nothing; leave --loss out."
        )
    if bounded:
        merged = merge_views(val.logits, weights)
        fitted = why_not_fitted(val.labels) is None
        temperature = float(fit_temperatures(merged[None], val.labels)[0]) if fitted else 1.0
        return Stop(exact_rule(method, weights, temperature), None, "exact")
    if loss is None:
        return Stop(StopRule("margin", method, *falling(weights), threshold=np.inf), None, "all")
    rule, estimate = margin_rule(val.logits, val.labels, val.ids, val.groups, weights, loss, method)
    return Stop(rule, estimate, "margin" if np.isfinite(rule.threshold) else "all")


def _looked(
    running: Any, images: Any, views: Sequence[str], rule: StopRule, batch_size: int, quiet: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of each picture, and how many views were looked at for it."""
    from ensemble_kit.inference.engine import look

    found, looks = np.zeros(len(images), np.int64), np.zeros(len(images), np.int64)
    chunk = CHUNK_BATCHES * batch_size
    with Watch("predict", len(images), quiet) as watch:
        for first in range(0, len(images), chunk):
            rows, tally = np.arange(first, min(first + chunk, len(images))), None
            total = len(rows)
            for number, view in enumerate(rule.order):
                seen = look(running, images[rows], [views[view]], batch_size)
                tally = count(rule, tally, number, seen.logits[0])
                done = settled(rule, tally, number + 1)
                found[rows[done]], looks[rows[done]] = winners(tally)[done], number + 1
                rows, tally = rows[~done], tally[:, ~done]
                if not len(rows):
                    break
            watch.advance(total)
    return found, looks
