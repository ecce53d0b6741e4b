"""Texts and CSV tables that people bring, as strings, and a sentence for all that was not as it is here.

Commas, semicolons, tabs and bars are recognised as separators; blanks around headers are left out, and
around labels where the caller asks for it; ids stay byte for byte. Nothing is ever read as a number or as
missing. CSVs of ours are read by `csv_text`.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ensemble_kit.csv_text import rows_of
from ensemble_kit.disk import read_plain
from ensemble_kit.errors import BadDataError
from ensemble_kit.texts.encoding import NoTextError, decode
from ensemble_kit.texts.spellings import around, bare, spelled

SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_DECIMAL: Final = re.compile(r"\s*[+-]?\d*([.,])\d+(?:[eE][+-]?\d+)?\s*")
_SAID_BY_SPREADSHEETS: Final = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)


class Table(NamedTuple):
    """A table as strings; separator: what stands between its cells."""

    header: list[str]
    rows: list[list[str]]
    separator: str = ","


@dataclass
class Reader:
    """Reads what people bring, and keeps what has to be said of it.

    encoding: of files that are not UTF-8; None: they are refused.
    remarks: a sentence each.
    """

    encoding: str | None = None
    remarks: list[str] = field(default_factory=list)

    def text(self, path: Path) -> str:
        """Return the text of a file.

        Raises:
            OSError: it cannot be read.
            BadDataError: it is no text, or in another encoding: names the line.
            InvalidOptionError: Python knows no such encoding.
        """
        data = read_plain(path)
        try:
            text, name = decode(data, self.encoding)
            line = text[: text.index("\0")].count("\n") + 1 if "\0" in text else 0
            if line:
                raise NoTextError("holds NUL bytes, as a damaged file does", "Write it again.", line)
        except NoTextError as error:
            where = "" if error.line is None else f", line {error.line},"
            raise BadDataError(f"'{path}'{where} {error.what}. {error.remedy}") from error
        if name not in ("utf-8", self.encoding):
            self.remarks.append(f"'{path}' is read as {name.upper()}.")
        elif name == "utf-8" and self.encoding not in (None, name) and not text.isascii():
            self.remarks.append(f"'{path}' is UTF-8, so it is not read as {self.encoding}.")
        return text

    def table(self, path: Path, as_written: bool = False) -> Table:
        """Return the table of a file, its header without blanks around the names; an index has the name of pandas'.

        Args:
            as_written: leave the header as it is.

        Raises: as `text`, and
            BadDataError: it is empty, or no table.
        """
        text, separator = without_mark(self.text(path))
        separator = separator or separator_of(text)
        spaced = _are_spaced(text, separator)
        rows = rows_of(text, path, separator, spaced)
        if separator != ",":
            self.remarks.append(f"'{path}' is read as separated by {SEPARATORS.get(separator, repr(separator))}.")
        if spaced:
            self.remarks.append(f"'{path}': blanks before quotes are left out.")
        if empty := [row for row in rows[1:] if not any(map(bare, row))]:
            self.remarks.append(f"'{path}': rows without anything in them are left out: {len(empty)}.")
            rows = [rows[0], *(row for row in rows[1:] if any(map(bare, row)))]
        header = rows[0] if as_written else _named(self.stripped(rows[0], "column", path), rows[1:])
        return Table(header, rows[1:], separator)

    def with_points(self, table: Table, columns: Sequence[int], path: Path) -> Table:
        """Return the table with points in its numbers, where all have decimal commas, and keep that.

        Args:
            columns: those that may hold numbers.
        """
        if table.separator == ",":
            return table
        marks = {found[1] for row in table.rows for column in columns if (found := _DECIMAL.fullmatch(row[column]))}
        if marks != {","}:
            return table
        self.remarks.append(f"'{path}': numbers are read with decimal commas.")
        rows = [list(row) for row in table.rows]
        for row in rows:
            for column in columns:
                row[column] = row[column].replace(",", ".") if _DECIMAL.fullmatch(row[column]) else row[column]
        return table._replace(rows=rows)

    def stripped(self, cells: Sequence[str], what: str, path: Path) -> list[str]:
        """Return cells without blanks around them, and keep how many had some."""
        plain = {cell: bare(cell) for cell in dict.fromkeys(cells)}
        changed = [cell for cell in cells if cell != plain[cell]]
        if changed:
            several = f"{len(changed)} {what}{'es' if what.endswith('s') else 's'}"
            which = f"{several if len(changed) > 1 else f'the {what}'} are left out: {spelled(changed[0])}"
            marks = " and ".join(dict.fromkeys(map(around, changed)))
            self.remarks.append(f"'{path}': {marks} around {which}{' and so on' if len(changed) > 1 else ''}.")
        return [plain[cell] for cell in cells]


def _named(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the header, where a column without a name that is first, or empty, is called as pandas calls it.

    Example:
        >>> _named(["", "image_id", "label", ""], [["0", "a", "cat", ""]])
        ['Unnamed: 0', 'image_id', 'label', 'Unnamed: 3']
    """
    nameless = [place for place, name in enumerate(header) if not name]
    plain = {place for place in nameless if place == 0 or not any(row[place] for row in rows)}
    return [f"Unnamed: {place}" if place in plain else name for place, name in enumerate(header)]


def without_mark(text: str) -> tuple[str, str]:
    """Return the text without the line `sep=;` of a spreadsheet, and the separator that it names; else none."""
    said = _SAID_BY_SPREADSHEETS.match(text)
    return (text[said.end() :], said.group(1)) if said else (text, "")


def separator_of(text: str) -> str:
    r"""Return what separates the cells of a table: by its header, and where that has two, by the rows too.

    Example:
        >>> separator_of("image_id;cat;dog\na;0,5;0,5\n"), separator_of("image_id,label\na,cat;dog\n")
        (';', ',')
    """
    lines = io.StringIO(text, newline="")
    widths = {mark: width for mark in SEPARATORS if (width := _width(lines, mark)) > 1}
    if len(widths) > 1:
        return next((mark for mark, width in widths.items() if _is_even(lines, mark, width)), ",")
    return next(iter(widths), ",")


def _are_spaced(text: str, separator: str) -> bool:
    """Return whether all lines below the header have a blank between a separator and a quote, as in `a, "b"`."""
    lines = [line for line in text.splitlines()[1:] if line.strip()]
    return bool(lines) and all(re.search(rf'(^|{re.escape(separator)}) +"', line) for line in lines)


def _width(lines: io.StringIO, mark: str) -> int:
    """Return how many cells the header has."""
    lines.seek(0)
    try:
        return len(next(filter(None, csv.reader(lines, delimiter=mark)), []))
    except csv.Error:
        return 0


def _is_even(lines: io.StringIO, mark: str, width: int) -> bool:
    """Return whether all rows are as wide as the header."""
    lines.seek(0)
    try:
        return all(len(row) in (0, width) for row in csv.reader(lines, delimiter=mark))
    except csv.Error:
        return False
