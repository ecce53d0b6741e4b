"""The truth that submissions are scored by: a CSV of ids and classes, with a contest's `Usage` where it has one.

A `Usage` says of each image whether it is public, private or ignored; what is ignored counts nowhere, and a
submission still holds it. Never draws a part.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool

from ensemble_kit.columns import find_columns
from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.members import check_distinct
from ensemble_kit.texts import Reader, pairs, spelled

PUBLIC, PRIVATE, IGNORED = "public", "private", "ignored"
_USAGES: Final = {
    **{"public": PUBLIC, "publictest": PUBLIC, "private": PRIVATE, "privatetest": PRIVATE},
    **{"ignored": IGNORED, "ignore": IGNORED},
}
"""What a contest writes, in small letters."""


class Solution(NamedTuple):
    """Ids and true classes; usage: public, private or ignored for each image; empty where nothing is said of it."""

    ids: tuple[str, ...]
    truth: tuple[str, ...]
    usage: tuple[str, ...] = ()

    def of(self, usage: str) -> Bool[np.ndarray, " images"]:
        """Return which images are of that usage."""
        return np.array([one == usage for one in self.usage] or [False] * len(self.ids), dtype=np.bool_)


def read_solution(path: Path, reader: Reader) -> Solution:
    """Return ids and true classes: of the columns that bear usual names, else of the only two beside a `Usage`.

    Args:
        reader: how the file is read; keeps what has to be said of it.

    Raises:
        BadDataError: no such file, columns that cannot be told apart, an id that is empty or doubled,
            an empty label, a usage that is none, or nothing that is scored.
    """
    try:
        header, rows, _ = reader.table(path)
    except OSError as error:
        raise BadDataError(f"Cannot read the file of labels {path}: {error.strerror}{beside(path)}") from error
    places = find_columns(header, {}, path, ("id", "label")).places
    others = [place for place, name in enumerate(header) if name.strip().casefold() != "usage"]
    if len(places) < 2 and len(others) == 2:
        places = dict(zip(("id", "label"), others, strict=True))
    if len(places) < 2:
        raise BadDataError(
            f"{path}: wanted an id and a label column, as image_id,label; got {','.join(header)[:200]}. "
            "Leave these two alone in it."
        )
    ids = tuple(row[places["id"]] for row in rows)
    truth = tuple(reader.stripped([row[places["label"]] for row in rows], "label", path))
    check_distinct(ids, "image id", str(path))
    usages = [place for place in range(len(header)) if place not in others]
    usage = _usage([row[usages[0]] for row in rows], ids, path) if len(usages) == 1 else ()
    for place, label in enumerate(truth):
        if label == "" and not (usage and usage[place] == IGNORED):
            raise BadDataError(f"{path}: {ids[place]!r} has no label; wanted one for every image.")
    _say_near([label for place, label in enumerate(truth) if not (usage and usage[place] == IGNORED)], reader, path)
    return Solution(ids, truth, usage)


def _say_near(truth: Sequence[str], reader: Reader, path: Path) -> None:
    """Keep which labels may be one class in two spellings; a host compares them as they are."""
    near = pairs(truth)
    if near:
        more = f", and so may {len(near) - 1} more" if len(near) > 1 else ""
        reader.remarks.append(
            f"'{path}': {' and '.join(map(spelled, near[0]))} may be one class{more}, but are scored as several. Spell "
            "them alike if they are one."
        )


def _usage(cells: Sequence[str], ids: Sequence[str], path: Path) -> tuple[str, ...]:
    """Return what each image is for; nothing where the column is of something else."""
    found = [_USAGES.get(cell.strip().casefold(), "") for cell in cells]
    if not any(found):
        return ()
    if "" in found:
        row = found.index("")
        raise BadDataError(
            f"{path}: row {row + 1}, {ids[row]!r}, has the Usage {cells[row]!r}; wanted Public, Private or Ignored. "
            "Correct it, or leave the column out to have a part drawn."
        )
    if set(found) == {IGNORED}:
        raise BadDataError(
            f"{path}: the Usage of all images is Ignored, so there is none to score. Correct the column."
        )
    return tuple(found)
