"""What score files hold: .npz archives and CSVs as a `Table`, every id, class and label as it was written.

Never unpickles, never takes an id for a number. To read another format: a function that returns a `Table`, a line
in READERS.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from ensemble_kit.columns import find_columns, missing_column
from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.members.arrays import UNREADABLE
from ensemble_kit.storage.members.manifest import check_distinct
from ensemble_kit.storage.members.score_columns import ClassColumns, may_be_class, named_columns, told_columns
from ensemble_kit.storage.members.truth import Truth
from ensemble_kit.texts import Reader, same

ARRAYS: Final = ("image_ids", "classes", "scores", "labels", "groups")
WRITE_NPZ: Final = (
    "Write one by numpy.savez(FILE, image_ids=..., classes=..., scores=..., labels=...), ids and classes as "
    "numpy.array([...], dtype=str)."
)
MOST_UNPACKED, LARGEST_UNPACKED_BYTES = 100, 64 << 20


class Table(NamedTuple):
    """What a score file holds.

    labels: as they were written, text or numbers.
    order: the classes that labels count in, where they are places; empty: those of the file.
    columns: of a CSV: its own name for id, label and group; class_columns: for the classes; left_out: the others.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    scores: Float[np.ndarray, "images classes"]
    labels: Sequence[Any] | None
    groups: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    columns: Mapping[str, str] = MappingProxyType({})
    class_columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Reading(NamedTuple):
    """How a score file is to be read.

    columns: id, label or group -> the CSV's own name for it; what is not said is guessed.
    known: the classes there are, no more and no less; likely: those that labels name. None: not known.
    listed: classes in order, which whole numbers index; none were listed.
    truth: labels and groups that lie in another file.
    labels_are: "names" or "places", where that was said.
    reader: how a CSV is read; keeps what has to be said of it.
    """

    columns: Mapping[str, str] = MappingProxyType({})
    known: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    truth: Truth | None = None
    labels_are: str | None = None
    reader: Reader | None = None


def _read_npz(path: Path, reading: Reading, kind: str) -> Table:
    """Read an .npz; ids and classes must be text, so that `0001` is not yet lost."""
    try:
        if not zipfile.is_zipfile(path):
            raise BadDataError(f"{path} is no .npz archive. Write it with numpy.savez.")
        _check_size(path)
        with np.load(path, allow_pickle=False) as file:
            held, names = {name: np.asarray(file[name]) for name in ARRAYS if name in file}, list(file)
    except (*UNREADABLE, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise BadDataError(f"{path} is no .npz of plain arrays: {str(error).rstrip('.')}. {WRITE_NPZ}") from error
    for name in ("image_ids", "classes", "scores"):
        if name not in held:
            raise BadDataError(f"{path} has no array `{name}`; it has: {', '.join(names) or 'none'}. {WRITE_NPZ}")
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
    found = named_columns(classes, reading.known or reading.likely, reading.listed, path)
    if found and not found.left_out:
        classes = tuple(found.classes[place] for place in range(len(classes)))
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
    if labels.dtype.kind not in "Uiuf" or labels.shape != (count,):
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


def _read_csv(path: Path, reading: Reading, kind: str) -> Table:
    """Read a CSV; every cell is text until it is asked to be a number."""
    reader = reading.reader or Reader()
    table = reader.table(path)
    header = table.header
    check_distinct(tuple(map(same, header)), "column", str(path))
    other = ["" if name in reading.known else name for name in header]  # a class may be called as a column is
    places = find_columns(other, reading.columns, path, ("id", "label", "group"), must=()).places
    if "id" not in places:
        raise missing_column(header, "id", path)
    columns = [column for column in range(len(header)) if column not in places.values()]
    rows = reader.with_points(table, columns, path).rows
    cells = {role: [row[column] for row in rows] for role, column in places.items()}
    cells |= {role: reader.stripped(cells[role], role, path) for role in ("label", "group") if role in cells}
    ids, groups = tuple(cells["id"]), cells.get("group")
    found = _class_columns(header, columns, rows, cells.get("label"), reading, kind, path)
    taken = {columns[place]: name for place, name in sorted(found.classes.items())}
    if not taken:
        raise BadDataError(
            f"{path} has no class: none of its columns is one of scores; they are {', '.join(header)[:200]}. Wanted a "
            "column for each class, called as it is, also for the second of two."
        )
    scores = np.array([[_number(row, column, header, places["id"], path) for column in taken] for row in rows])
    if groups and "" in groups:
        raise BadDataError(f"{path}: the group of {ids[groups.index('')]!r} is empty; wanted a name for every image.")
    return Table(
        ids,
        tuple(taken.values()),
        scores.reshape(len(ids), len(taken)),
        cells.get("label"),
        None if groups is None else tuple(groups),
        reading.listed,
        {role: header[column] for role, column in places.items()},
        tuple(header[column] for column in taken),
        tuple(header[columns[place]] for place in found.left_out),
    )


def _class_columns(
    header: Sequence[str],
    columns: Sequence[int],
    rows: Sequence[Sequence[str]],
    labels: Sequence[str] | None,
    reading: Reading,
    kind: str,
    path: Path,
) -> ClassColumns:
    """Return which of the columns are those of classes; all of them where these cannot be those that are known.

    Other members may lack a class that this one has, so a column that may be one is not left out beside them.
    """
    names = [header[column] for column in columns]

    def cells(place: int) -> Iterator[str]:
        return (row[columns[place]] for row in rows)

    if not reading.known:
        likely = reading.likely or {label for label in labels or () if label}
        return told_columns(names, cells, likely, kind, path)
    found = named_columns(names, reading.known, reading.listed, path)
    if found is None or (
        not reading.listed and any(may_be_class(names[place], cells(place)) for place in found.left_out)
    ):
        return ClassColumns(dict(enumerate(names)))
    return found


def _number(row: list[str], column: int, header: list[str], place: int, path: Path) -> float:
    text = row[column]
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    raise BadDataError(
        f"{path}: wanted a number for {row[place]!r}, class {header[column]!r}, got {text!r}. "
        "Write every number with a decimal point, and without a unit."
    )


READERS: Final[Mapping[str, Callable[[Path, Reading, str], Table]]] = {
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".txt": _read_csv,
}
