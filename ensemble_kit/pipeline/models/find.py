"""From what a caller names, a run, a network, a file or a callable, to the model that is meant; and its images.

To add a kind: a function that returns a `Model`, and a line in `find_model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import models_zoo
from ensemble_kit.context import RunContext
from ensemble_kit.disk import sha256_of
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.pipeline.inputs import DecodedImages, folded, in_class_order, open_images
from ensemble_kit.pipeline.models.checkpoint_plan import manifest_of, rebuild
from ensemble_kit.pipeline.models.external import check_stated, of_callable, of_onnx, of_timm
from ensemble_kit.pipeline.models.known_here import read_checkpoint_here, used_here
from ensemble_kit.pipeline.models.model import Model, Stated, member_of
from ensemble_kit.pipeline.models.run_config import source_of
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.members import Manifest


def find_model(
    ckpt: str | Path | Callable[..., Any],
    stated: Stated,
    places: Mapping[str, Any],
    predictions: Path,
    replace: bool,
    sha256: str | None = None,
) -> Model:
    """Return the model that is meant, nothing of it loaded.

    Args:
        places: where the images are, by the names of `Source`; None: where they were.
        sha256: that a checkpoint of ours must have; None: any that is whole.

    Raises:
        InvalidOptionError: no such checkpoint or file, or something that must be stated and was not.
        MisalignedError: a member of that name came from another checkpoint.
        CorruptError: a checkpoint that is damaged.
        BadDataError: a checkpoint that was made elsewhere; loading it says so too.
    """
    check_stated(stated)
    if callable(ckpt):
        return of_callable(ckpt, stated, places, predictions, replace)
    if str(ckpt).startswith(models_zoo.TIMM):
        return of_timm(str(ckpt), stated, places, predictions, replace)
    if Path(ckpt).suffix.lower() == ".onnx":
        return of_onnx(Path(ckpt), stated, places, predictions, replace)
    if stated != Stated():
        raise InvalidOptionError(
            f"'{ckpt}' is a run of ours and knows its classes and preprocessing; leave --weights, --name, --classes, "
            "--size, --mean and --std away, which belong to timm:NAME and .onnx files."
        )
    return _of_run(Path(ckpt), places, predictions, replace, sha256)


def open_fitting(
    model: Model, kept: Mapping[str, Any], cache: Path, context: RunContext, skip_bad: bool
) -> DecodedImages:
    """Return the images that a model is to predict, their classes in the order of its outputs.

    Args:
        kept: what its member holds already, by split; then the images must be the same.

    Raises:
        MisalignedError: other classes than the model's, or a split holds other images than the
            member has logits of.
        BadDataError, InvalidOptionError, ResourceError: as `open_images`.
    """
    source = model.source
    decoded = open_images(
        source, model.size_px, cache, context, skip_bad=skip_bad or model.skip_bad, val_needed=not model.fold
    )
    place = str(source.data or source.train_csv)
    if model.classes is not None:
        decoded = in_class_order(decoded, model.classes, model.name, place)
    if model.fold:
        decoded = folded(decoded, model.folds, model.fold, source.split_seed)
    for split in (VAL, "test", OOF):
        if kept and model.fingerprints.get(split) != decoded.fingerprints.get(split):
            raise MisalignedError(
                f"{place}: the {_called(split)} images are not those that '{model.name}' was trained with. "
                "Name the right ones, as by --data, or give --replace to compute all views again."
            )
    return decoded


def _called(split: str) -> str:
    return "training" if split == OOF else split


def _of_run(
    ckpt: Path, places: Mapping[str, Any], predictions: Path, replace: bool, wanted_sha256: str | None
) -> Model:
    """Return the model that a run of ours holds."""
    runs = predictions.parent / "runs"
    named = runs / ckpt.name if len(ckpt.parts) == 1 and not ckpt.exists() else ckpt
    checkpoint = run_store.find_checkpoint(named if named.is_dir() else ckpt, runs=runs.glob("*"))
    state, facts = read_checkpoint_here(checkpoint, wanted_sha256)
    plan, sha256 = facts["plan"], wanted_sha256 or sha256_of(checkpoint)
    store.check_folder_name(str(plan["name"]))
    name = member_of(predictions, str(plan["name"]), sha256, replace)

    def describe(decoded: DecodedImages) -> Manifest:
        seen = {"fingerprints": dict(decoded.fingerprints), "skipped": decoded.skipped}
        made = manifest_of({**facts, **seen, "plan": {**plan, "name": name}}, checkpoint)
        if name not in store.list_members(predictions):
            return made
        before = store.read_manifest(predictions / name)  # which knows its run's files as they were written
        if before.checkpoint_sha256 != sha256:
            return made
        return with_changes(made, config_sha256=before.config_sha256, metrics_sha256=before.metrics_sha256)

    def load(classes: tuple[str, ...]) -> Any:
        with used_here(checkpoint, facts["versions"]):
            return rebuild(facts, state)

    return Model(
        name=name,
        sha256=sha256,
        size_px=int(plan["size"]),
        source=source_of(plan["source"], checkpoint.parent, places),
        classes=tuple(plan["classes"]),
        load=load,
        describe=describe,
        skip_bad=bool(plan["skip_bad"]),
        fingerprints=facts["fingerprints"],
        folds=int(plan.get("folds", 0)),
        fold=int(plan.get("fold", 0)),
    )
