"""Models that others trained: networks of timm with their weights, ONNX files, Python callables.

The caller states classes and preprocessing, see `Stated`; what the member of such a model knows already is recalled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as with_changes
from pathlib import Path
from shlex import quote
from typing import Any

import models_zoo
from ensemble_kit.disk import beside, sha256_of
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.images import read_classes
from ensemble_kit.pipeline.inputs import DecodedImages, relative
from ensemble_kit.pipeline.models.checkpoint_plan import versions
from ensemble_kit.pipeline.models.model import Channels, Model, Stated, member_of
from ensemble_kit.pipeline.models.run_config import source_of, stored_source
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.members import EXTERNAL, Manifest
from ensemble_kit.texts import Reader


def of_timm(arch: str, stated: Stated, places: Mapping[str, Any], predictions: Path, replace: bool) -> Model:
    """Return a network of timm with weights of the caller's."""
    if stated.weights is None:
        raise InvalidOptionError(f"--ckpt {arch} names a network without weights. Give them: --weights FILE.")
    weights = _file(stated.weights)
    plain_name = arch.removeprefix(models_zoo.TIMM).replace("/", "-").replace(":", "-")
    stated, before = _recalled(stated, plain_name, weights, predictions, replace, places.get("encoding"))
    size_px = stated.size or models_zoo.own_size_px(arch)

    def load(classes: tuple[str, ...]) -> Any:
        import torch

        run_store.check_weights(weights)
        try:
            network = models_zoo.build(arch, len(classes), size_px or 0, weights=weights)
        except models_zoo.ZooError as error:
            raise InvalidOptionError(str(error)) from error
        if network.replaced_head:
            raise InvalidOptionError(
                f"{weights} was made for other classes than the {len(classes)} there are. Name its classes in "
                f"order by --classes FILE, or fine-tune it: ek train --arch {arch} --init {quote(str(weights))}."
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


def of_onnx(path: Path, stated: Stated, places: Mapping[str, Any], predictions: Path, replace: bool) -> Model:
    """Return the graph of an ONNX file."""
    from ensemble_kit.inference.engines import open_onnx, side_px

    if stated.weights is not None:
        raise InvalidOptionError(f"{path} holds its own weights; leave --weights away.")
    path = _file(path)
    stated, before = _recalled(stated, path.stem, path, predictions, replace, places.get("encoding"))
    size_px = stated.size or side_px(path)

    def load(classes: tuple[str, ...]) -> Any:
        return open_onnx(path, stated.mean or (0.0,) * 3, stated.std or (1.0,) * 3, len(classes), size_px or 0)

    return _external("onnx", path, size_px, stated, before, places, predictions, load)


def of_callable(
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
            f"{predictions} already has a member '{stated.name}', and whether the same callable "
            "made it is not known. Choose another name=, or give replace=True."
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
        raise InvalidOptionError(f"Input size of '{name}' is unknown; pass --size PIXELS.")
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
    stated: Stated, plain_name: str, file: Path, predictions: Path, replace: bool, encoding: str | None
) -> tuple[Stated, Manifest | None]:
    """Return what is stated, completed by what was stated when the same file made a member, and that member."""
    name = member_of(predictions, plain_name, sha256_of(file), replace, stated.name)
    if replace or name not in store.list_members(predictions):
        return with_changes(stated, name=name), None
    before = store.read_manifest(predictions / name)
    was = before.preprocessing
    listed = stated.classes if isinstance(stated.classes, str | Path) else None
    classes = _names(stated.classes) if listed is None else read_classes(Path(listed), Reader(encoding))
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


def _file(path: str | Path) -> Path:
    """Return a path that is a file.

    Raises:
        InvalidOptionError: it is none.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidOptionError(f"There is no file '{path}'{beside(path)} Check --ckpt and --weights.")
    return path


def check_stated(stated: Stated) -> None:
    """Raise on a standard deviation that nothing can be divided by."""
    if stated.std is not None and not min(stated.std) > 0:
        raise InvalidOptionError(f"--std is {','.join(map(str, stated.std))}; wanted numbers above 0.")
