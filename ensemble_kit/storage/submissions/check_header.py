"""Which column of a submission holds the ids and which the labels, and what is wrong with its header.

Goes by what the columns hold as well as by their names, so that swapped columns, an index column or
a missing header are called by their names. Never looks at single ids or labels.
"""

from typing import Final, NamedTuple

from ensemble_kit.storage.submissions.check_file import Row
from ensemble_kit.storage.submissions.findings import Findings, shown

LOOKED_AT: Final = 200  # rows that tell what a column holds
INDEX_NAMES: Final = ("", "index", "Unnamed: 0")


class Columns(NamedTuple):
    """The header, where ids and labels stand, and the rows below that are no header."""

    header: list[str]
    ids: int
    labels: int
    rows: list[Row]

    def id_of(self, fields: list[str]) -> str:
        """Return the id of a row; empty where the row is too short."""
        return fields[self.ids] if self.ids < len(fields) else ""

    def label_of(self, fields: list[str]) -> str:
        """Return the label of a row; empty where the row is too short."""
        return fields[self.labels] if self.labels < len(fields) else ""


def find_columns(
    rows: list[Row],
    ids: frozenset[str],
    classes: frozenset[str],
    wanted: tuple[str, str] | None,
    findings: Findings,
) -> Columns | None:
    """Return where ids and labels stand; None where there are not two columns.

    Args:
        wanted: what the two columns are called; None: anything.
    """
    if not rows:
        return None
    first, body = rows[0], rows[1:]
    if first.fields[0].casefold().startswith("sep="):
        findings.add("the file begins with a spreadsheet's 'sep=' line", "Remove it.", first.line)
        return find_columns(body, ids, classes, wanted, findings)
    names = " and ".join(map(shown, wanted)) if wanted else "an id and a label column"
    if ids.intersection(first.fields):
        findings.add("there is no header", f"Wanted {names} in the first line.", first.line)
        first, body = Row(0, list(wanted or ("image_id", "label"))), rows
    body = _without_headers(first, body, findings)
    if not body:
        findings.add("there is a header but no rows", "Wanted one row an image.", first.line)
    if len(first.fields) < 2:
        findings.add("there is one column alone", f"Wanted {names}.", first.line)
        return None
    columns = _placed(first, body, ids, classes, wanted)
    _check_header(columns, first.line, ids, classes, wanted, findings)
    return columns


def _without_headers(first: Row, body: list[Row], findings: Findings) -> list[Row]:
    """Return the rows without those that are the header again."""
    for row in body:
        if row.fields == first.fields:
            findings.add("the header stands here again, as in joined files", "Remove it.", row.line)
    return [row for row in body if row.fields != first.fields]


def _placed(
    first: Row, body: list[Row], ids: frozenset[str], classes: frozenset[str], wanted: tuple[str, str] | None
) -> Columns:
    """Return the columns by name, else by what they hold, else the first two."""
    header = first.fields
    width = range(len(header))
    if wanted and header.count(wanted[0]) == header.count(wanted[1]) == 1 and not _swapped(header, body, ids, wanted):
        return Columns(header, header.index(wanted[0]), header.index(wanted[1]), body)
    held = [_held(body, column, ids) for column in width]
    start = 1 if len(header) == 3 and header[0] in INDEX_NAMES else 0
    place = held.index(max(held)) if max(held) else start
    others = [column for column in width if column != place and not (start and column == 0)]
    named = [_held(body, column, classes) for column in others]
    label = others[named.index(max(named))] if max(named) else next((c for c in others if c > place), others[0])
    return Columns(header, place, label, body)


def _swapped(header: list[str], body: list[Row], ids: frozenset[str], wanted: tuple[str, str]) -> bool:
    """Say whether the ids stand under the name of the labels."""
    under_ids, under_labels = (_held(body, header.index(name), ids) for name in wanted)
    return under_labels > under_ids


def _held(body: list[Row], column: int, texts: frozenset[str]) -> int:
    """Return how many of the first rows hold one of the texts in that column."""
    return sum(column < len(row.fields) and row.fields[column] in texts for row in body[:LOOKED_AT])


def _check_header(
    columns: Columns,
    line: int,
    ids: frozenset[str],
    classes: frozenset[str],
    wanted: tuple[str, str] | None,
    findings: Findings,
) -> None:
    """Note what is wrong with the names and the number of columns."""
    header = columns.header
    got = ",".join(header)
    names = " and ".join(map(shown, wanted)) if wanted else "an id and a label column"
    if len(header) > 2:
        what, remedy = _too_wide(header, classes)
        findings.add(what, f"{remedy} Wanted {names} alone.", line, shown(got))
    elif columns.ids > columns.labels:
        findings.add("labels stand before ids", f"Wanted {names}, in this order.", line, shown(got))
    elif wanted and tuple(header) != wanted:
        alike = [name.strip().casefold() for name in header] == [name.strip().casefold() for name in wanted]
        why = " by case or blanks" if alike else ""
        findings.add(f"the header is another{why}", f"Wanted {shown(','.join(wanted))}.", line, shown(got))


def _too_wide(header: list[str], classes: frozenset[str]) -> tuple[str, str]:
    if classes and len(classes.intersection(header)) >= min(2, len(classes)):
        return "there is a column for each class (one-hot, or scores)", "Write the name of the best class instead."
    if len(header) == 3 and header[0] in INDEX_NAMES:
        return "the first column is pandas' index", "Write with to_csv(index=False)."
    if not any(header[2:]):
        return "the header ends in a comma", "Remove it from every line."
    return "there are more than two columns", "Remove the others."
