"""Which class each column of a CSV of scores stands for, those of ids, labels and groups apart.

Classes are known from elsewhere or are the columns as they stand. Never looks at a cell.
"""

from collections.abc import Sequence
from itertools import takewhile


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
