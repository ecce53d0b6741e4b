"""Score files that other programs wrote: .npz or CSV, checked as strictly as our own.

Nothing is repaired in silence, and of columns only the one possible reading is guessed: what cannot be
used is refused with its file, row and id. Only clipping at 1e-7 changes numbers, and it is counted.
Never unpickles. To read another format: a reader that returns a `Table`, a line in READERS.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from ensemble_kit.columns import find_columns, missing_column
from ensemble_kit.csv_text import parse_csv
from ensemble_kit.disk import beside, read_plain
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage.members.arrays import UNREADABLE
from ensemble_kit.storage.members.manifest import check_distinct
from ensemble_kit.storage.members.score_columns import class_names, differing
from ensemble_kit.storage.members.truth import Truth, agreeing, named_or_numbered
from ensemble_kit.types import IDENTITY, Labels, Predictions, Scores

KINDS = ("logits", "probabilities")
LABELLED = (VAL, OOF)  # splits whose labels are wanted
ARRAYS = ("image_ids", "classes", "scores", "labels", "groups")
SMALLEST_PROBABILITY = 1e-7
ROW_SUM_TOLERANCE = 1e-3
ROUNDING = 1e-6
MOST_UNPACKED, LARGEST_UNPACKED_BYTES = 100, 64 << 20


class Table(NamedTuple):
    """What a score file holds: ids, classes, numbers, labels as names or as numbers, groups, and its columns."""

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    scores: Float[np.ndarray, "images classes"]
    labels: Sequence[Any] | None
    groups: tuple[str, ...] | None = None
    columns: Mapping[str, str] = MappingProxyType({})
    class_columns: tuple[str, ...] = ()


class Reading(NamedTuple):
    """How a score file is to be read.

    columns: id, label or group -> the CSV's own name for it; what is not said is guessed.
    known: the classes there are, no more and no less; likely: those that labels name. None: not known.
    listed: classes in order, which whole numbers index; none were listed.
    truth: labels and groups that lie in another file.
    """

    columns: Mapping[str, str] = MappingProxyType({})
    known: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    truth: Truth | None = None


PLAINLY: Final = Reading()


class ExternalScores(NamedTuple):
    """Predictions with the one view `identity`, and how many probabilities were clipped.

    columns: which column of a CSV holds what, by role; class_columns: those of the classes, in their order.
    """

    predictions: Predictions
    clipped: int
    columns: Mapping[str, str] = MappingProxyType({})
    class_columns: tuple[str, ...] = ()


def read_scores(
    path: Path, split: str, kind: str, member: str, labelled: bool | None = None, reading: Reading = PLAINLY
) -> ExternalScores:
    """Return the scores of a foreign file as predictions.

    Args:
        path: an .npz with `image_ids`, `classes`, `scores`, `labels` and, where there are
            any, `groups`; or a CSV with a column of ids, one column a class and, where there are any,
            columns of labels and groups.
        kind: "logits", or "probabilities": in [0, 1], each row summing to 1 within 1e-3;
            those are clipped at 1e-7, and their logarithms centred row by row.
        labelled: whether labels must be there; None: on val and oof only.

    Raises:
        InvalidOptionError: an unknown kind, or a file of another format.
        BadDataError: a file that cannot be used; names the file, the row and the id.
        MisalignedError: other classes than those that are known.
    """
    if kind not in KINDS:
        raise InvalidOptionError(f"Wanted scores of kind {' or '.join(KINDS)}, got {kind!r}.")
    if path.suffix.lower() not in READERS:
        raise InvalidOptionError(f"Wanted a score file of {' or '.join(READERS)}, got {path}.")
    try:
        table = READERS[path.suffix.lower()](path, reading)
    except OSError as error:
        raise BadDataError(f"Cannot read {path}: {error.strerror or error}{beside(path)}") from error
    check_distinct(table.ids, "image id", str(path))
    check_distinct(table.classes, "class", str(path))
    if reading.known and (wrong := differing(table.classes, reading.known)):
        raise MisalignedError(f"{path}: {wrong}")
    _check_numbers(table, kind, path)
    wanted = split in LABELLED if labelled is None else labelled
    labels, groups = None if table.labels is None else _label_indices(table, table.labels, path), table.groups
    if reading.truth is not None and wanted and (labels is None or reading.truth.knows(table.ids)):
        said = reading.truth.of(table.ids, table.classes, reading.listed, path)
        labels, groups = agreeing(said, labels, table.ids, table.classes, path), groups or said.groups
    if labels is None and wanted:
        raise BadDataError(
            f"{path} has no labels; wanted them for {split}, as `{_label_word(path)}`, or in another file: "
            "--labels FILE."
        )
    logits, clipped = _as_logits(table.scores, kind)
    logits32 = logits.astype(np.float32)[None]
    predictions = Predictions(member, split, (IDENTITY,), table.ids, table.classes, logits32, labels, groups)
    return ExternalScores(predictions, clipped, table.columns, table.class_columns)


def _read_npz(path: Path, reading: Reading) -> Table:
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
    classes = class_names(classes, reading.known or reading.likely, reading.listed)
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


def _read_csv(path: Path, reading: Reading) -> Table:
    """Read a CSV; every cell is text until it is asked to be a number."""
    header, *rows = parse_csv(read_plain(path), path, marked=True)
    check_distinct(header, "column", str(path))
    other = ["" if name in reading.known else name for name in header]  # a class may be called as a column is
    places = find_columns(other, reading.columns, path, ("id", "label", "group"), must=()).places
    if "id" not in places:
        raise missing_column(header, "id", path)
    columns = [column for column in range(len(header)) if column not in places.values()]
    written = tuple(header[column] for column in columns)
    classes = class_names(written, reading.known or reading.likely, reading.listed)
    place = places["id"]
    ids = tuple(row[place] for row in rows)
    scores = np.array([[_number(row, column, header, place, path) for column in columns] for row in rows])
    cells = {role: [row[column] for row in rows] for role, column in places.items()}
    named, groups = cells.get("label"), cells.get("group")
    if groups and "" in groups:
        raise BadDataError(f"{path}: the group of {ids[groups.index('')]!r} is empty; wanted a name for every image.")
    return Table(
        ids,
        classes,
        scores.reshape(len(ids), len(classes)),
        None if named is None else named_or_numbered(named, classes, reading.listed),
        None if groups is None else tuple(groups),
        {role: header[column] for role, column in places.items()},
        written,
    )


def _number(row: list[str], column: int, header: list[str], place: int, path: Path) -> float:
    text = row[column]
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    raise BadDataError(f"{path}: wanted a number for {row[place]!r}, class {header[column]!r}, got {text!r}.")


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


READERS: Final[Mapping[str, Callable[[Path, Reading], Table]]] = {
    ".npz": _read_npz,
    ".csv": _read_csv,
}
