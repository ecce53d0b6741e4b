"""Images x views -> logits: at once, or in parts that are kept until the whole is there.

Parts make long forward passes resumable, and let several processes share it: whoever computes a
part computes the same bits. They lie under the cache until the member is written.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble_kit.errors import InvalidOptionError, LockedError, MisalignedError
from ensemble_kit.inference.engines import ENGINES, PRECISIONS
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models.model import Model
from ensemble_kit.reporting.terminal import Watch, say
from ensemble_kit.splits import OOF, VAL, evaluation_split
from ensemble_kit.storage.files import locked
from ensemble_kit.storage.partial import Job, Part, open_job, plan_parts, share
from ensemble_kit.tables import pick
from ensemble_kit.types import Predictions, ViewLogits

SPLITS = (VAL, "test", OOF)  # train itself is learnt from
JOBS, LOCKS = "looks", "locks"  # folders in the cache


@dataclass(frozen=True)
class PassSettings:
    """How forward passes are computed.

    shard: which share of the work, (i, n) with i from 1; None: all of it.
    merge: compute nothing, join what the shards left.
    """

    engine: str
    precision: str
    batch_size: int
    device: str
    shard: tuple[int, int] | None = None
    merge: bool = False


class Computed(NamedTuple):
    """Logits by split, and milliseconds per image for each view."""

    splits: dict[str, Predictions]
    view_ms: tuple[float, ...]


class Share(NamedTuple):
    """What one shard did: parts and images it had, and parts of all that are still missing."""

    parts: int
    decoded: int
    missing: int


def pass_settings(
    engine: str, precision: str, batch_size: int, device: str, shard: str | tuple[int, int] | None, merge: bool
) -> PassSettings:
    """Return the settings, checked but for the device, which `on_device` finds.

    Raises:
        UnknownNameError: no engine or precision has that name.
        InvalidOptionError: a batch or a shard that cannot be.
    """
    pick({"auto": None, **ENGINES}, engine, "engine")
    pick(PRECISIONS, precision, "precision")
    if batch_size < 1:
        raise InvalidOptionError(f"--batch-size is {batch_size}; wanted 1 or more.")
    numbers = _shard(shard) if isinstance(shard, str) else shard
    if numbers is not None and merge:
        raise InvalidOptionError("--shard computes a share and --merge joins all shares; give one at a time.")
    return PassSettings(engine, precision, batch_size, device, numbers, merge)


@contextmanager
def alone(member: str, settings: PassSettings, cache: Path) -> Iterator[None]:
    """Be the only process that computes views of a member inside the block; shards run beside each other.

    Raises:
        LockedError: another process computes views of it.
    """
    if settings.shard is not None:
        yield
        return
    with ExitStack() as held:
        try:
            held.enter_context(locked(cache / LOCKS / member, timeout_s=1.0))
        except LockedError as error:
            raise LockedError(
                f"Another process computes views of member '{member}'. Wait until it ends, or share the work: "
                "--shard 1/2 in one and 2/2 in the other, then --merge."
            ) from error
        yield


def on_device(settings: PassSettings) -> PassSettings:
    """Return the settings with `auto` as the device that it means here.

    Raises:
        InvalidOptionError: a device that this machine has not.
    """
    from ensemble_kit.inference.engines import choose_device

    return replace(settings, device=choose_device(settings.device))


def compute_at_once(
    network: Any, decoded: DecodedImages, member: str, views: tuple[str, ...], batch_size: int, device: str, quiet: bool
) -> Computed:
    """Return the logits of every view on val, test and a fold held out, all of them in memory."""
    from ensemble_kit.inference.engines import compute_logits, start

    logits, costs, counts = {}, [], _counts(decoded)
    running = start(network, "auto", device, decoded.images[evaluation_split(decoded.images)][:batch_size])
    with Watch("views", sum(counts.values()), quiet) as watch:
        for split in counts:
            result = compute_logits(running, decoded.images[split], views, batch_size, watch.advance)
            result.logits[:, decoded.blind_rows(split)] = decoded.blind_logits()
            logits[split] = result.logits
            costs.append(result.ms_by_view)
    return _computed(logits, costs, decoded, member, views)


def compute_in_parts(
    running: Any,
    model: Model,
    decoded: DecodedImages,
    views: tuple[str, ...],
    settings: PassSettings,
    job: Job,
    quiet: bool,
) -> Share:
    """Compute the parts of this share that are not there yet, or not as they were written."""
    from ensemble_kit.inference.engines import compute_logits

    parts = _parts(decoded, views, settings)
    mine = share(parts, *(settings.shard or (1, 1)))
    for path in job.drop_damaged(mine):
        say(f"{path}: not as it was written; made anew.")
    missing = job.missing(mine)
    if missing and len(missing) < len(mine):
        done = sum(part.images for part in mine) - sum(part.images for part in missing)
        say(f"{model.name}: {done} images are done already; going on.", quiet)
    blind = {split: decoded.blind_rows(split) for split in _counts(decoded)}
    batch_size = settings.batch_size
    if missing:  # what a view costs for the first time is not what it costs
        first = compute_logits(running, decoded.images[missing[0].split][:1], views, 1).logits
        _check_classes(first.shape[2], model, decoded)
    with _one_at_a_time(model.name), Watch("views", sum(part.images for part in missing), quiet) as watch:
        for part in missing:
            result = compute_logits(running, decoded.images[part.split][part.rows], views, batch_size, watch.advance)
            if result.batch_size < batch_size:
                batch_size = result.batch_size
                say(f"{model.name}: out of memory; going on with {batch_size} images at a time.", quiet)
            rows = [row - part.first for row in blind[part.split] if part.first <= row < part.last]
            result.logits[:, rows] = decoded.blind_logits()
            job.write(part, result.logits, tuple(map(float, result.ms_by_view)))
    return Share(len(mine), sum(part.images for part in mine), len(job.missing(parts)))


def joined(model: Model, decoded: DecodedImages, views: tuple[str, ...], settings: PassSettings, job: Job) -> Computed:
    """Return what all parts hold together, memory-mapped.

    Raises:
        MisalignedError: parts are missing.
        CorruptError: a part is damaged.
    """
    parts = _parts(decoded, views, settings)
    whole = {split: job.join(parts, split) for split in _counts(decoded)}
    costs = [one.ms_by_view for one in whole.values()]
    return _computed({split: one.logits for split, one in whole.items()}, costs, decoded, model.name, views)


def engine_of(model: Model, decoded: DecodedImages, settings: PassSettings, quiet: bool) -> Any:
    """Return the engine, loaded and checked on the first images of the evaluation set."""
    from ensemble_kit.inference.engines import start

    run = model.load(decoded.data.classes)
    for note in getattr(run, "notes", ()):
        say(note, quiet)
    running = start(
        run,
        settings.engine,
        settings.device,
        decoded.images[evaluation_split(decoded.images)][: settings.batch_size],
        settings.precision,
    )
    if running.note:
        say(running.note, quiet)
    return running


def job_of(model: Model, decoded: DecodedImages, views: tuple[str, ...], settings: PassSettings, cache: Path) -> Job:
    """Return the job of computing these views of these images."""
    described = model.describe(decoded)
    description: Mapping[str, Any] = {
        "model": model.sha256 or f"callable {model.name}",
        "arch": described.arch,
        "classes": list(decoded.data.classes),
        "views": list(views),
        "preprocessing": described.preprocessing,
        "splits": {split: _rows_mark(decoded, split) for split in _counts(decoded)},
        "batch_size": settings.batch_size,
        "engine": settings.engine,
        "precision": settings.precision,
        "device": settings.device.partition(":")[0],
    }
    return open_job(cache / JOBS, description)


@contextmanager
def _one_at_a_time(member: str) -> Iterator[None]:
    """Say, where the work is broken off, that nothing done is lost."""
    try:
        yield
    except KeyboardInterrupt:
        say("")
        say(f"{member}: the parts that are finished are kept; the same command goes on from there.")
        raise


def _check_classes(outputs: int, model: Model, decoded: DecodedImages) -> None:
    """Raise unless the model has an output a class."""
    if outputs != len(decoded.data.classes):
        raise MisalignedError(
            f"'{model.name}' gives {outputs} logits per image, and there are {len(decoded.data.classes)} classes. "
            "Name its classes in order by --classes, or the right images by --data."
        )


def _rows_mark(decoded: DecodedImages, split: str) -> str:
    """Return a sha256 (hex) over the images, in the order of its rows: a part knows rows, not ids."""
    text = "\0".join([decoded.fingerprints[split], *decoded.split(split).ids])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _counts(decoded: DecodedImages) -> dict[str, int]:
    """Return the number of images of each split."""
    return {split: len(decoded.images[split]) for split in SPLITS if split in decoded.images}


def logits_bytes(decoded: DecodedImages, views: int) -> int:
    """Return what the logits of so many views take on disk."""
    return 4 * views * len(decoded.data.classes) * sum(_counts(decoded).values())


def _parts(decoded: DecodedImages, views: Sequence[str], settings: PassSettings) -> tuple[Part, ...]:
    return plan_parts(_counts(decoded), settings.batch_size, 4 * len(views) * len(decoded.data.classes))


def _computed(
    logits: Mapping[str, ViewLogits], costs: Sequence[Any], decoded: DecodedImages, member: str, views: tuple[str, ...]
) -> Computed:
    """Return logits with the names of their rows, and what views cost on average over the splits."""
    mean_ms = np.average(costs, axis=0, weights=list(_counts(decoded).values()))
    splits = {
        split: Predictions(
            member=member,
            split=split,
            views=views,
            ids=decoded.split(split).ids,
            classes=decoded.data.classes,
            logits=one,
            labels=decoded.split(split).labels,
            groups=decoded.split(split).groups,
        )
        for split, one in logits.items()
    }
    return Computed(splits, tuple(round(float(ms), 4) for ms in mean_ms))


def _shard(text: str) -> tuple[int, int]:
    """Return i and n of I/N.

    Raises:
        InvalidOptionError: it is no such share.
    """
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise InvalidOptionError(f"--shard is '{text}'; wanted I/N with I from 1 to N, as in 2/4.")
    return int(index), int(count)
