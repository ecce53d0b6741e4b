"""CSV manifests `image_id[,path][,label][,group]` as listings, under whatever names the columns have.

Every cell is read as text, byte for byte: `0001`, `NA` and `1e5` stay what they are. A
image lies at its path, relative to a folder of images; without a column of paths at its
id, with or without the suffix of an image. A table of 0 and 1 with a column a class is a label too.
Other columns are passed over. Nothing but the CSV is opened here.
"""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Final

from ensemble_kit.columns import OWN, check_said, columns_left, find_columns, missing_column, place_of_files
from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.images.elsewhere import any_there, fitted
from ensemble_kit.images.folders import is_image
from ensemble_kit.images.splits import Listing
from ensemble_kit.texts import Reader, bare, same

Rows = Sequence[Sequence[str]]
_BOXES: Final = ("xmin", "xmax", "ymin", "ymax", "x1", "x2", "y1", "y2", "x", "y", "w", "h", "width", "height", "bbox")


def list_manifest(
    path: Path,
    images: Path,
    columns: Mapping[str, str],
    labels_wanted: bool,
    split: str = "",
    reader: Reader | None = None,
) -> Listing:
    """Return the images of a CSV, in its order.

    Args:
        images: the folder that paths start from.
        columns: what was said of them: a key of `columns.OWN` and the CSV's own name for it, either way
            round; what was not said is found by its name, see `ensemble_kit.columns`.
        labels_wanted: whether there must be labels; where not, a column of labels is passed over.
        split: whose CSV it is, where there are several: messages tell how to say a column of it alone.
        reader: how the file is read; keeps what has to be said of it.

    Raises:
        UnknownNameError: a pair without a key of `columns.OWN`.
        BadDataError: no such file, a column that is missing or may be two, an id that is empty or doubled.
    """
    check_said(columns)
    reader = reader or Reader()
    try:
        header, rows, _ = reader.table(path)
    except OSError as error:
        hint = beside(path)
        raise BadDataError(f"Cannot read '{path}': {error.strerror}{hint} Check the name of the CSV.") from error
    wanted = [key for key in OWN if labels_wanted or key != "label"]
    found = find_columns(header, columns, path, wanted, must=wanted if labels_wanted else ["id"], split=split)
    if "id" not in found.places:
        raise missing_column(header, "id", path, split)
    cells = {key: tuple(row[place] for row in rows) for key, place in found.places.items()}
    cells |= {key: tuple(reader.stripped(cells[key], key, path)) for key in ("label", "group") if key in cells}
    taken = found.taken(header)
    if labels_wanted and "label" not in cells:
        cells["label"] = _one_hot(header, rows, found.places, path, split)
        taken.append(f"label from the one of {len(columns_left(header, found.places))} columns that holds a 1")
    _check(cells, header, path)
    paths, how = _paths(header, rows, found.places, images, path, split)
    taken += how
    return Listing(
        ids=cells["id"],
        paths=paths,
        names=cells.get("label"),
        groups=cells.get("group"),
        taken=f"'{path}': {', '.join(taken)}." if taken else "",
    )


def _one_hot(header: Sequence[str], rows: Rows, places: Mapping[str, int], path: Path, split: str) -> tuple[str, ...]:
    """Return the labels of a table with a column a class, of which one holds a 1.

    Raises:
        BadDataError: the other columns are none of classes, or an image shows none, or several.
    """
    left = columns_left(header, places)
    if len(left) < 2 or not rows or not {row[place] for row in rows for place in left} <= {"0", "1", "0.0", "1.0"}:
        raise missing_column(header, "label", path, split)
    names = []
    for number, row in enumerate(rows, start=1):
        shown = [header[place] for place in left if row[place][0] == "1"]
        if len(shown) != 1:
            raise BadDataError(
                f"'{path}': row {number}, {row[places['id']]!r}, has a 1 for {len(shown)} of {len(left)} classes"
                f"{': ' if shown else ''}{', '.join(shown[:5])}; wanted one class per image."
            )
        names += shown
    return tuple(names)


def _check(cells: Mapping[str, Sequence[str]], header: Sequence[str], path: Path) -> None:
    """Raise on a table without rows, an empty cell that must not be, or an id that stands twice."""
    ids = cells["id"]
    if not ids:
        raise BadDataError(f"'{path}' has a header and no rows; wanted one per image.")
    for key, column in cells.items():
        if "" in column:
            row = column.index("")
            raise BadDataError(f"'{path}': row {row + 1}, {ids[row]!r}, has an empty {key}. Fill it in.")
    seen: dict[str, int] = {}
    for row, image_id in enumerate(ids):
        if image_id in seen:
            raise _doubled(cells, header, path, seen[image_id], row)
        seen[image_id] = row


def _doubled(
    cells: Mapping[str, Sequence[str]], header: Sequence[str], path: Path, first: int, second: int
) -> BadDataError:
    """Return the error for an id that stands twice, which says why it may do so."""
    boxes = [name for name in header if name.casefold() in _BOXES]
    labels = [cells["label"][row] for row in (first, second)] if "label" in cells else []
    if len(boxes) > 2:
        why = f"; its columns {', '.join(boxes[:4])} are of boxes, several per image. Wanted a row per image, one label"
    elif labels and labels[0] != labels[1]:
        why = f", with the labels {labels[0]!r} and {labels[1]!r}; wanted one label per image. Choose one"
    else:
        why = "; wanted each once. Remove one"
    return BadDataError(f"'{path}' has the id {cells['id'][first]!r} twice, in rows {first + 1} and {second + 1}{why}.")


def _paths(
    header: Sequence[str], rows: Rows, places: Mapping[str, int], images: Path, path: Path, split: str
) -> tuple[tuple[Path, ...], list[str]]:
    """Return where the images lie, and what was guessed about that, in words."""

    def look_as_written(cells: Sequence[str]) -> tuple[Path, ...]:
        return tuple(images / cell for cell in cells) if "path" in places else _found(cells, images)

    def look(cells: Sequence[str]) -> tuple[Path, ...]:
        found, taken = list(look_as_written(cells)), frozenset(cells)
        for form in (bare, same, _decomposed):
            others = {row: plain for row, cell in enumerate(cells) if (plain := form(cell)) not in taken}
            for row, path in zip(others, look_as_written([*others.values()]), strict=True):
                found[row] = path if os.path.exists(path) and not os.path.lexists(found[row]) else found[row]
        return tuple(found)

    def fit(place: int) -> tuple[tuple[Path, ...], str]:
        return fitted([row[place] for row in rows], look)

    at_ids, how = fit(places.get("path", places["id"]))
    files = None if "path" in places else place_of_files(header, path, split)
    if files in (None, places["id"]):
        return at_ids, [how] if how else []
    at_files, how_of_files = fit(files)
    by_id, by_file = map(any_there, (at_ids, at_files))
    id_column, file_column = header[places["id"]], header[files]
    if by_file and not by_id:
        return at_files, [f"path from the column {file_column!r}", *([how_of_files] if how_of_files else [])]
    if by_id == by_file and id_column != OWN["id"] and at_ids != at_files:
        first = f"{split}." if split else ""
        own, other = quote(f"{first}id={id_column}"), quote(f"{first}id={file_column}")
        raise BadDataError(
            f"'{path}' has the columns {id_column!r} and {file_column!r}, and the images in '{images}' lie at "
            f"{'both' if by_id else 'neither'}. {'' if by_id else 'Correct --images, or say '}"
            f"{'Say' if by_id else ''} what they are: --column {own} --column {quote(f'{first}path={file_column}')}, "
            f"or --column {other}."
        )
    return at_ids, [how] if how else []


def _decomposed(cell: str) -> str:
    """Return a name as macOS packs it: letters and their accents apart."""
    return unicodedata.normalize("NFD", bare(cell))


def _found(ids: Sequence[str], images: Path) -> tuple[Path, ...]:
    """Return where the images lie: at their ids, or at the one image whose stem is the id."""

    @cache
    def by_stem(folder: Path) -> dict[str, list[Path]]:
        stems: dict[str, list[Path]] = {}
        for entry in sorted(folder.iterdir()) if os.path.isdir(folder) else ():
            if is_image(entry):
                stems.setdefault(entry.stem, []).append(entry)
        return stems

    def place(image_id: str) -> Path:
        path = images / image_id
        held = by_stem(path.parent)
        if path.name in held and not is_image(path):
            if len(held[path.name]) > 1:
                raise BadDataError(
                    f"The id {image_id!r} stands for several images in '{path.parent}': "
                    f"{', '.join(one.name for one in held[path.name])}. Bring a column of paths."
                )
            return held[path.name][0]
        return path

    return tuple(place(image_id) for image_id in ids)
