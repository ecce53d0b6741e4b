"""One submission against what is wanted: every problem of the file at once, each with lines and a remedy.

What leaves no doubt about any image is a note: rows in another order, line ends, a byte-order
mark. Everything else is an error; no row is ever guessed at, sorted or dropped in silence.
Whoever writes the labels out again gets them in the wanted order. To add a check: see
`check_file` for files, `check_causes` for ids and labels; columns and rows are here.
"""

from pathlib import Path
from typing import Final, NamedTuple

from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.id_forms import is_rounded
from ensemble_kit.storage.submissions import check_causes as causes
from ensemble_kit.storage.submissions.check_causes import few, shown
from ensemble_kit.storage.submissions.check_file import Finding, Findings, Row, read_rows
from ensemble_kit.storage.submissions.sample_and_csv import HEADER, read_csv
from ensemble_kit.texts import bare, spelled

LOOKED_AT: Final = 200  # rows that tell what a column holds
INDEX_NAMES: Final = ("", "index", "Unnamed: 0")


class Wanted(NamedTuple):
    """What a submission must hold.

    ids: each once; their order is that of the sample.
    classes: which labels there are; empty where nobody knows.
    header: the names of the two columns; None: any.
    as_host: whether it is read as a host reads it: rows in any order; ids that lack their folder or
        ending, or have another, where it is clear which is meant; and labels that no image has are wrong, no more.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...] = ()
    header: tuple[str, str] | None = None
    as_host: bool = False


class Checked(NamedTuple):
    """What was found; header, labels: in the order of the wanted ids, empty where there are errors."""

    header: tuple[str, ...]
    labels: tuple[str, ...]
    errors: tuple[Finding, ...]
    notes: tuple[Finding, ...]


class Table(NamedTuple):
    """The header, which columns hold ids and labels, and the rows below that are no header."""

    header: list[str]
    ids: int
    labels: int
    rows: list[Row]


def check_submission(data: bytes, wanted: Wanted, encoding: str | None = None) -> Checked:
    r"""Return the labels of a submission, or all that is wrong with it.

    Args:
        encoding: of a file that is not UTF-8.

    Example:
        >>> wanted = Wanted(("01.png", "02.png"), ("cat", "dog"), ("image_id", "label"))
        >>> check_submission(b"image_id,label\n02.png,dog\n01.png,cat\n", wanted).labels
        ('cat', 'dog')
        >>> check_submission(b"image_id,label\n01.png,Cat\n02.png,dog\n", wanted).errors[0].sentence()
        "line 2: labels differ in case: 'Cat' (wanted 'cat'). Write them as they are."
    """
    findings, found = Findings(), dict[str, str]()
    table = _find_table(read_rows(data, findings, encoding), wanted, findings)
    if table:
        _check_widths(table, findings)
        found = _check_ids(table, wanted, findings)
        _check_labels(table, wanted, findings)
    errors, notes = tuple(findings.errors.values()), tuple(findings.notes.values())
    if errors or not table:
        return Checked((), (), errors, notes)
    return Checked(tuple(table.header), tuple(found[image_id] for image_id in wanted.ids), errors, notes)


def read_checked(path: Path, wanted: Wanted, encoding: str | None = None) -> Checked:
    """Return the labels of a submission that is fit to be handed in.

    Raises:
        BadDataError: it cannot be read, or is not fit; lists every kind of problem.
        CorruptError: ek wrote it, and it has changed since.
    """
    try:
        checked = check_submission(read_csv(path), wanted, encoding)
    except OSError as error:
        raise BadDataError(f"Cannot read the submission {path}: {error.strerror or error}{beside(path)}") from error
    if checked.errors:
        listed = [f"  {finding.sentence()}" for finding in checked.errors]
        raise BadDataError(f"{path} is not fit to be {'scored' if wanted.as_host else 'handed in'}:", *listed)
    return checked


def _find_table(rows: list[Row], wanted: Wanted, findings: Findings) -> Table | None:
    """Return where ids and labels stand, and note what is wrong with the header; None: there are not two columns."""
    while rows and rows[0].fields[0].casefold().startswith("sep="):
        findings.add("the file begins with a spreadsheet's 'sep=' line", "Remove it.", rows.pop(0).line)
    if not rows:
        return None
    names = " and ".join(map(shown, wanted.header)) if wanted.header else "an id and a label column"
    first, *body = rows
    if not set(first.fields).isdisjoint(wanted.ids):
        findings.add("there is no header", f"Wanted {names} in the first line.", first.line)
        first, body = Row(0, list(wanted.header or HEADER)), rows
    header = first.fields
    for row in body:
        if row.fields == header:
            findings.add("the header stands here again, as in joined files", "Remove it.", row.line)
    body = [row for row in body if row.fields != header]
    if not body:
        findings.add("there is a header but no rows", "Wanted one row per image.", first.line)
    if len(header) < 2:
        findings.add("there is one column alone", f"Wanted {names}.", first.line)
        return None
    indexed = len(header) == 3 and header[0] in INDEX_NAMES
    ids, labels = _places(header, body, wanted, int(indexed))
    if problem := _bad_header(header, names, wanted, indexed, ids > labels):
        findings.add(*problem, first.line, shown(",".join(header)))
    return Table(header, ids, labels, body)


def _places(header: list[str], body: list[Row], wanted: Wanted, start: int) -> tuple[int, int]:
    """Return the columns of ids and labels: by name unless swapped, else by what they hold, else from `start` on."""

    def held(texts: tuple[str, ...]) -> list[int]:
        known = frozenset(texts)
        return [sum(row.cell(column) in known for row in body[:LOOKED_AT]) for column in range(len(header))]

    ids, classes = held(wanted.ids), held(wanted.classes)
    if wanted.header and all(header.count(name) == 1 for name in wanted.header):
        place, label = map(header.index, wanted.header)
        if ids[place] >= ids[label]:
            return place, label
    place = ids.index(max(ids)) if any(ids) else start
    others = [column for column in range(start, len(header)) if column != place]
    told = any(classes[column] for column in others)
    return place, max(others, key=lambda column: classes[column] if told else column > place)


def _bad_header(header: list[str], names: str, wanted: Wanted, indexed: bool, swapped: bool) -> tuple[str, str] | None:
    """Return what is wrong with the names or the number of columns, and the remedy."""
    if len(header) > 2:
        what, remedy = "there are more than two columns", "Remove the others."
        if wanted.classes and len({*header} & {*wanted.classes}) >= min(2, len(wanted.classes)):
            what = "there is a column for each class (one-hot, or scores)"
            remedy = "Write the name of the best class instead."
        elif indexed:
            what, remedy = "the first column is pandas' index", "Write with to_csv(index=False)."
        elif not any(header[2:]):
            what, remedy = "the header ends in a comma", "Remove it from every line."
        return what, f"{remedy} Wanted {names} alone."
    if swapped:
        return "labels stand before ids", f"Wanted {names}, in this order."
    if not wanted.header or tuple(header) == wanted.header:
        return None
    bare, bare_wanted = ([name.strip().casefold() for name in both] for both in (header, wanted.header))
    why = " by case or blanks" if bare == bare_wanted else ""
    return f"the header is another{why}", f"Wanted {shown(','.join(wanted.header))}."


def _check_widths(table: Table, findings: Findings) -> None:
    width = len(table.header)
    for line, fields in table.rows:
        if len(fields) > width and not any(fields[width:]):
            findings.add(f"rows end in a comma, so they have more than {width} fields", "Remove the commas.", line)
        elif len(fields) != width:
            what = f"rows have another number of fields than the header, which has {width}"
            findings.add(what, "Put ids that hold commas in quotes.", line, f"{len(fields)} fields")


def _check_ids(table: Table, wanted: Wanted, findings: Findings) -> dict[str, str]:
    """Return the label of each wanted id, and note what is wrong; ids that are spoilt count as what they were."""
    known, explain = frozenset(wanted.ids), causes.explainer(wanted.ids, causes.ID_CAUSES)
    found: dict[str, Row] = {}
    for row in table.rows:
        given = row.cell(table.ids)
        image_id = given if given in known else _meant(given, row.line, explain, wanted.as_host, findings)
        if image_id in found:
            twice = f"{shown(given)}, first on line {found[image_id].line}"
            findings.add("ids stand twice", "Keep one row an id.", row.line, twice)
        elif image_id is not None:
            found[image_id] = row
    missing = [image_id for image_id in wanted.ids if image_id not in found]
    if missing:
        findings.add(f"{len(missing)} of {len(wanted.ids)} ids are missing: {few(missing)}", "Add a row for each.")
    elif not wanted.as_host and list(found) != list(wanted.ids):
        line = next(row.line for row, got, id in zip(table.rows, found, wanted.ids, strict=False) if got != id)
        what = "rows stand in another order than wanted, from here on"
        findings.add(what, "A judge may go by position.", line, harmless=True)
    return {image_id: row.cell(table.labels) for image_id, row in found.items()}


def _meant(given: str, line: int, explain: causes.Explain, as_host: bool, findings: Findings) -> str | None:
    """Return which wanted id this was, and note what became of it; None for an id that nobody wants."""
    explained = explain(given) if given.strip() and not is_rounded(given) else None
    if explained:
        cause, image_id = explained
        if as_host and cause in (causes.BLANKS, causes.ENDINGS, causes.FOLDERS):
            without = "blanks" if cause is causes.BLANKS else "folder or ending"
            findings.add(f"ids were matched without {without}", "Write them as they are.", line, harmless=True)
        else:
            findings.add(f"ids {cause.what}", cause.remedy, line, f"{shown(given)} (wanted {shown(image_id)})")
        return image_id
    if is_rounded(given):
        what, remedy = causes.ROUNDED
        findings.add(f"ids were {what}", remedy, line, shown(given))
    elif given.strip():
        remedy = f"Remove these rows, or give the right {'--labels' if as_host else '--sample'}."
        findings.add("ids are not asked for", remedy, line, shown(given))
    else:
        findings.add("ids are empty", "Write an id in every row.", line)
    return None


def _check_labels(table: Table, wanted: Wanted, findings: Findings) -> None:
    known, explain = frozenset(wanted.classes), causes.explainer(wanted.classes, causes.LABEL_CAUSES)
    for row in table.rows:
        given = row.cell(table.labels)
        if given in known:
            continue
        if not known and given.strip():
            if given != bare(given):
                findings.add("labels have blanks around them", "Remove the blanks.", row.line, spelled(given))
            continue
        if explained := explain(given):
            cause, meant = explained
            findings.add(f"labels {cause.what}", cause.remedy, row.line, f"{shown(given)} (wanted {shown(meant)})")
            continue
        what, remedy, hint = causes.wrong_label(given, wanted.classes, row is table.rows[-1])
        harmless = wanted.as_host and what == causes.NO_CLASS
        what = "are of no image, so they count as wrong" if harmless else what
        findings.add(f"labels {what}", remedy, row.line, f"{shown(given)}{hint}", harmless=harmless)
