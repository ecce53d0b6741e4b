"""Which columns of a CSV of scores are those of classes, and which class each stands for; ids, labels, groups apart.

A class is what is a class elsewhere: in a list, in other members, among labels. Other columns are left out, and the
caller says so; where it cannot be told whether a column is a class, that is asked. Names decide; cells only where
names do not.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from ensemble_kit.columns import SPELLINGS
from ensemble_kit.errors import BadDataError
from ensemble_kit.labels import whole_number
from ensemble_kit.storage.members.score_kinds import total_of
from ensemble_kit.texts import same, spelled

Cells = Callable[[int], Iterable[str]]
_OTHER: Final = re.compile(
    r"|unnamed\d*|level\d|(row)?index|idx|row(id|nr|number)?|no|nr|num|(cv|k)?folds?|split|set|subset|part|usage|stage|"
    r"(y|label|class|target)?(pred|predicted|prediction|predictions|hat)(y|label|class|target|name|id|idx|index)?|argmax|top1|"
    r"(y|label|class|target)(true|id|idx|index|name|encoded)|(ground)?truth|gt|"
    r"(max)?(prob|probs|proba|probability|p|score|logit|pred|conf|confidence)(max)?|max|margin|entropy|loss|weight|"
    r"correct|iscorrect|right|seed|epoch|model|member|width|height|size|time|timestamp|date"
)
"""Names that columns beside scores have, in small letters and without separators."""


class ClassColumns(NamedTuple):
    """The columns of classes: the class of each, by its place; and the places of those that are left out."""

    classes: Mapping[int, str]
    left_out: tuple[int, ...] = ()


def named_columns(
    columns: Sequence[str], known: Sequence[str], listed: Sequence[str], path: Path
) -> ClassColumns | None:
    """Return the columns of all known classes, `7` for `00007` too; None where one has no column.

    Args:
        known: the classes there are.
        listed: classes in order, which whole numbers index; none were listed.

    Raises:
        BadDataError: the classes have columns twice, behind two prefixes.

    Example:
        >>> named_columns(["fold", "p_dog", "p_cat"], ["cat", "dog"], [], Path("val.csv"))
        ClassColumns(classes={2: 'cat', 1: 'dog'}, left_out=(0,))
        >>> named_columns(["1", "0"], ["cat", "dog"], ["cat", "dog"], Path("val.csv")).classes
        {1: 'cat', 0: 'dog'}
        >>> named_columns(["2", "10"], ["00002", "00010"], [], Path("val.csv")).classes
        {0: '00002', 1: '00010'}
    """
    named = dict(zip(known, known, strict=True))
    numbered = {str(number): name for number, name in enumerate(listed)}
    found = _behind_one_prefix(columns, named, path) or _behind_one_prefix(columns, numbered, path)
    valued, values = {_value(name): name for name in known}, [_value(column) for column in columns]
    if not found and not listed and len(valued) == len(known) and len(set(values)) == len(columns):
        found = _behind_one_prefix(values, valued, path)
    return found and ClassColumns(found[1], _others(columns, found[1]))


def told_columns(columns: Sequence[str], cells: Cells, likely: Collection[str], kind: str, path: Path) -> ClassColumns:
    """Return the columns of classes where only labels tell of classes, or nothing does.

    Args:
        cells: what a column holds.
        likely: the classes that labels name; a class without an image is not among them.

    Raises:
        BadDataError: it cannot be told whether a column is a class.
    """
    found = _behind_one_prefix(columns, {name: name for name in sorted(likely)}, path)
    plain = [place for place, name in enumerate(columns) if may_be_class(name, cells(place))]
    if found:
        prefix, classes = found
        alike = [place for place in plain if prefix and columns[place].startswith(prefix)]
        classes = {place: columns[place].removeprefix(prefix) for place in sorted({*classes, *alike})}
    else:
        whole = [place for place in plain if all(map(str.isdecimal, cells(place)))]
        classes = {place: columns[place] for place in plain if place not in whole or whole == plain}
    return _settled(columns, cells, classes, kind, path)


def may_be_class(name: str, cells: Iterable[str]) -> bool:
    """Return whether a column may be one of a class: it has no usual name of another, and holds numbers."""
    return not _is_other(name) and _holds_numbers(cells)


def _settled(columns: Sequence[str], cells: Cells, classes: Mapping[int, str], kind: str, path: Path) -> ClassColumns:
    """Return the classes, and of the other columns those that make the rows of probabilities whole."""
    doubtful = [place for place in _others(columns, classes) if _holds_numbers(cells(place))]
    if doubtful and kind == "probabilities":
        sums = [_is_whole(cells, places) for places in (classes, (*classes, *doubtful))]
        if any(sums):
            more = {} if sums[0] else {place: columns[place] for place in doubtful}
            return ClassColumns({**classes, **more}, _others(columns, {**classes, **more}))
    unclear = [columns[place] for place in doubtful if not _is_other(columns[place])]
    if unclear:
        raise BadDataError(
            f"{path}: whether the column {unclear[0]!r} is a class cannot be told{_more(unclear)}: no label names it. "
            "List the classes, a name a line: --classes FILE; other columns are then left out."
        )
    return ClassColumns(classes, _others(columns, classes))


def _value(name: str) -> str:
    """Return the one text of a whole number, `7` for `007` and `7.0`; any other name as it is."""
    number = whole_number(name)
    return name if number is None else str(number)


def _more(unclear: Sequence[str]) -> str:
    return f", nor of {len(unclear) - 1} more" if len(unclear) > 1 else ""


def _others(columns: Sequence[str], classes: Collection[int]) -> tuple[int, ...]:
    return tuple(place for place in range(len(columns)) if place not in classes)


def _behind_one_prefix(
    columns: Sequence[str], names: Mapping[str, str], path: Path
) -> tuple[str, dict[int, str]] | None:
    """Return the prefix that stands before all names, and which class each column then is."""
    if not names:
        return None
    names = {same(name): to for name, to in names.items()}
    places, first = {same(column): place for place, column in enumerate(columns)}, next(iter(names))
    prefixes = [column.removesuffix(first) for column in places if column.endswith(first)]
    fitting = [prefix for prefix in prefixes if all(prefix + name in places for name in names)]
    if len(fitting) > 1:
        both = " and ".join(repr(prefix + first) for prefix in fitting[:2])
        raise BadDataError(f"{path}: the classes have columns twice, as {both}. Leave one set in the file.")
    return (fitting[0], {places[fitting[0] + name]: to for name, to in names.items()}) if fitting else None


def _is_other(name: str) -> bool:
    """Return whether a column is called as one beside scores."""
    form = _form(name)
    return form in _USUAL or bool(_OTHER.fullmatch(form))


def _form(name: str) -> str:
    """Return a name in small letters and without separators."""
    return re.sub(r"[\W_]+", "", name.casefold())


_USUAL: Final = frozenset(_form(name) for names in SPELLINGS.values() for name in names)


def _holds_numbers(cells: Iterable[str]) -> bool:
    """Return whether a column may be one of scores: a cell is a number, or all are empty."""
    empty = True
    for cell in cells:
        if _number(cell) is not None:
            return True
        empty = empty and not cell
    return empty


def _is_whole(cells: Cells, places: Collection[int]) -> bool:
    """Return whether the columns hold rows of probabilities, and all of each."""
    numbers = [[_number(cell) for cell in cells(place)] for place in places]
    if not numbers or any(None in column for column in numbers):
        return False
    scores: Float[np.ndarray, "images classes"] = np.array(numbers, dtype=np.float64).T
    return bool(np.isfinite(scores).all()) and scores.size > 0 and total_of(scores) is not None


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def differing(columns: Sequence[str], known: Sequence[str]) -> str:
    """Return in what columns and classes differ, and the remedy; empty where they are the same in some order."""
    if sorted(columns) == sorted(known):
        return ""
    starts = range(_shared(columns) + 1)
    names = max(([one[start:] for one in columns] for start in starts), key=lambda some: len(set(some) & set(known)))
    missing = [name for name in known if name not in names]
    extra = [column for column, name in zip(columns, names, strict=True) if name not in known]
    parts = [
        f"{what}, {len(some)} in all, first {spelled(some[0])}"
        for some, what in ((missing, "classes without a column"), (extra, "columns that are no class"))
        if some
    ]
    if len(missing) == len(known) and all(column[_shared(columns) :].isdecimal() for column in columns):
        return f"{'; '.join(parts)}. Say which class each number is: --classes FILE, a name a line."
    remedy = f"Wanted a column for each of the {len(known)} classes, called as they are, with one prefix at the most."
    if extra and not missing:
        remedy += " Where these are no classes, say which are: --classes FILE, a name a line; others are then left out."
    if missing:
        remedy += (
            " A model that was not trained on a class gives it a probability of 0, or a logit far below the others: "
            "add that column."
        )
    return f"{'; '.join(parts)}. {remedy}"


def _shared(names: Sequence[str]) -> int:
    """Return with how many characters all of them begin."""
    pairs = zip(min(names, default=""), max(names, default=""), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
