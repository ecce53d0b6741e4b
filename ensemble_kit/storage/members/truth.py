"""Labels that lie in another file than the scores: a CSV of ids and classes, groups too where it has them.

As a competition's train.csv: it may have more rows and columns than are needed. Never guesses a label.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble_kit.columns import find_columns, missing_column
from ensemble_kit.csv_text import parse_csv
from ensemble_kit.disk import beside, read_plain
from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.members.manifest import check_distinct
from ensemble_kit.types import Labels


class Said(NamedTuple):
    """What a file of labels says of some images: indices into their classes, and groups where it has them."""

    path: Path
    labels: Labels
    groups: tuple[str, ...] | None


class Truth(NamedTuple):
    """What a file of labels says: label and group by image id, and the columns that they stand in."""

    path: Path
    labels: Mapping[str, str]
    groups: Mapping[str, str]
    columns: Mapping[str, str]

    def knows(self, ids: Sequence[str]) -> bool:
        """Say whether it is about any of these images."""
        return any(image_id in self.labels for image_id in ids)

    def of(self, ids: Sequence[str], classes: Sequence[str], listed: Sequence[str], where: Path) -> Said:
        """Return what is said of each image.

        Args:
            listed: classes in order, which whole numbers index; none were listed.
            where: the file that has the ids, for messages.

        Raises:
            BadDataError: an id that is not there, has an empty cell, or has a label that is no class.
        """
        names = named_or_numbered([self._cell(self.labels, one, "label", where) for one in ids], classes, listed)
        places = {name: place for place, name in enumerate(classes)}
        for image_id, name in zip(ids, names, strict=True):
            if name not in places:
                remedy = "Correct the label or the classes."
                if isinstance(name, int):
                    remedy = "Say which class each number is: --classes FILE, a name a line."
                raise BadDataError(
                    f"{self.path}: {image_id!r} has the label {str(name)!r}, which is none of the {len(places)} "
                    f"classes of {where}. {remedy}"
                )
        groups = None
        if "group" in self.columns:
            groups = tuple(self._cell(self.groups, one, "group", where) for one in ids)
        return Said(self.path, np.array([places[str(name)] for name in names], dtype=np.int64), groups)

    def _cell(self, column: Mapping[str, str], image_id: str, what: str, where: Path) -> str:
        """Return what a column says of an image."""
        if image_id not in column:
            raise BadDataError(
                f"{self.path} has no {what} for {image_id!r}, which {where} has scores of; its ids look like "
                f"{next(iter(column), '')!r}. Name the file that holds all of them, or correct the ids."
            )
        if not column[image_id]:
            raise BadDataError(
                f"{self.path}: the {what} of {image_id!r} is empty; wanted one for every image of {where}."
            )
        return column[image_id]


def read_truth(path: Path, said: Mapping[str, str]) -> Truth:
    """Return what a file of labels says.

    Args:
        said: which columns hold what, see `columns.find_columns`.

    Raises:
        BadDataError: no such file, no column of ids or labels, or an id that is empty or doubled.
    """
    try:
        header, *rows = parse_csv(read_plain(path), path, marked=True)
    except OSError as error:
        raise BadDataError(f"Cannot read {path}: {error.strerror or error}{beside(path)} Check --labels.") from error
    check_distinct(header, "column", str(path))
    places = find_columns(header, said, path, ("id", "label", "group"), must=()).places
    for key in ("id", "label"):
        if key not in places:
            raise missing_column(header, key, path)
    cells = {role: [row[place] for row in rows] for role, place in places.items()}
    check_distinct(cells["id"], "image id", str(path))
    labels, groups = (dict(zip(cells["id"], cells.get(role, ()), strict=False)) for role in ("label", "group"))
    return Truth(path, labels, groups, {role: header[place] for role, place in places.items()})


def agreeing(said: Said, own: Labels | None, ids: Sequence[str], classes: Sequence[str], where: Path) -> Labels:
    """Return the labels, which those that the scores bring with them must not contradict.

    Raises:
        BadDataError: they do; names the first.
    """
    if own is None:
        return said.labels
    wrong = np.flatnonzero(own != said.labels)
    if len(wrong):
        first = int(wrong[0])
        raise BadDataError(
            f"{where} and {said.path} differ in {len(wrong)} labels, first {ids[first]!r}: {classes[own[first]]!r} and "
            f"{classes[said.labels[first]]!r}. Correct one of them."
        )
    return said.labels


def named_or_numbered(labels: list[str], classes: Sequence[str], listed: Sequence[str] = ()) -> list[str] | list[int]:
    """Return labels as names, or as indices where none of them is the name of a class.

    Args:
        listed: classes in order, which the numbers index, so that names come out; none: they stay numbers.

    Example:
        >>> named_or_numbered(["1", "0"], ["cat", "dog"]), named_or_numbered(["1", "0"], ["dog", "cat"], ["cat", "dog"])
        ([1, 0], ['dog', 'cat'])
    """
    if any(label in classes for label in labels) or not all(label.isdecimal() for label in labels):
        return labels
    if listed and all(int(label) < len(listed) for label in labels):
        return [listed[int(label)] for label in labels]
    return [int(label) for label in labels]
