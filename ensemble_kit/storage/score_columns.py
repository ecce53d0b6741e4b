"""Which column of a CSV of scores is the id, the label, the group, and which class each other one stands for.

A name is guessed where exactly one reading is possible; whoever says a column overrules that. Classes
are known from elsewhere or are the columns as they stand. Never looks at a cell.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.rows import GROUP, ID, LABEL
from ensemble_kit.tables import pick

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (ID, "id", "image", "filename", "file", "file_name", "img", "name"),
    "label": (LABEL, "target", "category", "class", "labels"),
    "group": (GROUP,),
}
"""What a column may hold, and the names by which it is guessed, ours first; case does not matter."""


def check_roles(said: Mapping[str, str]) -> None:
    """Raise unless every role that a column was said for is one.

    Raises:
        UnknownNameError: names the roles there are.
    """
    for role in said:
        pick(ROLES, role, "column of scores")


def find_columns(
    header: Sequence[str], said: Mapping[str, str], needed: Sequence[str], classes: Sequence[str], path: Path
) -> dict[str, int]:
    """Return where the columns of the roles stand, those that are there.

    Args:
        said: role -> the column's name, where the file has it.
        needed: roles without which the file is of no use.
        classes: known ones, whose columns are no roles.

    Raises:
        BadDataError: a role that is needed and not there, or that several columns may have.

    Example:
        >>> find_columns(["Id", "cat", "dog", "target"], {}, ["id"], [], Path("oof.csv"))
        {'id': 0, 'label': 3}
    """
    places: dict[str, int] = {}
    for role, names in ROLES.items():
        name = said.get(role)
        if name is not None and name in header:
            places[role] = header.index(name)
            continue
        free = [one for one in header if one not in (*classes, *said.values())]
        likely = [names[0]] if names[0] in free else [one for one in free if one.lower() in names]
        if len(likely) > 1:
            raise BadDataError(
                f"{path}: {' or '.join(map(repr, likely))} may be the {role}. Say which: --column {role}=NAME."
            )
        if likely:
            places[role] = header.index(likely[0])
        elif role in needed:
            asked = f"`{name}`" if name is not None else f"`{names[0]}`"
            raise BadDataError(
                f"{path} has no column {asked}; its header is: {','.join(header)[:200]}. "
                f"Say which of them holds the {role}: --column {role}=NAME."
            )
    return places


def class_names(columns: Sequence[str], known: Sequence[str], listed: Sequence[str]) -> tuple[str, ...]:
    """Return the class that each column stands for; the columns as they are where these are not all known ones.

    Args:
        known: the classes there are.
        listed: classes in order, which whole numbers index; none were listed.

    Example:
        >>> class_names(["p_dog", "p_cat"], ["cat", "dog"], []), class_names(["1", "0"], [], ["cat", "dog"])
        (('dog', 'cat'), ('dog', 'cat'))
    """
    numbered = {str(number): name for number, name in enumerate(listed)}
    for start in range(_shared(columns) + 1):
        names = [column[start:] for column in columns]
        if known and sorted(names) == sorted(known):
            return tuple(names)
        if numbered and sorted(names) == sorted(numbered):
            return tuple(numbered[name] for name in names)
    return tuple(columns)


def _shared(names: Sequence[str]) -> int:
    """Return with how many characters all of them begin."""
    pairs = zip(min(names, default=""), max(names, default=""), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def differing(columns: Sequence[str], known: Sequence[str]) -> str:
    """Return in what columns and classes differ, and the remedy; empty where they are the same in some order."""
    if sorted(columns) == sorted(known):
        return ""
    starts = range(_shared(columns) + 1)
    names = max(([one[start:] for one in columns] for start in starts), key=lambda some: len(set(some) & set(known)))
    missing = [name for name in known if name not in names]
    extra = [column for column, name in zip(columns, names, strict=True) if name not in known]
    parts = [
        f"{what}, {len(some)} in all, first {some[0]!r}"
        for some, what in ((missing, "classes without a column"), (extra, "columns that are no class"))
        if some
    ]
    if len(missing) == len(known) and all(column[_shared(columns) :].isdecimal() for column in columns):
        return f"{'; '.join(parts)}. Say which class each number is: --classes FILE, a name a line."
    return (
        f"{'; '.join(parts)}. Wanted a column for each of the {len(known)} classes, called as they are, with one "
        "prefix for all at the most, and beside them id, label and group alone."
    )
