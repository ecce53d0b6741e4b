"""checkpoint + views -> more views in the member, and the weights of all its views."""

from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_kit.ensembling import VIEW_CHOICES
from ensemble_kit.ensembling.ballots import merge_views, softmax
from ensemble_kit.ensembling.honesty import cross_fit
from ensemble_kit.ensembling.tuning import TunedViews, tune, tune_views, why_not_fitted
from ensemble_kit.errors import BadDataError, MisalignedError
from ensemble_kit.images.sources import Source
from ensemble_kit.inference.views import parse_views
from ensemble_kit.metrics import accuracy, log_loss
from ensemble_kit.pipeline.checkpoints import look_at_splits, manifest_of, rebuild
from ensemble_kit.pipeline.config import source_of
from ensemble_kit.pipeline.pictures import Pictures, open_pictures
from ensemble_kit.results import TtaReport, ViewReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.checksums import sha256_of
from ensemble_kit.tables import pick
from ensemble_kit.types import Predictions, align

Splits = dict[str, Predictions]


def tta(
    ckpt: str | Path,
    views: str = "flips",
    choose: str = "auto",
    data: str | Path | None = None,
    train_csv: str | Path | None = None,
    val_csv: str | Path | None = None,
    test_csv: str | Path | None = None,
    images: str | Path | None = None,
    test_dir: Sequence[str | Path] = (),
    skip_bad: bool = False,
    batch_size: int = 64,
    device: str = "auto",
    replace: bool = False,
    predictions: str | Path = "predictions",
    cache: str | Path = ".ek",
    verify: bool = False,
    quiet: bool = False,
) -> TtaReport:
    """Add test-time views to a member: their logits on val and test, and their weights.

    Views that the member has are not computed again.

    Args:
        ckpt: a run folder, or a checkpoint file.
        views: names and sets of views, see `inference.views`.
        choose: how the views are weighed: auto, log-loss, greedy, accuracy, equal, none.
        data, train_csv, val_csv, test_csv, images, test_dir: where the pictures are; None: where
            they were in training.
        skip_bad: go on without the pictures that cannot be read, as a member does that was trained so.
        batch_size: pictures at a time.
        replace: make every view of the member again, from this checkpoint and these pictures.
        verify: compute the checksums of what is there again.

    Raises:
        InvalidOptionError, UnknownNameError: no such checkpoint, view or way to choose.
        MisalignedError: the member is another checkpoint's, or the pictures are others.
        CorruptError: a checkpoint or a file of the member is damaged.
    """
    wanted = parse_views(views)
    pick(VIEW_CHOICES, choose, "way to choose views")
    predictions, cache = Path(predictions), Path(cache)
    checkpoint = run_store.find_checkpoint(Path(ckpt))
    state, facts = run_store.read_checkpoint(checkpoint)
    sha256 = sha256_of(checkpoint)
    name = _name_of(predictions, facts, sha256, replace)
    there = _read(predictions, name, cache, verify)
    wanted = tuple(dict.fromkeys([*(there["val"].views if there else ()), *wanted]))
    kept = {} if replace else there
    missing = tuple(view for view in wanted if not kept or view not in kept["val"].views)
    looked: Splits = {}
    manifest = None
    if missing:
        moved = {
            "data": data,
            "train_csv": train_csv,
            "val_csv": val_csv,
            "test_csv": test_csv,
            "images": images,
            "test_dir": test_dir,
        }
        source = source_of(facts["plan"]["source"], checkpoint.parent, moved)
        pictures = _open(facts, source, kept, cache, skip_bad, quiet)
        network = rebuild(facts, state)
        looked, ms_per_image = look_at_splits(network, pictures, name, missing, batch_size, _device(device), quiet)
        facts = {
            **facts,
            "plan": {**facts["plan"], "name": name},
            "fingerprints": dict(pictures.fingerprints),
            "skipped": pictures.skipped,
        }
        manifest = manifest_of(facts, checkpoint, ms_per_image)
    merged = {split: _joined(kept.get(split), looked.get(split)) for split in kept or looked}
    val = merged["val"]
    if val.labels is None:
        raise BadDataError(f"Member '{name}' has no val labels, so its views cannot be judged.")
    chosen = tune_views(val.logits, val.labels, val.ids, val.groups, choose)
    weights = dict(zip(val.views, map(float, chosen.view_weights), strict=True))
    if kept:
        additions = looked or {split: with_changes(one, views=(), logits=one.logits[:0]) for split, one in kept.items()}
        store.add_views(predictions, name, additions, weights, choose, chosen.ridge, sha256)
    elif manifest is not None:
        manifest = with_changes(
            manifest,
            views=val.views,
            view_weights=tuple(weights.values()),
            view_choice=choose,
            view_ridge=chosen.ridge,
        )
        store.write_member(predictions, manifest, merged, replace=True)
    return _report(name, choose, val, chosen, missing, predictions)


def _name_of(predictions: Path, facts: Mapping[str, Any], sha256: str, replace: bool) -> str:
    """Return the name of the checkpoint's member: the one it made, else the name it was trained under.

    Raises:
        MisalignedError: a member of that name came from another checkpoint.
    """
    name = str(facts["plan"]["name"])
    made_by = {
        member: store.read_manifest(predictions / member).checkpoint_sha256
        for member in store.list_members(predictions)
    }
    for member, its_sha256 in made_by.items():
        if its_sha256 == sha256:
            return member
    if name in made_by and not replace:
        raise MisalignedError(
            f"Member '{name}' in {predictions} came from another checkpoint. "
            "Give --replace to make it again from this one."
        )
    return name


def _read(predictions: Path, name: str, cache: Path, verify: bool) -> Splits:
    """Return what the member holds; nothing where there is none."""
    if name not in store.list_members(predictions):
        return {}
    folder = predictions / name
    return store.read_member(folder, cache, verify).splits


def _open(facts: Mapping[str, Any], source: Source, kept: Splits, cache: Path, skip_bad: bool, quiet: bool) -> Pictures:
    """Return the pictures that the checkpoint was trained with.

    Raises:
        MisalignedError: other classes, or val or test holds other pictures than the member has logits of.
    """
    plan = facts["plan"]
    pictures = open_pictures(source, plan["size"], cache, skip_bad or plan["skip_bad"], quiet)
    if list(pictures.data.classes) != list(plan["classes"]):
        differ = sorted(set(pictures.data.classes) ^ set(plan["classes"]))
        what = f"first that differs: {differ[0]!r}" if differ else "they stand in another order"
        raise MisalignedError(
            f"{_place(source)}: {len(pictures.data.classes)} classes, '{plan['name']}' knows {len(plan['classes'])}; "
            f"{what}. Name the right pictures, as by --data."
        )
    for split in ("val", "test"):
        was, now = facts["fingerprints"].get(split), pictures.fingerprints.get(split)
        if kept and was != now:
            raise MisalignedError(
                f"{_place(source)}: the {split} pictures are not those that '{plan['name']}' was trained with. "
                "Name the right ones, as by --data, or give --replace to look at all of these again."
            )
    return pictures


def _place(source: Source) -> str:
    return str(source.data or source.train_csv)


def _device(device: str) -> str:
    from ensemble_kit.inference.engine import choose_device

    return choose_device(device)


def _joined(kept: Predictions | None, looked: Predictions | None) -> Predictions:
    """Return the views that were there, then the new ones, aligned by image id."""
    if kept is None or looked is None:
        whole = kept or looked
        assert whole is not None
        return whole
    pool = align([kept, with_changes(looked, member="new views")])
    return with_changes(
        kept, views=(*kept.views, *looked.views), logits=np.concatenate([pool.logits[0], pool.logits[1]])
    )


def _report(
    name: str, choose: str, val: Predictions, chosen: TunedViews, computed: tuple[str, ...], predictions: Path
) -> TtaReport:
    assert val.labels is not None
    pool = align([val])
    honest = cross_fit(pool, {"views": lambda pool: tune(pool, "logit-sum", "equal", [choose])})["views"]
    before, after = softmax(val.logits[0]), softmax(merge_views(val.logits, chosen.view_weights))
    alone = [accuracy(logits.argmax(axis=1), val.labels) for logits in val.logits]
    return TtaReport(
        member=name,
        choose=choose,
        views=tuple(
            ViewReport(view, alone[i], alone[i] - alone[0], float(chosen.view_weights[i]))
            for i, view in enumerate(val.views)
        ),
        val_accuracy_before=alone[0],
        val_accuracy_after=accuracy(after.argmax(axis=1), val.labels),
        val_log_loss_before=log_loss(before, val.labels),
        val_log_loss_after=log_loss(after, val.labels),
        honest_accuracy=honest.accuracy,
        honest_interval=honest.interval(val.groups),
        ridge=chosen.ridge,
        computed=computed,
        note=None if choose in ("equal", "none") else why_not_fitted(val.labels),
        path=predictions / name,
    )
