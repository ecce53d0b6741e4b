"""Separators, blanks and marks of tables that people bring: read, and said; the writer is Python's own."""

import csv
import io

import pytest

from ensemble_kit.errors import BadDataError
from ensemble_kit.texts.tables import Reader, Table, separator_of

ROWS = [["image_id", "label"], ["a,1.png", "cat"], ["b;2.png", "hot dog"], ["c\t3|.png", 'say "hi"'], [" 4 ", "NA"]]


def written(rows, mark, **said):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=mark, lineterminator="\n", **said).writerows(rows)
    return buffer.getvalue()


def read(tmp_path, data, encoding=None, **said):
    path, reader = tmp_path / "t.csv", Reader(encoding)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return reader.table(path, **said), reader.remarks


@pytest.mark.parametrize(("mark", "word"), [(",", ""), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_separator_is_recognised_and_said_and_every_cell_comes_back(tmp_path, mark, word, quoting):
    table, remarks = read(tmp_path, written(ROWS, mark, quoting=quoting))
    assert table == Table(ROWS[0], ROWS[1:], mark)
    assert remarks == ([f"'{tmp_path / 't.csv'}' is read as separated by {word}."] if word else [])


def test_a_header_with_two_separators_goes_by_the_rows():
    assert separator_of("image_id;cat, or dog\na;x\nb;y, z\n") == ";"
    assert separator_of("image_id,cat; or dog\na,x\nb,y; z\n") == ","
    assert separator_of("image_id,label\na,x;y\nb,z\n") == ","
    assert separator_of("image_id\na;b.png\n") == ","


def test_the_line_of_a_spreadsheet_that_names_the_separator_is_no_header(tmp_path):
    table, _ = read(tmp_path, "sep=;\nimage_id;label\na;cat\n")
    assert table == Table(["image_id", "label"], [["a", "cat"]], ";")


def test_what_a_spreadsheet_calls_unicode_text_is_read_and_said(tmp_path):
    table, remarks = read(tmp_path, "image_id\tlabel\r\na\tPokémon\r\n".encode("utf-16"))
    assert table.rows == [["a", "Pokémon"]]
    assert [one.rpartition("' ")[2] for one in remarks] == ["is read as UTF-16.", "is read as separated by tabs."]


def test_blanks_around_headers_are_left_out_and_said_and_ids_stay(tmp_path):
    data = "image_id , label\n a,cat\n"
    table, remarks = read(tmp_path, data)
    assert table == Table(["image_id", "label"], [[" a", "cat"]])
    assert remarks == [f"'{tmp_path / 't.csv'}': blanks around 2 columns are left out: 'image_id ' and so on."]
    assert read(tmp_path, data, as_written=True)[0].header == ["image_id ", " label"]


def test_a_refusal_names_file_and_line(tmp_path):
    for data, said in (
        (b"id,label\na,Pok\xe9mon\n", "t.csv', line 2, holds bytes that are not UTF-8"),
        (b"image_id,label\n1.png,c\0t\n", "t.csv', line 2, holds NUL bytes"),
        (b"PK\x03\x04", "t.csv' is a ZIP archive"),
        (b"a;b\n1;2;3\n", "t.csv: row 1 after the header has 3 fields, the header has 2"),
        (b"\n\n", "t.csv is empty"),
        (b'a,b\n"1,2\n', "t.csv is no CSV file"),
    ):
        with pytest.raises(BadDataError, match=said):
            read(tmp_path, data)


def test_an_encoding_that_is_not_needed_is_said(tmp_path):
    _, remarks = read(tmp_path, "id,label\na,Pokémon\n", "cp1252")
    assert remarks == [f"'{tmp_path / 't.csv'}' is UTF-8, so it is not read as cp1252."]
    assert read(tmp_path, "id,label\na,cat\n", "cp1252")[1] == []


def test_blanks_before_quotes_are_no_part_of_a_cell(tmp_path):
    reader = Reader()
    (tmp_path / "t.csv").write_text('image_id, label\n0.png, "cat, big"\n1.png, "dog"\n')
    assert reader.table(tmp_path / "t.csv") == Table(["image_id", "label"], [["0.png", "cat, big"], ["1.png", "dog"]])
    assert reader.remarks == [f"'{tmp_path / 't.csv'}': blanks before quotes are left out."]


def test_rows_without_anything_are_left_out_and_counted(tmp_path):
    reader = Reader()
    (tmp_path / "t.csv").write_text("image_id,label\n0.png,cat\n,\n , \n")
    assert reader.table(tmp_path / "t.csv").rows == [["0.png", "cat"]]
    assert reader.remarks == [f"'{tmp_path / 't.csv'}': rows without anything in them are left out: 2."]


def test_marks_that_are_not_seen_are_not_called_blanks(tmp_path):
    reader = Reader()
    assert reader.stripped(["cat\u200b", "dog"], "label", tmp_path) == ["cat", "dog"]
    assert reader.remarks == [f"'{tmp_path}': invisible marks around the label are left out: 'cat\\u200b'."]
