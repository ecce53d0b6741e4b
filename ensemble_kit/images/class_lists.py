"""Lists of class names, `--classes FILE`: a name a line, or a table that numbers them.

Labels that are whole numbers index the list, so a header must never be its first class: one is recognised by
its usual words, and said. Numbers beside the names say their order, which must be 0, 1, 2 and so on.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.texts import SEPARATORS, Reader, bare, same, spelled

_USUAL: Final = "class classname classlabel label labelname name category categoryname target"
HEADERS: Final = frozenset({*_USUAL.split(), *(f"{word}s" for word in _USUAL.split()), "classes", "categories"})
"""What the first line may be called, in small letters and without separators."""
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
Column = list[str]


def read_classes(path: Path, reader: Reader | None = None) -> tuple[str, ...]:
    """Return the classes of a text file, in its order.

    Args:
        reader: how the file is read; keeps what has to be said of it.

    Raises:
        BadDataError: no such file, no text, numbers that are no places, fewer than two names, or one twice.
    """
    reader = reader or Reader()
    try:
        text = reader.text(path)
    except OSError as error:
        raise BadDataError(f"Cannot read '{path}': {error.strerror}{beside(path)} Check --classes.") from error
    lines = [line for line in _LINE_END.split(text) if bare(line)]
    columns = _columns(lines)
    names = _of_table(columns, path, reader) if columns else _of_lines(lines, path, reader)
    names = [name for name in reader.stripped(names, "class", path) if name]
    seen: dict[str, str] = {}
    for name in names:
        if (twin := seen.get(same(name))) is not None:
            also = "" if twin == name else f", as {spelled(twin)} and {spelled(name)}"
            raise BadDataError(f"'{path}' has the class {name!r} twice{also}; wanted each once.")
        seen[same(name)] = name
    if len(names) < 2:
        raise BadDataError(f"Wanted two or more classes in '{path}', a name a line, got {len(names)}.")
    return tuple(names)


def _of_lines(lines: Sequence[str], path: Path, reader: Reader) -> list[str]:
    """Return a name a line, quotes around it and a header left out."""
    names = [_unquoted(line) for line in lines]
    if names and _is_header(names[0]):
        reader.remarks.append(
            f"'{path}': its first line, {names[0]!r}, is read as a header. If it is a class, number all: 0,{names[0]}"
        )
        return names[1:]
    return names


def _unquoted(line: str) -> str:
    """Return the one cell that a line is in quotes; any other line as it is."""
    inner = line[1:-1]
    is_quoted = len(line) > 1 and line[0] == line[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else line


def _columns(lines: Sequence[str]) -> list[Column]:
    """Return the columns of a table that has a header or numbers; nothing where the lines are names."""
    for mark in SEPARATORS:
        try:
            rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
        except csv.Error:
            return []
        columns = [list(column) for column in zip(*rows, strict=False)]
        is_table = len(columns) > 1 and len({*map(len, rows)}) == 1
        if is_table and any(_is_header(column[0]) or _are_numbers(column[1:]) for column in columns):
            return columns
    words = [line.split(maxsplit=1) for line in lines]
    counted = [[str(place), row[-1]] for place, row in enumerate(words)]
    return [list(column) for column in zip(*words, strict=True)] if words == counted else []


def _of_table(columns: Sequence[Column], path: Path, reader: Reader) -> list[str]:
    """Return the names of a table, in the order of its numbers, where it has some.

    Raises:
        BadDataError: the numbers are no places from 0, or two columns may be the names.
    """
    headed = not any(_are_numbers(column) for column in columns)
    header = [column[0] for column in columns] if headed else [str(place) for place in range(1, len(columns) + 1)]
    cells = [column[headed:] for column in columns]
    numbers = [place for place, column in enumerate(cells) if _are_numbers(column)]
    places = [place for place in numbers if sorted(map(int, cells[place])) == list(range(len(cells[place])))]
    if numbers and not places:
        found = sorted(map(int, cells[numbers[0]]))
        raise BadDataError(
            f"'{path}' numbers its classes from {found[0]} to {found[-1]}; wanted each number from 0 to "
            f"{len(found) - 1} once, for labels index them. Correct the numbers, or list the names alone, in order."
        )
    others = [place for place in range(len(cells)) if place not in places[:1]]
    named = [place for place in others if place not in numbers] or others
    named = [place for place in named if headed and _is_header(header[place])] or named
    if len(named) != 1:
        raise BadDataError(
            f"'{path}': the names of the classes may be in the columns {', '.join(header[place] for place in named)}. "
            "List the names alone, one a line."
        )
    order = sorted(range(len(cells[0])), key=lambda row: int(cells[places[0]][row])) if places else range(len(cells[0]))
    said = f", in the order of column {header[places[0]]!r}" if places else ""
    reader.remarks.append(f"'{path}': the classes are those of column {header[named[0]]!r}{said}.")
    return [cells[named[0]][row] for row in order]


def _is_header(cell: str) -> bool:
    return re.sub(r"[\W_]+", "", cell.casefold()) in HEADERS


def _are_numbers(cells: Sequence[str]) -> bool:
    return bool(cells) and all(cell.isascii() and cell.isdecimal() for cell in cells)
