"""What can look at pictures, and what is known of it.

    a run or checkpoint of ours   knows its pictures, classes and preprocessing
    timm:NAME and --weights FILE  a network of timm that others trained
    FILE.onnx                     a graph: float pictures (images, 3, side, side) -> (images, classes)
    a Python callable             float pixels in [0, 1] (images, 3, side, side) -> logits; from Python alone

For the last three the caller states classes and preprocessing. To add a kind: a function
that returns a `Model`, and a line in `find_model`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import models_zoo
from ensemble_kit.context import RunContext
from ensemble_kit.disk import beside, sha256_of
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.images import Source, read_classes
from ensemble_kit.pipeline.inputs import DecodedImages, folded, in_class_order, open_images, relative
from ensemble_kit.pipeline.models.checkpoint_plan import manifest_of, rebuild, versions
from ensemble_kit.pipeline.models.known_here import read_checkpoint_here, used_here
from ensemble_kit.pipeline.models.run_config import source_of, stored_source
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.members import EXTERNAL, Manifest

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Stated:
    """What a caller says of a model that is not ours.

    weights: file of a timm network's weights.
    name: of the member; None: from the network or the file.
    classes: in the order of the outputs: names, or a file of names; None: the data's.
    size: side in pixels; None: the network's own.
    mean, std: that pixels in [0, 1] are normalised by, channel by channel; None: as timm says,
        else 0 and 1.
    """

    weights: str | Path | None = None
    name: str | None = None
    classes: str | Path | Sequence[str] | None = None
    size: int | None = None
    mean: Channels | None = None
    std: Channels | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """Something that turns pictures into logits.

    name: of its member.
    sha256: of the file that its weights lie in; None for a callable.
    fingerprints: of the splits that it was trained with; empty where nobody knows.
    folds, fold: which fold of train was held out while it learnt, see `folding.folded`; 0: none.
    load: from the classes in order to a callable, pixels in [0, 1] -> logits in that order.
    describe: the manifest of its member, before a cost is known.
    """

    name: str
    sha256: str | None
    size_px: int
    source: Source
    classes: tuple[str, ...] | None
    load: Callable[[tuple[str, ...]], Any]
    describe: Callable[[DecodedImages], Manifest]
    skip_bad: bool = False
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    folds: int = 0
    fold: int = 0


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
        places: where the pictures are, by the names of `Source`; None: where they were.
        sha256: that a checkpoint of ours must have; None: any that is whole.

    Raises:
        InvalidOptionError: no such checkpoint or file, or something that must be stated and was not.
        MisalignedError: a member of that name came from another checkpoint.
        CorruptError: a checkpoint that is damaged.
        BadDataError: a checkpoint that was made elsewhere; loading it says so too.
    """
    _checked(stated)
    if callable(ckpt):
        return _of_callable(ckpt, stated, places, predictions, replace)
    if str(ckpt).startswith(models_zoo.TIMM):
        return _of_timm(str(ckpt), stated, places, predictions, replace)
    if Path(ckpt).suffix.lower() == ".onnx":
        return _of_onnx(Path(ckpt), stated, places, predictions, replace)
    if stated != Stated():
        raise InvalidOptionError(
            f"'{ckpt}' is a run of ours and knows its classes and preprocessing; leave --weights, --name, --classes, "
            "--size, --mean and --std away, which belong to timm:NAME and .onnx files."
        )
    return _of_run(Path(ckpt), places, predictions, replace, sha256)


def open_fitting(
    model: Model, kept: Mapping[str, Any], cache: Path, context: RunContext, skip_bad: bool
) -> DecodedImages:
    """Return the pictures that a model is to look at, their classes in the order of its outputs.

    Args:
        kept: what its member holds already, by split; then the pictures must be the same.

    Raises:
        MisalignedError: other classes than the model's, or a split holds other pictures than the
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
                f"{place}: the {_called(split)} pictures are not those that '{model.name}' was trained with. "
                "Name the right ones, as by --data, or give --replace to look at all of these again."
            )
    return decoded


def _called(split: str) -> str:
    return "training" if split == OOF else split


def in_precision(model: Model, precision: str) -> Model:
    """Return the model as its member records it where it computes in another precision than float32."""
    if precision == "float32":
        return model

    def describe(decoded: DecodedImages) -> Manifest:
        plain = model.describe(decoded)
        return with_changes(plain, preprocessing={**plain.preprocessing, "precision": precision})

    return with_changes(model, describe=describe)


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
    name = _member_of(predictions, str(plan["name"]), sha256, replace)

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


def _checked(stated: Stated) -> None:
    """Raise on a standard deviation that nothing can be divided by."""
    if stated.std is not None and not min(stated.std) > 0:
        raise InvalidOptionError(f"--std is {','.join(map(str, stated.std))}; wanted numbers above 0.")


def _of_timm(arch: str, stated: Stated, places: Mapping[str, Any], predictions: Path, replace: bool) -> Model:
    """Return a network of timm with weights of the caller's."""
    if stated.weights is None:
        raise InvalidOptionError(f"--ckpt {arch} names a network without weights. Give them: --weights FILE.")
    weights = _file(stated.weights)
    plain_name = arch.removeprefix(models_zoo.TIMM).replace("/", "-").replace(":", "-")
    stated, before = _recalled(stated, plain_name, weights, predictions, replace)
    size_px = stated.size or models_zoo.own_size_px(arch)

    def load(classes: tuple[str, ...]) -> Any:
        import torch

        run_store.check_weights(weights)
        try:
            network = models_zoo.build(arch, len(classes), size_px or 0, weights=weights)
        except models_zoo.ZooError as error:
            raise InvalidOptionError(str(error)) from error
        if network.notes:
            raise InvalidOptionError(
                f"{weights} was made for other classes than the {len(classes)} there are. Name its classes in "
                f"order by --classes FILE, or fine-tune it: ek train --arch {arch} --weights {weights}."
            )
        for buffer, given in ((network.mean, stated.mean), (network.std, stated.std)):
            if given is not None:
                buffer.copy_(torch.tensor(given).view(3, 1, 1))
        return network

    if before is not None and before.arch != arch:
        raise MisalignedError(
            f"Member '{before.name}' was made by {before.arch}, not by {arch}. Give that, or --replace."
        )
    return _external(arch, weights, size_px, stated, before, places, predictions, load)


def _of_onnx(path: Path, stated: Stated, places: Mapping[str, Any], predictions: Path, replace: bool) -> Model:
    """Return the graph of an ONNX file."""
    from ensemble_kit.inference.engines import open_onnx, side_px

    if stated.weights is not None:
        raise InvalidOptionError(f"{path} holds its own weights; leave --weights away.")
    path = _file(path)
    stated, before = _recalled(stated, path.stem, path, predictions, replace)
    size_px = stated.size or side_px(path)

    def load(classes: tuple[str, ...]) -> Any:
        return open_onnx(path, stated.mean or (0.0,) * 3, stated.std or (1.0,) * 3, len(classes), size_px or 0)

    return _external("onnx", path, size_px, stated, before, places, predictions, load)


def _of_callable(
    run: Callable[..., Any], stated: Stated, places: Mapping[str, Any], predictions: Path, replace: bool
) -> Model:
    """Return a callable of the caller's; its member is always made whole."""
    if stated.name is None or stated.weights is not None or stated.mean is not None or stated.std is not None:
        raise InvalidOptionError(
            "A callable needs a name= for its member, takes pixels in [0, 1] and normalises them itself: no weights=, "
            "mean= or std=."
        )
    store.check_name(stated.name)
    if stated.name in store.list_members(predictions) and not replace:
        raise InvalidOptionError(
            f"{predictions} already has a member '{stated.name}', and nobody can tell whether the same callable made "
            "it. Choose another name=, or give replace=True."
        )
    return _external("callable", None, stated.size, stated, None, places, predictions, lambda classes: run)


def _external(
    arch: str,
    file: Path | None,
    size_px: int | None,
    stated: Stated,
    before: Manifest | None,
    places: Mapping[str, Any],
    predictions: Path,
    load: Callable[[tuple[str, ...]], Any],
) -> Model:
    """Return a model of others', as it was stated."""
    name = stated.name or arch
    if size_px is None:
        raise InvalidOptionError(f"Nobody says how large the pictures of '{name}' are to be. Give --size PIXELS.")
    listed = stated.classes if isinstance(stated.classes, str | Path) else None
    folder, sha256 = predictions / name, None if file is None else sha256_of(file)
    source = source_of(before.training["source"] if before else {}, folder, {**places, "classes": listed})

    def describe(decoded: DecodedImages) -> Manifest:
        said = {"source": stored_source(source, folder)}
        normalised = {"mean": stated.mean, "std": stated.std}
        return Manifest(
            name=name,
            arch=arch,
            source=EXTERNAL,
            classes=decoded.data.classes,
            preprocessing=decoded.preprocessing | {key: list(one) for key, one in normalised.items() if one},
            training=said if file is None else said | {"weights": str(relative(file, folder))},
            data_fingerprint=dict(decoded.fingerprints),
            skipped={split: dict(reasons) for split, reasons in decoded.skipped.items()},
            checkpoint_sha256=sha256,
            cost={} if file is None else {"checkpoint_mb": round(file.stat().st_size / 1e6, 3)},
            versions=versions(),
        )

    return Model(
        name=name,
        sha256=sha256,
        size_px=size_px,
        source=source,
        classes=_names(stated.classes),
        load=load,
        describe=describe,
        skip_bad=bool(before and before.skipped),
        fingerprints=dict(before.data_fingerprint) if before else {},
    )


def _names(classes: str | Path | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return classes that were given as names; None where a file was given, or nothing."""
    return None if classes is None or isinstance(classes, str | Path) else tuple(classes)


def _recalled(
    stated: Stated, plain_name: str, file: Path, predictions: Path, replace: bool
) -> tuple[Stated, Manifest | None]:
    """Return what is stated, completed by what was stated when the same file made a member, and that member."""
    name = _member_of(predictions, plain_name, sha256_of(file), replace, stated.name)
    if replace or name not in store.list_members(predictions):
        return with_changes(stated, name=name), None
    before = store.read_manifest(predictions / name)
    was = before.preprocessing
    listed = stated.classes if isinstance(stated.classes, str | Path) else None
    classes = _names(stated.classes) if listed is None else read_classes(Path(listed))
    for word, asked, made in (
        ("--size", stated.size, int(was["size_px"])),
        ("--mean", stated.mean, _channels(was.get("mean"))),
        ("--std", stated.std, _channels(was.get("std"))),
        ("--classes", classes, before.classes),
    ):
        if asked is not None and asked != made:
            raise MisalignedError(
                f"Member '{name}' was made with {word} {made or 'unsaid'}, now {asked} is asked for. "
                "Give --replace to make it again, or another --name."
            )
    return Stated(
        weights=stated.weights,
        name=name,
        classes=before.classes,
        size=stated.size or int(was["size_px"]),
        mean=stated.mean or _channels(was.get("mean")),
        std=stated.std or _channels(was.get("std")),
    ), before


def _channels(values: Sequence[float] | None) -> Channels | None:
    """Return three numbers as they were stated; None where nothing was."""
    return None if values is None else (float(values[0]), float(values[1]), float(values[2]))


def _member_of(predictions: Path, name: str, sha256: str, replace: bool, wanted: str | None = None) -> str:
    """Return the name of a model's member: as it is wanted, else the one it made, else the name it is to have.

    Raises:
        InvalidOptionError: no member can have that name.
        MisalignedError: a member of that name came from another checkpoint.
    """
    if wanted is not None:
        store.check_name(wanted)
    made_by = {
        member: store.read_manifest(predictions / member).checkpoint_sha256
        for member in store.list_members(predictions)
    }
    for member, its_sha256 in made_by.items():
        if its_sha256 == sha256 and wanted in (None, member):
            return member
    name = wanted or name
    if name in made_by and not replace:
        raise MisalignedError(
            f"Member '{name}' in {predictions} came from another checkpoint. "
            "Give --replace to make it again from this one."
        )
    return name


def _file(path: str | Path) -> Path:
    """Return a path that is a file.

    Raises:
        InvalidOptionError: it is none.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidOptionError(f"There is no file '{path}'{beside(path)} Check --ckpt and --weights.")
    return path
