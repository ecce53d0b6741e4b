"""One submission against what is wanted: every problem of the file at once, each with lines and a remedy.

What leaves no doubt about any image is a note: rows in another order, line ends, a byte-order
mark. Everything else is an error; no row is ever guessed at, sorted or dropped in silence.
Whoever writes the labels out again gets them in the wanted order. To add a check: see
`submission_file` for files, `submission_header` for columns, `submission_causes` for ids and labels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.submissions.check_causes import ENDINGS, FOLDERS, ID_CAUSES, LABEL_CAUSES, Known, label_cause
from ensemble_kit.storage.submissions.check_file import read_rows
from ensemble_kit.storage.submissions.check_header import Columns, find_columns
from ensemble_kit.storage.submissions.findings import SHOWN, Finding, Findings, shown
from ensemble_kit.storage.submissions.sample_and_csv import read_csv

NO_CLASS: Final = "are no classes"


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


def check_submission(data: bytes, wanted: Wanted) -> Checked:
    r"""Return the labels of a submission, or all that is wrong with it.

    Example:
        >>> wanted = Wanted(("01.png", "02.png"), ("cat", "dog"), ("image_id", "label"))
        >>> check_submission(b"image_id,label\n02.png,dog\n01.png,cat\n", wanted).labels
        ('cat', 'dog')
        >>> check_submission(b"image_id,label\n01.png,Cat\n02.png,dog\n", wanted).errors[0].sentence()
        "line 2: labels differ in case: 'Cat' (wanted 'cat'). Write them as they are."
    """
    findings = Findings()
    rows = read_rows(data, findings)
    ids, classes = Known(wanted.ids, ID_CAUSES), Known(wanted.classes, LABEL_CAUSES)
    columns = find_columns(rows, ids.texts, classes.texts, wanted.header, findings)
    found: dict[str, str] = {}
    if columns is not None:
        _check_widths(columns, findings)
        found = _by_id(columns, ids, wanted.as_host, findings)
        _check_ids(columns, found, wanted, findings)
        _check_labels(columns, classes, wanted.as_host, findings)
    if columns is None or findings.errors:
        return Checked((), (), findings.errors, findings.notes)
    labels = tuple(found[image_id] for image_id in wanted.ids)
    return Checked(tuple(columns.header), labels, findings.errors, findings.notes)


def read_checked(path: Path, wanted: Wanted) -> Checked:
    """Return the labels of a submission that is fit to be handed in.

    Raises:
        BadDataError: it cannot be read, or is not fit; lists every kind of problem.
        CorruptError: ek wrote it, and it has changed since.
    """
    try:
        checked = check_submission(read_csv(path), wanted)
    except OSError as error:
        raise BadDataError(f"Cannot read the submission {path}: {error.strerror or error}{beside(path)}") from error
    if checked.errors:
        listed = [f"  {finding.sentence()}" for finding in checked.errors]
        purpose = "scored" if wanted.as_host else "handed in"
        raise BadDataError(f"{path} is not fit to be {purpose}:", *listed)
    return checked


def _check_widths(columns: Columns, findings: Findings) -> None:
    width = len(columns.header)
    for line, fields in columns.rows:
        if len(fields) > width and not any(fields[width:]):
            findings.add(f"rows end in a comma, so they have more than {width} fields", "Remove the commas.", line)
        elif len(fields) != width:
            said = f"rows have another number of fields than the header, which has {width}"
            findings.add(said, "Put ids that hold commas in quotes.", line, f"{len(fields)} fields")


def _by_id(columns: Columns, known: Known, as_host: bool, findings: Findings) -> dict[str, str]:
    """Return the label of each wanted id; ids that are spoilt count as what they were."""
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, fields in columns.rows:
        given = columns.id_of(fields)
        image_id = given if given in known.texts else _explained(given, line, known, as_host, findings)
        if image_id is None:
            continue
        if image_id in lines:
            findings.add(
                "ids stand twice", "Keep one row an id.", line, f"{shown(given)}, first on line {lines[image_id]}"
            )
        lines.setdefault(image_id, line)
        found.setdefault(image_id, columns.label_of(fields))
    return found


def _explained(given: str, line: int, known: Known, as_host: bool, findings: Findings) -> str | None:
    """Return which wanted id this was, and note what became of it; None for an id that nobody wants."""
    if not given.strip():
        findings.add("ids are empty", "Write an id in every row.", line)
        return None
    explained = known.cause(given)
    if explained is None:
        asking = "--labels" if as_host else "--sample"
        findings.add("ids are not asked for", f"Remove these rows, or give the right {asking}.", line, shown(given))
        return None
    cause, image_id = explained
    if as_host and cause.what in (ENDINGS, FOLDERS):
        findings.add("ids were matched without folder or ending", "Write them as they are.", line, harmless=True)
    else:
        findings.add(f"ids {cause.what}", cause.remedy, line, f"{shown(given)} (wanted {shown(image_id)})")
    return image_id


def _check_ids(columns: Columns, found: Mapping[str, str], wanted: Wanted, findings: Findings) -> None:
    """Note ids that are missing, and rows in another order."""
    missing = [image_id for image_id in wanted.ids if image_id not in found]
    if missing:
        named = ", ".join(map(shown, missing[:SHOWN])) + (", ..." if len(missing) > SHOWN else "")
        findings.add(f"{len(missing)} of {len(wanted.ids)} ids are missing: {named}", "Add a row for each.")
    elif not wanted.as_host and list(found) != list(wanted.ids):
        place = next(place for place, (a, b) in enumerate(zip(found, wanted.ids, strict=True)) if a != b)
        line = columns.rows[min(place, len(columns.rows) - 1)].line
        findings.add(
            "rows stand in another order than wanted, from here on", "A judge may go by position.", line, harmless=True
        )


def _check_labels(columns: Columns, known: Known, as_host: bool, findings: Findings) -> None:
    last = columns.rows[-1].line if columns.rows else 0
    for line, fields in columns.rows:
        given = columns.label_of(fields)
        if given in known.texts or (not known.order and given.strip()):
            continue
        what, remedy, meant = _wrong_label(given, known, line == last)
        harmless = as_host and what == NO_CLASS
        what = "are of no picture, so they count as wrong" if harmless else what
        findings.add(f"labels {what}", remedy, line, f"{shown(given)}{meant}", harmless=harmless)


def _wrong_label(given: str, known: Known, is_last: bool) -> tuple[str, str, str]:
    """Return what is wrong with a label, the remedy, and what it may mean."""
    if explained := known.cause(given):
        cause, meant = explained
        return cause.what, cause.remedy, f" (wanted {shown(meant)})"
    if special := label_cause(given, known.order):
        return special
    if is_last and any(name.startswith(given) for name in known.order):
        return "are cut off at the end of the file", "Write the file again.", ""
    few = ", ".join(map(shown, known.order[:SHOWN])) + (", ..." if len(known.order) > SHOWN else "")
    return NO_CLASS, f"Classes are {few}.", known.nearest(given)
