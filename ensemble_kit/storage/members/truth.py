"""Labels that lie in another file than the scores: a CSV of ids and classes, groups too where it has them.

As a competition's train.csv: it may have more rows and columns than are needed. Never guesses a label.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.columns import find_columns, missing_column
from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.id_forms import matched
from ensemble_kit.labels import NONE, label_indices, whole_number
from ensemble_kit.storage.members.manifest import check_distinct
from ensemble_kit.texts import Reader, spelled
from ensemble_kit.types import Labels


class Said(NamedTuple):
    """What a file of labels says of some images: indices into their classes, and groups where it has them.

    alike: an id of the scores and how the file of labels writes it, where they differ; empty: they do not.
    """

    path: Path
    labels: Labels
    groups: tuple[str, ...] | None
    alike: tuple[str, ...] = ()


class Truth(NamedTuple):
    """What a file of labels says: label and group by image id, and the columns that they stand in."""

    path: Path
    labels: Mapping[str, str]
    groups: Mapping[str, str]
    columns: Mapping[str, str]

    def knows(self, ids: Sequence[str]) -> bool:
        """Say whether it is about any of these images."""
        return any(image_id in self.labels for image_id in ids)

    def of(
        self,
        ids: Sequence[str],
        classes: Sequence[str],
        listed: Sequence[str],
        where: Path,
        labels_are: str | None = None,
        predicted: Int[np.ndarray, " images"] | None = None,
    ) -> Said:
        """Return what is said of each image.

        Args:
            listed: classes in order, which whole numbers index; none were listed.
            where: the file that has the ids, for messages.
            labels_are, predicted: see `label_indices`.

        Raises:
            BadDataError: an id that is not there, has an empty cell, or has a label that is no class, or may be two.
        """
        written = self._written(ids)
        names = [self._cell(self.labels, one, "label", where) for one in written]
        labels = label_indices(names, classes, self.path, labels_are, listed, predicted)
        named = label_indices(names, classes, self.path, "names") != NONE
        counted = not (listed or labels_are or named.any()) and all(whole_number(name) is not None for name in names)
        if counted or (labels == NONE).any():
            row = int((labels == NONE).argmax())
            remedy = "Correct the label or the classes."
            if counted:
                remedy = "Say which class each number is: --classes FILE, a name a line."
            raise BadDataError(
                f"{self.path}: {written[row]!r} has the label {names[row]!r}, which is none of the {len(classes)} "
                f"classes of {where}, first {spelled(classes[0])}. {remedy}"
            )
        groups = None
        if "group" in self.columns:
            groups = tuple(self._cell(self.groups, one, "group", where) for one in written)
        alike = next(((ours, theirs) for ours, theirs in zip(ids, written, strict=True) if ours != theirs), ())
        return Said(self.path, labels, groups, alike)

    def _written(self, ids: Sequence[str]) -> Sequence[str]:
        """Return the ids as they are written here: or with other endings or folders where that is clear."""
        same = matched(self.labels, ids)
        return [same.get(image_id, image_id) for image_id in ids]

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


def read_truth(path: Path, said: Mapping[str, str], reader: Reader | None = None) -> Truth:
    """Return what a file of labels says.

    Args:
        said: which columns hold what, see `columns.find_columns`.
        reader: how the file is read; keeps what has to be said of it.

    Raises:
        BadDataError: no such file, no column of ids or labels, or an id that is empty or doubled.
    """
    reader = reader or Reader()
    try:
        header, rows, _ = reader.table(path)
    except OSError as error:
        raise BadDataError(f"Cannot read {path}: {error.strerror or error}{beside(path)} Check --labels.") from error
    check_distinct(header, "column", str(path))
    places = find_columns(header, said, path, ("id", "label", "group"), must=()).places
    for key in ("id", "label"):
        if key not in places:
            raise missing_column(header, key, path)
    cells = {role: [row[place] for row in rows] for role, place in places.items()}
    cells |= {role: reader.stripped(cells[role], role, path) for role in ("label", "group") if role in cells}
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
