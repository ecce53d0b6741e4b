"""The file of a submission -> its rows, and findings: what is odd about it.

Lines are counted from 1, the header included, as an editor shows them. Never knows what is wanted.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ensemble_kit.storage.submissions.check_causes import SHOWN
from ensemble_kit.texts import SEPARATORS, NoTextError, decode, separator_of, without_mark

BOM: Final = b"\xef\xbb\xbf"
PLAIN: Final = "Save it as comma-separated UTF-8."


class Finding(NamedTuple):
    """One kind of thing that was found: what, in words that fit behind 'lines 3, 7:', and where."""

    what: str
    remedy: str
    lines: list[int]
    examples: list[str]

    def sentence(self) -> str:
        """Return the finding in one line.

        Example:
            >>> Finding("ids are empty", "Write an id in every row.", [2, 3, 5, 7, 11, 13], []).sentence()
            'lines 2, 3, 5, 7, 11, ... (6 in all): ids are empty. Write an id in every row.'
        """
        count = len(self.lines)
        more = f", ... ({count} in all)" if count > SHOWN else ""
        where = f"line{'s' if count > 1 else ''} {', '.join(map(str, self.lines[:SHOWN]))}{more}: " if count else ""
        examples = ", ".join(list(dict.fromkeys(self.examples))[:SHOWN])
        return f"{where}{self.what}{': ' if examples else ''}{examples}. {self.remedy}".replace("....", "...")


@dataclass
class Findings:
    """All that was found, each kind once, in the order in which it was found first.

    errors: what makes the file unfit.
    notes: what misleads no careful reader; a strict judge may still refuse it.
    """

    errors: dict[str, Finding] = field(default_factory=dict)
    notes: dict[str, Finding] = field(default_factory=dict)

    def add(self, what: str, remedy: str, line: int | None = None, example: str = "", harmless: bool = False) -> None:
        """Note one thing; no line: it is of the whole file."""
        finding = (self.notes if harmless else self.errors).setdefault(what, Finding(what, remedy, [], []))
        finding.lines.extend([] if line is None else [line])
        finding.examples.extend([example] if example else [])


class Row(NamedTuple):
    """A row and the line on which it begins."""

    line: int
    fields: list[str]

    def cell(self, column: int) -> str:
        """Return one field; empty where the row is too short."""
        return self.fields[column] if column < len(self.fields) else ""


def read_rows(data: bytes, findings: Findings, encoding: str | None = None) -> list[Row]:
    """Return the rows that are not blank, the header first; what is odd goes into the findings.

    Args:
        encoding: of a file that is not UTF-8.
    """
    try:
        text, name = decode(data, encoding)
    except NoTextError as error:
        findings.add(f"the file {error.what}", error.remedy, error.line)
        return []
    if data.startswith(BOM):
        findings.add("the file begins with a byte-order mark", "Save it as UTF-8 without BOM.", 1, harmless=True)
    elif name != "utf-8":
        findings.add(f"the file is {name.upper()}, not UTF-8", PLAIN, harmless=True)
    _check_line_ends(text, findings)
    for number, line in enumerate(text.split("\n") if "\0" in text else [], start=1):
        if "\0" in line:
            findings.add("there are NUL bytes, as in a damaged file", "Write the file again.", number)
    rows = list(_parse(text.replace("\0", ""), findings))
    if not rows:
        findings.add("the file is empty", "Wanted a header line and one line per image.")
    return rows


def _check_line_ends(text: str, findings: Findings) -> None:
    ends = re.findall(r"\r\n|\r|\n", text)
    other = next((line for line, end in enumerate(ends, start=1) if end != ends[0]), None)
    if other:
        findings.add("line ends are mixed", "End every line with a line feed alone.", other, harmless=True)
    elif "\r\n" in ends:
        findings.add("lines end in CR LF, as on Windows", "A strict judge wants a line feed alone.", harmless=True)
    elif "\r" in ends:
        findings.add("lines end in CR alone", "End every line with a line feed.", harmless=True)
    if text and not text.endswith(("\n", "\r")):
        what = "the last line has no end, as in a file that was cut off"
        findings.add(what, "See that it is whole.", len(ends) + 1, harmless=True)


def _parse(text: str, findings: Findings) -> Iterator[Row]:
    mark = without_mark(text)[1] or separator_of(text)
    if mark != ",":
        findings.add(f"fields are separated by {SEPARATORS.get(mark, repr(mark))}, not commas", PLAIN, 1, harmless=True)
    reader, line = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True), 1
    try:
        for fields in reader:
            if fields:
                yield Row(line, fields)
            else:
                findings.add("there are blank lines", "Remove them.", line, harmless=True)
            line = reader.line_num + 1
    except csv.Error as error:
        findings.add(f"from here on the file is no CSV ({error})", "Look for a quote that is not closed.", line)
