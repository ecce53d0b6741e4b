"""CSV as strings, byte for byte: what goes in comes out, whatever an id looks like.

`NA`, `0001`, `1e5`, commas, quotes, line breaks, leading blanks and file names that
are not UTF-8 all survive. Nothing is ever read as a number or as missing here. A cell that
a spreadsheet takes for a formula survives too: whoever compares ids byte by byte would find
an escaped one missing.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from ensemble_kit.errors import BadDataError


def render_csv(rows: Iterable[Sequence[str]], path: Path | str) -> bytes:
    r"""Return the rows as CSV: quotes only where needed, lines ending in a line feed.

    Args:
        path: where the text will go, for the message.

    Raises:
        BadDataError: a text that no byte string stands for.

    Example:
        >>> render_csv([["image_id", "label"], ["0001", "a,b"]], "rows.csv")
        b'image_id,label\n0001,"a,b"\n'
    """
    return b"".join(_line(row, path) for row in rows)


def parse_csv(data: bytes, path: Path | str) -> list[list[str]]:
    """Return the rows of a CSV of ours as strings, the header first; raises as `rows_of`."""
    return rows_of(data.decode("utf-8", "surrogateescape"), path)


def rows_of(text: str, path: Path | str, separator: str = ",", spaced: bool = False) -> list[list[str]]:
    """Return the rows of a table, the header first, all as wide as it.

    Args:
        path: where the text came from, for the message.
        spaced: blanks behind a separator belong to no cell, as in `a, "b"`.

    Raises:
        BadDataError: an empty text, or one that is no such table.
    """
    try:
        lines = io.StringIO(text, newline="")
        rows = [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=spaced, strict=True) if row]
    except csv.Error as error:
        raise BadDataError(f"{path} is no CSV file: {error}. Save it as comma-separated UTF-8.") from error
    if not rows:
        raise BadDataError(f"{path} is empty; wanted a header line and one line per image.")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(rows[0]):
            raise BadDataError(
                f"{path}: row {number} after the header has {len(row)} fields, the header has {len(rows[0])}."
            )
    return rows


def is_formula(cell: str) -> bool:
    """Return whether a spreadsheet may take the cell for a formula and compute it.

    Example:
        >>> [is_formula(cell) for cell in ("=1+1", "@sum", "-1.5", "a=b")]
        [True, True, False, False]
    """
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _line(row: Sequence[str], path: Path | str) -> bytes:
    line = ",".join(_field(field, alone=len(row) == 1) for field in row) + "\n"
    try:
        data = line.encode("utf-8", "surrogateescape")
        intact = data.decode("utf-8", "surrogateescape") == line
    except UnicodeEncodeError:
        intact = False
    if not intact:
        raise BadDataError(f"Cannot write {row[0]!r} to {path}: it is no valid text. Rename the image.")
    return data


def _field(text: str, alone: bool) -> str:
    """Return the field, in quotes where a reader could otherwise take it for something else."""
    if (text or not alone) and text.strip() == text and not any(mark in text for mark in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
