"""Score files that other programs wrote: .npz or CSV, checked as strictly as our own.

Nothing is guessed and nothing is repaired in silence: what cannot be used is refused
with its file, row and id. Only clipping at 1e-7 changes numbers, and it is counted.
Never unpickles. To read another format: a reader that returns a `Table`, a line in READERS.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from ensemble_kit.csv_text import parse_csv
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.storage.data_files import UNREADABLE
from ensemble_kit.storage.manifest import IDENTITY, check_distinct
from ensemble_kit.types import Labels, Predictions, Scores

KINDS = ("logits", "probabilities")
ARRAYS = ("image_ids", "classes", "scores", "labels", "groups")
SMALLEST_PROBABILITY = 1e-7
ROW_SUM_TOLERANCE = 1e-3
ROUNDING = 1e-6
MOST_UNPACKED, LARGEST_UNPACKED_BYTES = 100, 64 << 20


class Table(NamedTuple):
    """What a score file holds: ids, classes, numbers, labels as names or as numbers, groups."""

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    scores: Float[np.ndarray, "images classes"]
    labels: Sequence[Any] | None
    groups: tuple[str, ...] | None = None


class ForeignScores(NamedTuple):
    """Predictions with the one view `identity`, and how many probabilities were clipped."""

    predictions: Predictions
    clipped: int


def read_scores(path: Path, split: str, kind: str, member: str, labelled: bool | None = None) -> ForeignScores:
    """Return the scores of a foreign file as predictions.

    Args:
        path: an .npz with `image_ids`, `classes`, `scores`, `labels` and, where there are
            any, `groups`; or a CSV with `image_id`, one column a class and `label`.
        kind: "logits", or "probabilities": in [0, 1], each row summing to 1 within 1e-3;
            those are clipped at 1e-7, and their logarithms centred row by row.
        labelled: whether labels must be there; None: on val only.

    Raises:
        InvalidOptionError: an unknown kind, or a file of another format.
        BadDataError: a file that cannot be used; names the file, the row and the id.
    """
    if kind not in KINDS:
        raise InvalidOptionError(f"Wanted scores of kind {' or '.join(KINDS)}, got {kind!r}.")
    if path.suffix.lower() not in READERS:
        raise InvalidOptionError(f"Wanted a score file of {' or '.join(READERS)}, got {path}.")
    try:
        table = READERS[path.suffix.lower()](path)
    except OSError as error:
        raise BadDataError(f"Cannot read {path}: {error.strerror or error}.") from error
    check_distinct(table.ids, "image id", str(path))
    check_distinct(table.classes, "class", str(path))
    _check_numbers(table, kind, path)
    labels = None if table.labels is None else _label_indices(table, table.labels, path)
    if labels is None and (split == "val" if labelled is None else labelled):
        raise BadDataError(f"{path} has no labels; wanted them for {split}, as `{_label_word(path)}`.")
    logits, clipped = _as_logits(table.scores, kind)
    logits32 = logits.astype(np.float32)[None]
    predictions = Predictions(member, split, (IDENTITY,), table.ids, table.classes, logits32, labels, table.groups)
    return ForeignScores(predictions, clipped)


def _read_npz(path: Path) -> Table:
    """Read an .npz; ids and classes must be text, so that `0001` is not yet lost."""
    try:
        if not zipfile.is_zipfile(path):
            raise BadDataError(f"{path} is no .npz archive. Write it with numpy.savez.")
        _check_size(path)
        with np.load(path, allow_pickle=False) as file:
            held = {name: np.asarray(file[name]) for name in ARRAYS if name in file}
    except (*UNREADABLE, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise BadDataError(f"{path} is no .npz of plain arrays: {error} Write it with numpy.savez.") from error
    for name in ("image_ids", "classes", "scores"):
        if name not in held:
            raise BadDataError(f"{path} has no array `{name}`; it has: {', '.join(held) or 'none of ours'}.")
    for name in ("image_ids", "classes"):
        if held[name].dtype.kind != "U" or held[name].ndim != 1:
            raise BadDataError(
                f"{path}: wanted `{name}` as one row of text, got {held[name].dtype} {held[name].shape}. "
                f"Save it as numpy.array([str(...), ...])."
            )
    ids, classes = tuple(held["image_ids"].tolist()), tuple(held["classes"].tolist())
    scores = held["scores"]
    if scores.dtype.kind not in "fiu" or scores.shape != (len(ids), len(classes)):
        raise BadDataError(
            f"{path}: wanted `scores` as numbers (images, classes) = {(len(ids), len(classes))}, "
            f"got {scores.dtype} {scores.shape}."
        )
    labels, groups = _npz_labels(held, len(ids), path), _npz_groups(held, ids, path)
    return Table(ids, classes, scores.astype(np.float64), labels, groups)


def _check_size(path: Path) -> None:
    """Raise on an archive that unpacks to far more than scores ever do, before it fills the memory."""
    with zipfile.ZipFile(path) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    if unpacked_bytes > LARGEST_UNPACKED_BYTES + MOST_UNPACKED * path.stat().st_size:
        raise BadDataError(
            f"{path} would unpack to {unpacked_bytes:,} bytes, over {MOST_UNPACKED} times its size. "
            "Write it with numpy.savez."
        )


def _npz_labels(held: Mapping[str, Shaped[np.ndarray, "..."]], count: int, path: Path) -> list[Any] | None:
    if "labels" not in held:
        return None
    labels = held["labels"]
    if labels.dtype.kind not in "Uiu" or labels.shape != (count,):
        raise BadDataError(
            f"{path}: wanted `labels` as {count} class names or whole numbers, got {labels.dtype} {labels.shape}."
        )
    listed: list[Any] = labels.tolist()
    return listed


def _npz_groups(
    held: Mapping[str, Shaped[np.ndarray, "..."]], ids: Sequence[str], path: Path
) -> tuple[str, ...] | None:
    if "groups" not in held:
        return None
    groups = held["groups"]
    if groups.dtype.kind != "U" or groups.shape != (len(ids),):
        raise BadDataError(
            f"{path}: wanted `groups` as {len(ids)} names, got {groups.dtype} {groups.shape}. "
            f"Save them as numpy.array([str(...), ...])."
        )
    names = tuple(groups.tolist())
    if "" in names:
        raise BadDataError(f"{path}: the group of {ids[names.index('')]!r} is empty; wanted a name for every image.")
    return names


def _read_csv(path: Path) -> Table:
    """Read a CSV; every cell is text until it is asked to be a number."""
    header, *rows = parse_csv(path.read_bytes(), path, marked=True)
    check_distinct(header, "column", str(path))
    if "image_id" not in header:
        raise BadDataError(f"{path} has no column `image_id`; its header is: {','.join(header)[:200]}.")
    classes = tuple(name for name in header if name not in ("image_id", "label"))
    columns = [header.index(name) for name in classes]
    place = header.index("image_id")
    ids = tuple(row[place] for row in rows)
    scores = np.array([[_number(row, column, header, place, path) for column in columns] for row in rows])
    named = [row[header.index("label")] for row in rows] if "label" in header else None
    labels = None if named is None else _named_or_numbered(named, classes)
    return Table(ids, classes, scores.reshape(len(ids), len(classes)), labels)


def _number(row: list[str], column: int, header: list[str], place: int, path: Path) -> float:
    text = row[column]
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    raise BadDataError(f"{path}: wanted a number for {row[place]!r}, class {header[column]!r}, got {text!r}.")


def _named_or_numbered(labels: list[str], classes: tuple[str, ...]) -> list[str] | list[int]:
    """Return the labels as indices where none of them is the name of a class."""
    if any(label in classes for label in labels) or not all(label.isdecimal() for label in labels):
        return labels
    return [int(label) for label in labels]


def _label_indices(table: Table, labels: Sequence[Any], path: Path) -> Labels:
    place = {name: index for index, name in enumerate(table.classes)}
    known: Mapping[Any, int] = {**place, **{index: index for index in place.values()}}
    for row, label in enumerate(labels):
        if label not in known:
            raise BadDataError(
                f"{path}: row {row + 1}, {table.ids[row]!r}, has the label {label!r}, which is none of its "
                f"{len(place)} classes. Correct the label or the classes."
            )
    return np.array([known[label] for label in labels], dtype=np.int64)


def _check_numbers(table: Table, kind: str, path: Path) -> None:
    """Raise on numbers that are not finite in float32, or that contradict their kind."""
    scores = table.scores
    with np.errstate(over="ignore"):
        finite = np.isfinite(scores.astype(np.float32))
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise BadDataError(
            f"{path}: row {row + 1}, {table.ids[row]!r}, class {table.classes[column]!r}: wanted a finite "
            f"number that float32 can hold, got {scores[row, column]}."
        )
    wrong = _improbable(scores)
    if kind == "probabilities" and wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise BadDataError(
            f"{path}: row {row + 1}, {table.ids[row]!r}: wanted probabilities in [0, 1] that sum to 1 within "
            f"{ROW_SUM_TOLERANCE}, got {scores[row].min():.6g} to {scores[row].max():.6g} with sum "
            f"{scores[row].sum():.6g}. Normalise them, or give --kind logits if they are logits."
        )
    if kind == "logits" and len(table.classes) > 1 and not wrong.any():
        raise BadDataError(
            f"{path}: wanted logits, but every row lies in [0, 1] and sums to 1. Give --kind probabilities."
        )


def _improbable(scores: Scores) -> Bool[np.ndarray, " images"]:
    """Say of each row whether it cannot be one of probabilities."""
    inside = (scores.min(axis=1) >= -ROUNDING) & (scores.max(axis=1) <= 1 + ROUNDING)
    summing = np.abs(scores.sum(axis=1) - 1) <= ROW_SUM_TOLERANCE + ROUNDING
    return np.asarray(~(inside & summing))


def _as_logits(scores: Scores, kind: str) -> tuple[Scores, int]:
    """Return logits, and how many probabilities were clipped to get them."""
    if kind == "logits":
        return scores, 0
    clipped = int((scores < SMALLEST_PROBABILITY).sum())
    logs = np.log(np.clip(scores, SMALLEST_PROBABILITY, 1.0))
    return logs - logs.mean(axis=1, keepdims=True), clipped


def _label_word(path: Path) -> str:
    return "labels" if path.suffix.lower() == ".npz" else "label"


READERS: Final[Mapping[str, Callable[[Path], Table]]] = {
    ".npz": _read_npz,
    ".csv": _read_csv,
}
