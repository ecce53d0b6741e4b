import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.members.rows_csv import parse_rows, render_rows
from ensemble_kit.types import Predictions

WHERE = Path("val.csv")
HOSTILE_IDS = [
    "0001", "1", "1e5", "NA", "nan", "None", " x", "x ", "x", "a,b", 'say "hi"', "two\nlines", "two\rlines",
    "caf\u00e9.png", "cafe\u0301.png", "caf\udce9.png", "image_id", "label", "\ufeffx", "'", "\\N", "-", "+1",
]  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def rows_of(ids, labels=None, groups=None, classes=("ant", "NA", "007")):
    logits = np.zeros((2, len(ids), len(classes)), np.float32)
    return Predictions("cnn", "val", ("identity", "hflip"), tuple(ids), classes, logits, labels, groups)


def test_hostile_ids_classes_and_groups_come_back_byte_for_byte():
    labels = np.arange(len(HOSTILE_IDS)) % 3
    held = rows_of(HOSTILE_IDS, labels, tuple(reversed(HOSTILE_IDS)))
    ids, read, groups = parse_rows(render_rows(held), WHERE, held.classes)
    assert ids == tuple(HOSTILE_IDS)
    assert groups == tuple(reversed(HOSTILE_IDS))
    assert np.array_equal(read, labels)


@settings(max_examples=300)
@given(st.lists(NAMES, min_size=1, unique=True), st.lists(NAMES, min_size=1, max_size=5, unique=True), st.data())
def test_any_ids_labels_and_groups_come_back(ids, classes, data):
    labels = np.array([data.draw(st.integers(0, len(classes) - 1)) for _ in ids])
    groups = tuple(data.draw(st.text(st.characters(exclude_categories=["Cs"]))) for _ in ids)
    held = rows_of(ids, labels, groups, tuple(classes))
    read_ids, read_labels, read_groups = parse_rows(render_rows(held), WHERE, classes)
    assert read_ids == tuple(ids)
    assert np.array_equal(read_labels, labels)
    assert read_groups == groups


def test_labels_are_stored_as_names_of_classes():
    assert render_rows(rows_of(["x", "y"], np.array([2, 1]))) == b"image_id,label\nx,007\ny,NA\n"


def test_columns_that_are_not_there_come_back_as_none():
    bare = rows_of(["x", "y"])
    assert render_rows(bare) == b"image_id\nx\ny\n"
    assert parse_rows(render_rows(bare), WHERE, bare.classes) == (("x", "y"), None, None)
    grouped = replace(bare, groups=("g", ""))
    assert parse_rows(render_rows(grouped), WHERE, bare.classes) == (("x", "y"), None, ("g", ""))


@settings(max_examples=300)
@given(st.text('ab0 ,"\r\n\t\0\ufeff\u2028\u0085é', max_size=40))
def test_plain_ids_are_read_as_the_csv_module_reads_them(body):
    data = f"image_id\n{body}".encode()
    try:
        rows = [row for row in csv.reader(io.StringIO(f"image_id\n{body}", newline=""), strict=True) if row]
    except csv.Error:
        rows = []
    ids = tuple(row[0] for row in rows[1:] if len(row) == 1)
    if len(ids) == len(rows) - 1 > 0 and "" not in ids and len(set(ids)) == len(ids):
        assert parse_rows(data, WHERE, ("ant",)) == (ids, None, None)
    else:
        with pytest.raises(BadDataError):
            parse_rows(data, WHERE, ("ant",))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"id,label\nx,ant\n", r"wanted the header image_id\[,label\]\[,group\], got id,label"),
        (b"image_id\n", "has no image id"),
        (b"image_id", "has no image id"),
        (b"image_id\n" + b"x" * 131073, "is no CSV file: field larger than field limit"),
        (b"image_id\nx\ny\nx\n", "image id 'x' stands in places 1 and 3"),
        (b'image_id,label\nx,ant\n"",ant\n', "image id 2 is empty"),
        (b"image_id,label\nx,ant\ny,bee\n", "'y' has the label 'bee', which is none of the 3 classes"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(data, message):
    with pytest.raises(BadDataError, match=message):
        parse_rows(data, WHERE, ("ant", "NA", "007"))
