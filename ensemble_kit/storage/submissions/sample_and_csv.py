"""Sample files, submission CSVs, and the JSON beside each that says where it came from.

Ids are matched by name, or by stem where that is one to one; anything missing, extra
or doubled is an error that names the first. Never sorts or drops a row in silence.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from ensemble_kit.csv_text import render_csv
from ensemble_kit.disk import beside, read_plain, sha256_of, unseal
from ensemble_kit.errors import (
    BadDataError,
    CorruptError,
    InvalidOptionError,
    LockedError,
    MisalignedError,
    ResourceError,
)
from ensemble_kit.id_forms import FORMS, stem
from ensemble_kit.storage.files import REPLACES, check_pair, locked, sealed_voucher, write_pair
from ensemble_kit.texts import Reader, bare, same

HEADER = ("image_id", "label")
CSV_SHA256 = "csv_sha256"
ID_FORMS = ("name", "stem")
MISSING: Final = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "nat", "?"})
"""What stands in place of a label that is not there, in small letters."""
ROWS_AT_ONCE = 1 << 14
CELLS = "ids and labels byte for byte, also those that a spreadsheet would take for formulas"


class Sample(NamedTuple):
    """What a sample file asks for: the names of its two columns, the ids in order, and the labels beside them."""

    id_column: str
    label_column: str
    ids: tuple[str, ...]
    labels: tuple[str, ...] = ()

    def other_labels(self, classes: Collection[str]) -> tuple[str, ...]:
        """Return its labels where none of them is a class, each once; nothing where one is, or all are missing."""
        labels = tuple(label for label in dict.fromkeys(map(bare, self.labels)) if label.casefold() not in MISSING)
        known = {same(name) for name in classes}
        return () if any(same(label) in known for label in labels) else labels


def read_sample(path: Path, reader: Reader | None = None) -> Sample:
    """Return the columns and rows of a sample submission: the id column first, then the label column.

    Args:
        reader: how the file is read; keeps what has to be said of it.

    Raises:
        BadDataError: no such file, no two columns, an empty or doubled id; names the row.
    """
    try:
        header, rows, _ = (reader or Reader()).table(path, as_written=True)
    except OSError as error:
        raise BadDataError(f"Cannot read the sample file {path}: {error.strerror or error}{beside(path)}") from error
    if len(header) != 2 or "" in header:
        raise BadDataError(f"{path}: wanted two columns, ids and labels, got the header {','.join(header)[:200]!r}.")
    first: dict[str, int] = {}
    for number, (image_id, _) in enumerate(rows, start=1):
        if image_id == "":
            raise BadDataError(f"{path}: row {number} after the header has an empty id.")
        if image_id in first:
            raise BadDataError(
                f"{path}: {image_id!r} stands in rows {first[image_id]} and {number} after the header; "
                "wanted each id once."
            )
        first[image_id] = number
    if not rows:
        raise BadDataError(f"{path} has a header but no ids; wanted one row per image.")
    return Sample(header[0], header[1], tuple(first), tuple(label for _, label in rows))


def match_sample(sample_ids: Sequence[str], our_ids: Sequence[str]) -> tuple[int, ...]:
    """Return, for each id of the sample, the place of that image among ours.

    Ids match as they stand; else without our endings, both endings, our folders, our folders and endings, their
    folders, or their folders and both endings; else so without the blanks around theirs.

    Raises:
        MisalignedError: ids are missing, extra or doubled; names the first.

    Example:
        >>> match_sample(["b", "a"], ["a.jpg", "b.jpg"]), match_sample(["b", "a"], ["x/a.jpg", "y/b.jpg"])
        ((1, 0), (1, 0))
    """
    for form_theirs, form_ours in FORMS:
        theirs, ours = [form_theirs(one) for one in sample_ids], [form_ours(one) for one in our_ids]
        place = {image_id: index for index, image_id in enumerate(ours)}
        distinct = len(place) == len(ours) and len(set(theirs)) == len(theirs)
        if distinct and place.keys() == set(theirs):
            return tuple(place[image_id] for image_id in theirs)
    raise MisalignedError(_mismatch(sample_ids, our_ids))


def id_form(ids: Sequence[str], form: str) -> tuple[str, ...]:
    """Return the ids as the submission shows them: as they are, or without their ending.

    Raises:
        InvalidOptionError: another form, or two ids that share a stem.

    Example:
        >>> id_form(["0001.png", "0002.png"], "stem")
        ('0001', '0002')
    """
    if form not in ID_FORMS:
        raise InvalidOptionError(f"Wanted ids by {' or '.join(ID_FORMS)}, got {form!r}.")
    if form == "name":
        return tuple(ids)
    first: dict[str, str] = {}
    for image_id in ids:
        if stem(image_id) in first:
            raise InvalidOptionError(
                f"{first[stem(image_id)]!r} and {image_id!r} share the stem {stem(image_id)!r}; give --id name."
            )
        first[stem(image_id)] = image_id
    return tuple(first)


def write_submission(
    path: Path,
    ids: Sequence[str],
    labels: Sequence[str],
    header: Sequence[str] = HEADER,
    provenance: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> Path:
    """Write the CSV and its provenance, `<stem>.json` beside it, under one lock; return that path.

    Args:
        labels: class names, one an id.
        provenance: what the labels came from; the CSV's name and sha256 are added.
        replace: see `check_replaceable`.

    Raises:
        InvalidOptionError: the path does not end in .csv, or holds what ek did not write as it is.
        MisalignedError: not one label an id, or a doubled id.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_replaceable(path, replace)
    if len(ids) != len(labels) or len(set(ids)) < len(ids):
        raise MisalignedError(
            f"Wanted one label for each of {len(set(ids))} distinct ids, got {len(labels)} labels and {len(ids)} ids."
        )
    said = {**(provenance or {}), "csv": path.name, "cells": CELLS}
    beside = sealed_voucher(path.with_suffix(".json"), CSV_SHA256, said)
    write_pair(path, _csv_parts(path, header, ids, labels), beside, replace)
    return beside.path


def check_replaceable(path: Path, replace: bool) -> None:
    """Raise unless a submission may be written there: nothing is there, or what ek wrote, byte for byte.

    Args:
        replace: whether what is there may go in any case.

    Raises:
        InvalidOptionError: a name that does not end in .csv; the CSV or the JSON beside it is another's, or was edited.
    """
    if path.suffix != ".csv":
        raise InvalidOptionError(f"Wanted a submission file that ends in .csv, got {path}.")
    check_pair(path, sealed_voucher(path.with_suffix(".json"), CSV_SHA256, {}), replace)


def _csv_parts(path: Path, header: Sequence[str], ids: Sequence[str], labels: Sequence[str]) -> list[bytes]:
    """Return the CSV in parts, so that its rows are never all in memory as objects."""
    parts = [render_csv([header], path)]
    for start in range(0, len(ids), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        parts.append(render_csv(zip(ids[rows], labels[rows], strict=True), path))
    return parts


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the provenance of a submission, after checking its CSV against it.

    Where they differ, a writer may just stand between the two: it is let finish, then both are
    read once more.

    Args:
        path: the .json beside the CSV.

    Raises:
        CorruptError: the CSV or its provenance is damaged, missing, or from another run.
    """
    try:
        return _read_pair(path)
    except CorruptError:
        with suppress(LockedError, ResourceError), locked(path.parent):
            return _read_pair(path)
        raise


def read_csv(path: Path) -> bytes:
    """Return what a CSV holds, after checking it against its provenance, where that lies beside it.

    Raises:
        CorruptError: it is not the CSV that was written.
        OSError: it cannot be read.
    """
    provenance, data = path.with_suffix(".json"), read_plain(path)
    try:
        is_ours = f'"{CSV_SHA256}"'.encode() in provenance.read_bytes()
    except OSError:
        is_ours = False
    if not is_ours:
        return data
    said, got = unseal(provenance.read_bytes(), provenance), hashlib.sha256(data).hexdigest()
    if got not in (said.get(CSV_SHA256), said.get(REPLACES)):
        read_provenance(provenance)  # raises, unless a writer stood between the two
        return path.read_bytes()
    return data


def _read_pair(path: Path) -> dict[str, Any]:
    """Return the provenance as one reading finds it."""
    try:
        provenance = unseal(path.read_bytes(), path)
        csv_path = path.with_suffix(".csv")
        got = sha256_of(csv_path)
    except FileNotFoundError as error:
        raise CorruptError(f"{error.filename} is missing; write the submission again: ek submit.") from error
    if got != provenance.get("csv_sha256"):
        raise CorruptError(
            f"{csv_path} is not the file that {path} describes: wanted sha256 "
            f"{provenance.get('csv_sha256')}, got {got}. Write the submission again; or, if it was changed on "
            f"purpose, remove {path.name}, which no longer describes it."
        )
    return provenance


def _mismatch(sample_ids: Sequence[str], our_ids: Sequence[str]) -> str:
    """Say how the two lists of ids differ, in the form in which they differ least."""
    forms: tuple[Callable[[str], str], ...] = (str, stem)
    form = min(forms, key=lambda one: len({one(i) for i in sample_ids} ^ {one(i) for i in our_ids}))
    theirs, ours = [form(image_id) for image_id in sample_ids], [form(image_id) for image_id in our_ids]
    asked, there = set(theirs), set(ours)
    parts = []
    for word, ids in (
        ("missing from our images", [one for one in theirs if one not in there]),
        ("not in the sample", [one for one in ours if one not in asked]),
        ("doubled in the sample", _doubled(theirs)),
        ("doubled in our images", _doubled(ours)),
    ):
        if ids:
            parts.append(f"{len(ids)} {word}, first: {ids[0]!r}")
    return (
        f"The sample has {len(sample_ids)} ids, we predicted {len(our_ids)} images; {'; '.join(parts)}. "
        "Wanted the same images, each once: predict the sample's images, or correct the sample."
    )


def _doubled(ids: Sequence[str]) -> list[str]:
    return [one for one, count in Counter(ids).items() if count > 1]
