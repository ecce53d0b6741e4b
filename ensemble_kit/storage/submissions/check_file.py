"""The file of a submission -> its rows, with all that is odd about the file itself.

Never knows which ids or classes are wanted. To add a check: a function, a line in `read_rows`.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final, NamedTuple

from ensemble_kit.storage.submissions.findings import Findings

BOM: Final = b"\xef\xbb\xbf"
PLAIN: Final = "Save it as comma-separated UTF-8."
MAGICS: Final = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet (.xlsx), not CSV text",
    b"\x1f\x8b": "compressed (gzip)",
    b"\xd0\xcf\x11\xe0": "a spreadsheet (.xls), not CSV text",
    b"\xff\xfe": "UTF-16, not UTF-8",
    b"\xfe\xff": "UTF-16, not UTF-8",
}
DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


class Row(NamedTuple):
    """A row and the line on which it begins, from 1."""

    line: int
    fields: list[str]


def read_rows(data: bytes, findings: Findings) -> list[Row]:
    """Return the rows that are not blank, the header first; what is odd goes into the findings."""
    magic = next((what for mark, what in MAGICS.items() if data.startswith(mark)), None)
    if magic is None and data[1:64:2].strip(b"\0") == b"" and len(data) > 3:
        magic = "UTF-16, not UTF-8"
    if magic is not None:
        findings.add(f"the file is {magic}", PLAIN)
        return []
    if data.startswith(BOM):
        findings.add("the file begins with a byte-order mark", "Save it as UTF-8 without BOM.", 1, harmless=True)
        data = data.removeprefix(BOM)
    _look_at_line_ends(data, findings)
    text = _without_nul(data, findings).decode("utf-8", "surrogateescape")
    rows = list(_parse(text, _delimiter(text, findings), findings))
    if not rows:
        findings.add("the file is empty", "Wanted a header line and one line an image.")
    return rows


def _look_at_line_ends(data: bytes, findings: Findings) -> None:
    pairs = data.count(b"\r\n")
    feeds, returns = data.count(b"\n") - pairs, data.count(b"\r") - pairs
    if (pairs > 0) + (feeds > 0) + (returns > 0) > 1:
        lines = data.replace(b"\r\n", b"\0").replace(b"\r", b"\1").replace(b"\n", b"\2")
        ends = [byte for byte in lines if byte < 3]
        line = next(number for number, end in enumerate(ends, start=1) if end != ends[0])
        findings.add("line ends are mixed", "End every line with a line feed alone.", line, harmless=True)
    elif pairs:
        findings.add("lines end in CR LF, as on Windows", "A strict judge wants a line feed alone.", harmless=True)
    elif returns:
        findings.add("lines end in CR alone", "End every line with a line feed.", harmless=True)
    if data and not data.endswith((b"\n", b"\r")):
        last = data.count(b"\n") + (data.count(b"\r") - pairs) + 1
        findings.add(
            "the last line has no end, as in a file that was cut off", "See that it is whole.", last, harmless=True
        )


def _without_nul(data: bytes, findings: Findings) -> bytes:
    for number, line in enumerate(data.split(b"\n") if b"\0" in data else [], start=1):
        if b"\0" in line:
            findings.add("there are NUL bytes, as in a damaged file", "Write the file again.", number)
    return data.replace(b"\0", b"")


def _delimiter(text: str, findings: Findings) -> str:
    """Return what separates fields, by the first line."""
    first = text.lstrip("\r\n").partition("\n")[0]
    if "," in first:
        return ","
    for mark, what in DELIMITERS.items():
        if mark in first:
            findings.add(f"fields are separated by {what}, not commas", PLAIN, 1)
            return mark
    return ","


def _parse(text: str, delimiter: str, findings: Findings) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.add(f"from here on the file is no CSV ({error})", "Look for a quote that is not closed.", line)
            return
        if fields:
            yield Row(line, fields)
        else:
            findings.add("there are blank lines", "Remove them.", line, harmless=True)
