"""CSV manifests `image_id[,path][,label][,group]` as listings.

Every cell is read as text, byte for byte: `0001`, `NA` and `1e5` stay what they are. A
picture lies at its path, relative to a folder of pictures; without a column of paths at its
id, with or without the suffix of a picture. Other columns are passed over. Nothing but the
CSV is opened here.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from ensemble_kit.csv_text import parse_csv
from ensemble_kit.errors import BadDataError
from ensemble_kit.images.folders import is_picture
from ensemble_kit.images.splits import Listing
from ensemble_kit.tables import pick

COLUMNS: Final[Mapping[str, str]] = {"id": "image_id", "path": "path", "label": "label", "group": "group"}
"""What a manifest may tell about a picture, and the column it stands in unless told otherwise."""


def list_manifest(path: Path, images: Path, columns: Mapping[str, str], labels_wanted: bool) -> Listing:
    """Return the pictures of a CSV, in its order.

    Args:
        images: the folder that paths start from.
        columns: a key of `COLUMNS` -> the CSV's own name for it; what is missing keeps ours.
        labels_wanted: whether there must be labels; where not, a column of labels is passed over.

    Raises:
        InvalidOptionError: a key that `COLUMNS` has not.
        BadDataError: no such file, a column that is missing, or an id that is empty or doubled.
    """
    for key in columns:
        pick(COLUMNS, key, "column of a manifest")
    try:
        header, *rows = parse_csv(path.read_bytes(), path, marked=True)
    except OSError as error:
        raise BadDataError(f"Cannot read '{path}': {error.strerror}. Check the name of the CSV.") from error
    named = {**COLUMNS, **columns}
    needed = {"id", "label", *columns} if labels_wanted else {"id"}
    if not labels_wanted:
        del named["label"]
    place = {key: _place(header, name, key, path) for key, name in named.items() if name in header or key in needed}
    cells = {key: tuple(row[column] for row in rows) for key, column in place.items()}
    _check(cells, path)
    written = cells.get("path")
    return Listing(
        ids=cells["id"],
        paths=_found(cells["id"], images) if written is None else tuple(images / one for one in written),
        names=cells.get("label"),
        groups=cells.get("group"),
    )


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the classes of a text file, a name a line, in its order.

    Raises:
        BadDataError: no such file, no text, fewer than two names, or one that stands twice.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise BadDataError(f"Cannot read '{path}': {error.strerror}. Check --classes.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(f"'{path}' is no UTF-8 text ({error}). Save it as UTF-8, a class a line.") from error
    names = tuple(line.removesuffix("\r") for line in lines if line.removesuffix("\r"))
    doubled = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if doubled is not None:
        raise BadDataError(f"'{path}' has the class {doubled!r} twice; wanted each once.")
    if len(names) < 2:
        raise BadDataError(f"Wanted two or more classes in '{path}', a name a line, got {len(names)}.")
    return names


def _place(header: Sequence[str], name: str, key: str, path: Path) -> int:
    """Return where a column stands."""
    if header.count(name) > 1:
        raise BadDataError(f"'{path}' has the column {name!r} twice; wanted it once.")
    if name not in header:
        raise BadDataError(
            f"'{path}' has no column {name!r}; its columns are {', '.join(header)[:200]}. "
            f"Say which of them holds the {key}: --column {key}=NAME."
        )
    return header.index(name)


def _check(cells: Mapping[str, Sequence[str]], path: Path) -> None:
    """Raise on a table without rows, an empty cell that must not be, or an id that stands twice."""
    ids = cells["id"]
    if not ids:
        raise BadDataError(f"'{path}' has a header and no rows; wanted one a picture.")
    for key, column in cells.items():
        if "" in column:
            row = column.index("")
            raise BadDataError(f"'{path}': row {row + 1}, {ids[row]!r}, has an empty {key}. Fill it in.")
    seen: set[str] = set()
    for image_id in ids:
        if image_id in seen:
            raise BadDataError(f"'{path}' has the id {image_id!r} twice; wanted each once.")
        seen.add(image_id)


def _found(ids: Sequence[str], images: Path) -> tuple[Path, ...]:
    """Return where the pictures lie: at their ids, or at the one picture whose stem is the id."""

    @cache
    def by_stem(folder: Path) -> dict[str, list[Path]]:
        stems: dict[str, list[Path]] = {}
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            if is_picture(entry):
                stems.setdefault(entry.stem, []).append(entry)
        return stems

    def place(image_id: str) -> Path:
        path = images / image_id
        held = by_stem(path.parent)
        if path.name in held and not is_picture(path):
            if len(held[path.name]) > 1:
                raise BadDataError(
                    f"The id {image_id!r} stands for several pictures in '{path.parent}': "
                    f"{', '.join(one.name for one in held[path.name])}. Bring a column of paths."
                )
            return held[path.name][0]
        return path

    return tuple(place(image_id) for image_id in ids)
