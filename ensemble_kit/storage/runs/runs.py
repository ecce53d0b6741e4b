"""The folder of one training run: config.yaml, metrics.csv, checkpoint-<sha12>.safetensors.

A checkpoint holds its tensors and, as JSON, everything needed to rebuild the network;
it is named by its content, and sealed, so that a copy under another name is checked too.
Config and metrics are rewritten whole. Never unpickles.
Several checkpoints lie in one folder while a run is replaced, so that the old member
keeps its own until the new one is written; then `remove_old_checkpoints`.
"""

import csv
import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from ensemble_kit.csv_text import render_csv
from ensemble_kit.disk import beside, temporary_name
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.storage.files import (
    INTENT_PREFIX,
    intended,
    make_folder,
    remove_files,
    remove_temporaries,
    replace_file,
    signed,
    write_new,
    writing,
)
from ensemble_kit.storage.runs.resume_state import STATE, UNFINISHED_NAME, state_files
from ensemble_kit.versions import made_elsewhere

if TYPE_CHECKING:
    from torch import Tensor

CONFIG_NAME, METRICS_NAME = "config.yaml", "metrics.csv"
CHECKPOINT = re.compile(r"checkpoint-([0-9a-f]{12})\.safetensors")
METADATA_KEY = "ensemble_kit"
KINDS = {
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{"BF16": "bfloat16", "BOOL": "bool", "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"},
}
"""Kinds of numbers, as safetensors and as torch calls them."""
SEAL = "file_sha256"
SEALED = re.compile(rb'\\"' + SEAL.encode() + rb'\\": \\"([0-9a-f]{64})\\"')  # in the header: JSON inside JSON
"""The sha256 of the whole file with zeros in these 64 places; older checkpoints have none."""


class Stored(NamedTuple):
    """A file that was written, and its sha256."""

    path: Path
    sha256: str


class NewRun(NamedTuple):
    """What a run is about to be: its checkpoint, and the sha256 of the files that will lie beside it; None: none."""

    checkpoint: Stored
    config_sha256: str | None
    metrics_sha256: str | None


def write_config(folder: Path, config: Mapping[str, Any], name: str = CONFIG_NAME) -> str:
    """Replace config.yaml, or the file of that name, and return its sha256; see `editable`."""
    return _replace(folder / name, _config(config))


def write_metrics(folder: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """Replace metrics.csv by one line an epoch, columns as in the first row; return its sha256."""
    return _replace(folder / METRICS_NAME, _metrics(folder, rows))


def metrics_column(folder: Path, column: str) -> list[float]:
    """Return a figure of every epoch, from metrics.csv; none where it does not say."""
    try:
        with open(folder / METRICS_NAME, encoding="utf-8", newline="") as file:
            return [float(row[column]) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError):
        return []


def write_checkpoint(folder: Path, state: "Mapping[str, Tensor]", metadata: Mapping[str, Any]) -> Stored:
    """Write the tensors and the metadata as one file named by its content.

    Args:
        metadata: whatever rebuilds the network; anything JSON can hold.

    Raises:
        BadDataError: the metadata cannot be written as JSON.
        ResourceError: the folder cannot be written.
    """
    stored, data = _rendered(folder, state, metadata)
    replace_file(stored.path, data)
    return stored


@contextmanager
def new_checkpoint(
    folder: Path,
    state: "Mapping[str, Tensor]",
    metadata: Mapping[str, Any],
    member: Path,
    metrics: Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Iterator[NewRun]:
    """Write a run's files, and let the block write its member, which makes them the run's.

    Until the member names the checkpoint, the run is what it was, whatever is killed: metrics.csv and config.yaml
    bear temporary names. From then on they have their own, and older checkpoints and states go.

    Args:
        metadata: see `write_checkpoint`.
        member: the member.json that is to name the checkpoint.
        metrics, config: see `write_metrics`, `write_config`; None: the run has none, and an older one's goes.

    Raises: as `write_checkpoint`.
    """
    stored, data = _rendered(folder, state, metadata)
    make_folder(folder)
    beside = {
        folder / CONFIG_NAME: None if config is None else _config(config),
        folder / METRICS_NAME: None if metrics is None else _metrics(folder, metrics),
    }
    staged = [(folder / temporary_name(), path, content) for path, content in beside.items() if content is not None]
    old = [path for path in _checkpoints(folder) if path != stored.path]
    old += [
        *state_files(folder),
        folder / UNFINISHED_NAME,
        *(path for path, content in beside.items() if content is None),
    ]
    new = [] if stored.path.exists() else [stored.path]
    renames = [(temporary, path) for temporary, path, _ in staged]
    with intended(folder, once=member, holds=stored.sha256, renames=renames, then=old, otherwise=new):
        replace_file(stored.path, data)
        for temporary, path, content in staged:
            write_new(temporary, [content], path)
        yield NewRun(stored, *(None if one is None else hashlib.sha256(one).hexdigest() for one in beside.values()))


def _config(config: Mapping[str, Any]) -> bytes:
    """Return what config.yaml holds."""
    import yaml

    text: str = yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, allow_unicode=True)
    return signed(text.encode("utf-8"))


def _metrics(folder: Path, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return what metrics.csv holds; nothing in the place of what was not measured."""
    columns = list(rows[0]) if rows else ["epoch"]
    lines = [columns, *(["" if row[column] is None else str(row[column]) for column in columns] for row in rows)]
    return render_csv(lines, folder / METRICS_NAME)


def _rendered(folder: Path, state: "Mapping[str, Tensor]", metadata: Mapping[str, Any]) -> tuple[Stored, bytes]:
    """Return a checkpoint's path, sha256 and content."""
    from safetensors.torch import save

    try:
        text = json.dumps({**metadata, SEAL: "0" * 64}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadDataError(f"The metadata of the checkpoint cannot be written as JSON: {error}.") from error
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    data = _sealed(save(tensors, metadata={METADATA_KEY: text}))
    sha256 = hashlib.sha256(data).hexdigest()
    return Stored(folder / checkpoint_name(sha256), sha256), data


def read_checkpoint(path: Path, sha256: str | None = None) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Return the tensors and the metadata of a checkpoint, checked against its name.

    Args:
        sha256: that it must have; None: what its name says, or its seal.

    Raises:
        InvalidOptionError: there is no such file, or one of another kind.
        CorruptError: it is damaged, or no checkpoint of ours.
        BadDataError: it holds kinds of numbers that are not known here.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise InvalidOptionError(
            f"There is no checkpoint {path}{beside(path)} Give a run folder or its checkpoint."
        ) from None
    _check_checkpoint(data, path, sha256)
    try:
        return load(data), _metadata(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        if unknown := _unknown_kinds(data):
            why = f"it holds numbers of kind {', '.join(unknown)}, which the torch and safetensors here do not know."
            raise made_elsewhere(path, why, _metadata(data).get("versions")) from error
        kind = CorruptError if path.suffix == ".safetensors" else InvalidOptionError
        raise kind(
            f"{path} is no checkpoint that ensemble_kit wrote ({error}). To start training from weights of others: "
            f"ek train --init {quote(str(path))} --data DIR --arch NAME. For a member of a network of timm as it is: "
            f"ek tta --ckpt timm:NAME --weights {quote(str(path))} --data DIR."
        ) from error


def check_weights(path: Path) -> None:
    """Raise where a file of weights is a checkpoint of ours that has changed since it was written.

    Raises:
        CorruptError: it has.
    """
    if path.suffix == ".safetensors" and path.is_file():
        _check_checkpoint(path.read_bytes(), path)


def find_checkpoint(path: Path, sha256: str | None = None, runs: Iterable[Path] = ()) -> Path:
    """Return the checkpoint of a run folder, or the file itself where a file is given.

    Args:
        sha256: of the checkpoint that is wanted; None asks for the newest.
        runs: whose names may be meant where there is no such path.

    Raises:
        InvalidOptionError: no such path, or a run that has no finished checkpoint.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise InvalidOptionError(
            f"There is no run or checkpoint {path}{beside(path, runs)} Train one: ek train --data DIR."
        )
    held = sorted(_checkpoints(path), key=lambda one: (one.stat().st_mtime_ns, one.name))
    wanted = [one for one in held if sha256 is None or one.name == checkpoint_name(sha256)]
    if not wanted:
        named = f" {checkpoint_name(sha256)}" if sha256 else ""
        found = ", ".join(one.name for one in held) or "none"
        raise InvalidOptionError(
            f"{path} has no finished checkpoint{named}; there: {found}. Let `ek train` run to its end."
        )
    return wanted[-1]


def is_between(folder: Path, checkpoint_sha256: str | None) -> bool:
    """Say whether the run is about to replace the member of that checkpoint, so that files beside it may be newer."""
    if not folder.is_dir():
        return False
    names = {one.name for one in folder.iterdir()} - {checkpoint_name(checkpoint_sha256 or "")}
    return any(STATE.fullmatch(name) or CHECKPOINT.fullmatch(name) or name.startswith(INTENT_PREFIX) for name in names)


def remove_old_checkpoints(folder: Path, kept_sha256: str) -> None:
    """Remove all checkpoints but one, and what killed writers left; call it once the member is written.

    Raises:
        ResourceError: the folder cannot be written.
    """
    with writing(folder):
        remove_temporaries(folder)
        remove_files(path for path in _checkpoints(folder) if path.name != checkpoint_name(kept_sha256))


def checkpoint_name(sha256: str) -> str:
    """Return the file name of the checkpoint with that sha256."""
    return f"checkpoint-{sha256[:12]}.safetensors"


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if CHECKPOINT.fullmatch(path.name)]


def _header(data: bytes) -> dict[str, Any]:
    """Return the header: 8 bytes of length, then JSON."""
    (length,) = struct.unpack("<Q", data[:8])
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return header


def _metadata(data: bytes) -> dict[str, Any]:
    """Return our metadata from the header."""
    metadata: dict[str, Any] = json.loads(_header(data)["__metadata__"][METADATA_KEY])
    metadata.pop(SEAL, None)
    return metadata


def _unknown_kinds(data: bytes) -> list[str]:
    """Return the kinds of numbers that tensors of ours hold and the torch here does not know, as the header says."""
    import torch

    try:
        _metadata(data)
        held = {str(tensor["dtype"]) for name, tensor in _header(data).items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        return []  # it is none of ours, whatever it holds
    return sorted(kind for kind in held if not hasattr(torch, KINDS.get(kind, "")))


def _sealed(data: bytes) -> bytes:
    """Return a checkpoint with its own sha256 in the place of zeros."""
    place = SEALED.search(data, 0, _header_end(data))
    assert place is not None
    return data[: place.start(1)] + hashlib.sha256(data).hexdigest().encode() + data[place.end(1) :]


def _check_checkpoint(data: bytes, path: Path, sha256: str | None = None) -> None:
    """Raise where a checkpoint is not as it was written: by that sha256, else by its name, else by its seal."""
    named, place = CHECKPOINT.fullmatch(path.name), SEALED.search(data, 0, _header_end(data))
    if sha256 or named or place is None:
        got, wanted = hashlib.sha256(data).hexdigest(), sha256 or (named[1] if named else "")
    else:
        digest = hashlib.sha256(memoryview(data)[: place.start(1)])
        digest.update(b"0" * 64)
        digest.update(memoryview(data)[place.end(1) :])
        got, wanted = digest.hexdigest(), place[1].decode()
    if not got.startswith(wanted):
        raise CorruptError(
            f"{path} is damaged: wanted sha256 {wanted[:12]}, got {got[:12]}. Train again, or restore it from a copy."
        )


def _header_end(data: bytes) -> int:
    """Return where the header ends, as its first 8 bytes say; the tensors come after it."""
    return min(8 + int.from_bytes(data[:8], "little"), len(data))


def _replace(path: Path, data: bytes) -> str:
    replace_file(path, data)
    return hashlib.sha256(data).hexdigest()
