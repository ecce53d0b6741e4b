"""The two files of a split: an array anyone can memory-map, and a CSV of its rows.

Both are named by their content and never change. Nothing is returned that does not
match its sha256 and the manifest, or holds a NaN; once that is known and remembered, no
logit is read to open a split. Logits are written chunk by chunk, so that what is mapped
from a file may be larger than memory. Never unpickles, never commits anything: a file
counts only once a manifest names it.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tokenize import TokenError

import numpy as np
from jaxtyping import Float

from ensemble_kit.disk import check, check_once
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, MisalignedError
from ensemble_kit.storage.files import replace_file_in_parts
from ensemble_kit.storage.members.manifest import Manifest, SplitFiles, StoredFile
from ensemble_kit.storage.members.rows_csv import Rows, parse_rows, render_rows
from ensemble_kit.types import Predictions, Scores, ViewLogits

DTYPES = ("float32", "float16")
CHUNK_LOGITS = 1 << 20  # checked together, so that a large file needs little memory
UNREADABLE = (ValueError, TypeError, EOFError, SyntaxError, TokenError, OverflowError, MemoryError, RecursionError)
"""What NumPy raises on an .npy that is none."""

ParsedRows = dict[tuple[str, tuple[str, ...]], Rows]
"""The rows that one reading has parsed already, by the sha256 of their CSV and the classes."""

RowsOf = Callable[[slice], Scores]
"""Gives some consecutive rows of one view, so that no view need be whole in memory."""


def write_split(folder: Path, predictions: Predictions, dtype: str) -> SplitFiles:
    """Write the two files of a split under the names of their contents.

    Raises:
        BadDataError: a logit is too large for the type.
    """
    return write_views(folder, predictions, [view.__getitem__ for view in np.asarray(predictions.logits)], dtype)


def write_views(folder: Path, predictions: Predictions, views: Sequence[RowsOf], dtype: str) -> SplitFiles:
    """Write the two files of a split whose logits come view by view, a chunk of rows at a time.

    Args:
        predictions: whose rows and classes these are; its own logits are not read.
        views: each is asked for all its rows twice, for the name of the file and for the file.

    Raises:
        BadDataError: a logit is not finite, or too large for the type.
    """
    ids, shape = predictions.ids, (len(views), len(predictions.ids), len(predictions.classes))

    def parts() -> Iterator[bytes | memoryview]:
        where = f"member '{predictions.member}', {predictions.split}, as {dtype}"
        yield _npy_header(shape, dtype)
        for view, rows_of in enumerate(views):
            for start, chunk in _chunks(rows_of, shape[1], shape[2]):
                with np.errstate(over="ignore"):
                    stored = np.ascontiguousarray(chunk, dtype=dtype)
                _refuse_infinite(stored, ids, view, start, where)
                yield stored.reshape(-1).view(np.uint8).data

    return SplitFiles(
        logits=_store(folder, predictions.split, "npy", parts),
        rows=_store(folder, predictions.split, "csv", partial(list, [render_rows(predictions)])),
    )


def read_split(
    folder: Path,
    manifest: Manifest,
    split: str,
    cache: Path | None = None,
    verify: bool = False,
    parsed: ParsedRows | None = None,
) -> Predictions:
    """Return what the manifest's files of the split hold, checked against the manifest.

    Args:
        cache, verify: see `checksums.check`.
        parsed: rows to share, and to add to: members of one test set have the same CSV.

    Raises:
        InvalidOptionError: the member has no such split.
        FileNotFoundError: a file is gone: lost, or just replaced by another writer.
        CorruptError, BadDataError, MisalignedError: see `members.read_predictions`.
    """
    check_split(manifest, split)
    files = manifest.files[split]
    for stored in files:
        check(folder / stored.file, stored.sha256, cache, verify)
    ids, labels, groups = _read_rows(folder, files.rows, manifest.classes, {} if parsed is None else parsed)
    path = folder / files.logits.file
    logits = _open_logits(path, manifest, len(ids))
    inspect = partial(check_finite, logits, ids, str(path))
    check_once(path, files.logits.sha256, "finite", inspect, cache, verify)
    return Predictions(manifest.name, split, manifest.views, ids, manifest.classes, logits, labels, groups)


def check_split(manifest: Manifest, split: str) -> None:
    """Raise unless the member has the split.

    Raises:
        InvalidOptionError: names the splits that it has.
    """
    if split not in manifest.files:
        raise InvalidOptionError(
            f"Member '{manifest.name}' has no {split} logits; it has: {', '.join(sorted(manifest.files))}."
        )


def _read_rows(folder: Path, stored: StoredFile, classes: tuple[str, ...], parsed: ParsedRows) -> Rows:
    """Return the rows of a CSV whose sha256 was checked; parsed once for all that have the same."""
    key = (stored.sha256, classes)
    if key not in parsed:
        path = folder / stored.file
        parsed[key] = parse_rows(path.read_bytes(), path, classes)
    return parsed[key]


def _open_logits(path: Path, manifest: Manifest, images: int) -> ViewLogits:
    """Return the memory-mapped logits, checked against the manifest and the rows."""
    try:
        logits: ViewLogits = np.lib.format.open_memmap(path, mode="r")  # which never unpickles
    except UNREADABLE as error:
        raise CorruptError(f"{path} is no .npy file of numbers: {error} Write the member again.") from error
    got = f"{logits.dtype} {logits.shape}"
    wanted = (len(manifest.views), len(manifest.classes))
    if logits.dtype.name not in DTYPES or logits.ndim != 3 or (logits.shape[0], logits.shape[2]) != wanted:
        raise CorruptError(
            f"{path} holds {got}; wanted {' or '.join(DTYPES)} ({wanted[0]} views, images, "
            f"{wanted[1]} classes). Write the member again."
        )
    if logits.shape[1] != images:
        raise MisalignedError(
            f"{path} holds logits of {logits.shape[1]} images, the CSV beside it names {images}. "
            "Write the member again."
        )
    return logits


def lost(manifest: Manifest, error: FileNotFoundError) -> CorruptError:
    """Return the error that says that a file named by the manifest is gone."""
    return CorruptError(
        f"Member '{manifest.name}' has lost {error.filename}. Restore it from a copy, or write the member again."
    )


def check_finite(logits: ViewLogits, ids: Sequence[str], where: str) -> None:
    """Raise on the first NaN or infinity, view by view.

    Raises:
        BadDataError: names the view's number and the image.
    """
    for view, scores in enumerate(np.asarray(logits)):
        for start, chunk in _chunks(scores.__getitem__, *scores.shape):
            _refuse_infinite(chunk, ids, view, start, where)


def _chunks(rows_of: RowsOf, images: int, classes: int) -> Iterator[tuple[int, Scores]]:
    """Yield the rows of one view, so many at a time, each with the place of its first."""
    images_at_once = max(1, CHUNK_LOGITS // max(1, classes))
    for start in range(0, images, images_at_once):
        yield start, rows_of(slice(start, start + images_at_once))


def _refuse_infinite(
    chunk: Float[np.ndarray, "rows classes"], ids: Sequence[str], view: int, start: int, where: str
) -> None:
    """Raise on the first NaN or infinity in rows of which the first has the place `start`."""
    if not _is_finite(chunk):
        row, column = np.argwhere(~np.isfinite(chunk))[0]
        raise BadDataError(
            f"{where}: logit {chunk[row, column]} of image {ids[start + row]!r}, view {view}, class {column}; "
            "wanted finite numbers only. Compute these logits again."
        )


def _is_finite(logits: Float[np.ndarray, "images classes"]) -> bool:
    """Say whether all are finite: none has all the exponent's bits set, as infinity has.

    `np.isfinite` says the same, and takes seven times as long for float16.
    """
    bits = logits.dtype.str.replace("f", "u")
    exponent = np.array(np.inf, logits.dtype).view(bits)
    return bool(((logits.view(bits) & exponent) != exponent).all())


def _npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    buffer = io.BytesIO()
    said = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, said)
    return buffer.getvalue()


def _store(folder: Path, split: str, ending: str, parts: Callable[[], Iterable[bytes | memoryview]]) -> StoredFile:
    """Write the parts, gone through twice, as one file named by the split and the content."""
    digest = hashlib.sha256()
    for part in parts():
        digest.update(part)
    sha256 = digest.hexdigest()
    name = f"{split}-{sha256[:12]}.{ending}"
    replace_file_in_parts(folder / name, parts())
    return StoredFile(name, sha256)
