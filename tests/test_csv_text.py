import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.csv_text import parse_csv, render_csv
from ensemble_kit.errors import BadDataError
from ensemble_kit.texts import Reader

HOSTILE = [
    "0001", "1e5", "NA", "nan", "", " leading", "trailing ", "\ttab", "a,b", 'a"b', '"', '""', "a\nb", "a\rb",
    "a\r\nb", "\n", "\r", "é", "e\u0301", "\ufeffbom", "a\x00b", "None", "-0", "#x", "'", ";", "\u2028", "x\x85y",
    "caf\udce9", "=1+1", "\\", "a\\", "null", "TRUE", "𝔘",
]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_comes_back_byte_for_byte_in_every_place(text):
    for rows in ([[text]], [["id"], [text]], [["id", "label"], [text, "x"], ["y", text]]):
        assert parse_csv(render_csv(rows, "here"), "here") == rows


@settings(max_examples=500)
@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(TEXT, min_size=n, max_size=n), min_size=1)))
def test_any_text_comes_back(rows):
    assert parse_csv(render_csv(rows, "here"), "here") == rows


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1))
def test_the_csv_module_reads_the_same(rows):
    text = render_csv(rows, "here").decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows


def test_lines_end_in_a_line_feed_and_quotes_stand_only_where_needed():
    assert render_csv([["a", "b c", 'd"e'], ["1", "", "x,y"]], "here") == b'a,b c,"d""e"\n1,,"x,y"\n'


def test_a_byte_order_mark_is_dropped_only_where_people_bring_a_file(tmp_path):
    data = b"\xef\xbb\xbfid\nx\n"
    path = tmp_path / "brought.csv"
    path.write_bytes(data)
    brought = Reader().table(path)
    assert [brought.header, *brought.rows] == [["id"], ["x"]]
    assert parse_csv(data, "here") == [["\ufeffid"], ["x"]]


@pytest.mark.parametrize("text", ["\ud800", "\udcc3\udca9"], ids=ascii)
def test_text_that_no_bytes_stand_for_is_refused(text):
    with pytest.raises(BadDataError, match=r"Cannot write .* to rows\.csv: it is no valid text"):
        render_csv([[text]], "rows.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.csv is empty"),
        (b"\n\n", "x.csv is empty"),
        (b'a,b\n"1"2,3\n', "x.csv is no CSV file"),
        (b'a,b\n"1,2\n', "x.csv is no CSV file"),
        (b"a,b\n1,2\n1,2,3\n", "row 2 after the header has 3 fields, the header has 2"),
    ],
)
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(BadDataError, match=message):
        parse_csv(data, "x.csv")
