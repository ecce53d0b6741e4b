"""Labels that are several labels in one cell of a CSV, as `cat dog` where cats and dogs have rows of their own.

One class per image is what is learnt here; such a cell would become a class by itself, in silence. A
class whose name only looks so (`hot dog`) is let be. To know another mark: a word in `_MARKS`.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.splits import Listing

_LISTS: Final = re.compile(r"[|;]")
_MARKS: Final = (_LISTS, *map(re.compile, (",", r"[/+&\t]", r"\s", r"[\s,;|/+&]+")))
"""What stands between several labels in one cell; names of classes hardly hold the first."""


def check_single(listing: Listing, classes: Collection[str], path: Path) -> None:
    """Raise where a label is several labels of the column in one cell, as `cat|dog`.

    Args:
        classes: names that are one class each, whatever they hold; those of train, for another split.

    Raises:
        BadDataError: names the first row.
    """
    names = dict.fromkeys(listing.names or ())
    alone = {*names, *classes}
    often = Counter(part for name in names if _LISTS.search(name) for part in set(_split(_LISTS, name)))
    for name in names:
        parts = () if name in classes else _several(name, alone, often)
        if parts:
            row = (listing.names or ()).index(name)
            raise BadDataError(
                f"'{path}': row {row + 1}, {listing.ids[row]!r}, has several labels in one cell, {name!r}: "
                f"{' and '.join(map(repr, parts))}; wanted one class per image, several are not learnt here. Keep one, "
                "or, if it is one class, list all classes by --classes FILE."
            )


def _several(name: str, alone: Collection[str], often: Mapping[str, int]) -> list[str]:
    """Return the labels that a cell holds, where its parts are labels elsewhere too; else nothing."""
    for mark in _MARKS:
        parts = _split(mark, name)
        if len(parts) > 1 and all(part in alone or (mark is _LISTS and often[part] > 1) for part in parts):
            return parts
    return []


def _split(mark: re.Pattern[str], name: str) -> list[str]:
    """Return the parts of a cell, without brackets and quotes around them."""
    return [part for one in mark.split(name.strip("[](){} ")) if (part := one.strip(" '\""))]
