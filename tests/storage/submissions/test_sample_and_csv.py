import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble_kit.csv_text import parse_csv
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, MisalignedError
from ensemble_kit.storage.submissions import sample_and_csv as submissions
from ensemble_kit.storage.submissions.sample_and_csv import (
    Sample,
    id_form,
    match_sample,
    read_provenance,
    read_sample,
    write_submission,
)
from ensemble_kit.texts import Reader


def sample(tmp_path, data):
    path = tmp_path / "sample.csv"
    path.write_bytes(data)
    return path


def test_a_sample_gives_names_ids_and_order(tmp_path):
    got = read_sample(sample(tmp_path, b"\xef\xbb\xbfId,Category\r\n0002,x\r\n0001,\r\nNA,y\r\n"))
    assert got == ("Id", "Category", ("0002", "0001", "NA"), ("x", "", "y"))


@pytest.mark.parametrize(("encoding", "said"), [("utf-16", "read as UTF-16"), ("cp1252", ""), ("utf-8", "")])
def test_a_sample_of_another_encoding_and_separator_is_read_and_said(tmp_path, encoding, said):
    reader = Reader("cp1252" if encoding == "cp1252" else None)
    got = read_sample(sample(tmp_path, "Id; Category\né1;x\na,b;y\n".encode(encoding)), reader)
    assert got == ("Id", " Category", ("é1", "a,b"), ("x", "y"))
    assert said in " ".join(reader.remarks)
    assert "separated by semicolons" in reader.remarks[-1]


def test_a_sample_none_of_whose_labels_is_a_class_says_so():
    def others(*labels):
        return Sample("Id", "Category", tuple(map(str, range(len(labels)))), labels).other_labels(["cat", "dög"])

    assert others("0", "1", "", "0") == ("0", "1")
    assert others("0", " cat") == others("0", "do\u0308g") == others("", "?", "NaN") == ()


def test_ids_with_blanks_match_where_nothing_else_does():
    assert match_sample([" a", "b\t"], ["b.png", "a.png"]) == (1, 0)
    assert match_sample([" a", "a"], ["a", " a"]) == (1, 0)
    with pytest.raises(MisalignedError):
        match_sample([" a", "a"], ["a", "b"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"id\nx\n", "wanted two columns, ids and labels, got the header 'id'"),
        (b"id,\nx,y\n", "wanted two columns"),
        (b"id,label,more\nx,y,z\n", "wanted two columns"),
        (b"id,label\n", "has a header but no ids"),
        (b"id,label\nx,y\n,y\n", "row 2 after the header has an empty id"),
        (b"id,label\nx,y\nz,y\nx,y\n", "'x' stands in rows 1 and 3 after the header"),
        (b"id,label\nx\n", "row 1 after the header has 1 fields"),
    ],
)
def test_a_sample_that_cannot_be_used_is_refused(data, message, tmp_path):
    with pytest.raises(BadDataError, match=message):
        read_sample(sample(tmp_path, data))


def test_a_sample_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadDataError, match="Cannot read the sample file .*none"):
        read_sample(tmp_path / "none.csv")


@given(st.permutations(["a.png", "b.png", "c.d.png", "e", "0001.jpg"]))
def test_ids_match_as_they_stand_or_by_stem(order):
    ours = ("0001.jpg", "a.png", "b.png", "c.d.png", "e")
    for theirs in (order, [one.removesuffix(".png").removesuffix(".jpg") for one in order]):
        assert [ours[place] for place in match_sample(theirs, ours)] == order


def test_other_endings_match_by_stem():
    assert match_sample(["b.jpeg", "a.jpeg"], ["a.png", "b.png"]) == (1, 0)


def test_folders_may_be_left_out_where_that_leaves_no_doubt():
    ours = ["ant/1.png", "bee/2.png"]
    assert match_sample(["2.png", "1.png"], ours) == match_sample(["2", "1"], ours) == (1, 0)
    with pytest.raises(MisalignedError):
        match_sample(["1.png", "2.png"], ["ant/1.png", "bee/1.png"])
    theirs = ["test/2.jpg", "test\\1.jpg"]
    assert match_sample(theirs, ["1.jpg", "2.jpg"]) == match_sample(theirs, ["1", "2"]) == (1, 0)
    for doubt in (["val/1.jpg", "val/2.jpg"], ["1.jpg", "3.jpg"]):
        with pytest.raises(MisalignedError):
            match_sample(theirs, doubt)


def test_names_that_match_as_they_stand_need_no_distinct_stems():
    assert match_sample(["a.png", "a.jpg"], ["a.jpg", "a.png"]) == (1, 0)


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        (["a", "b", "c"], ["a", "b"], "3 ids, we predicted 2 images; 1 missing from our images, first: 'c'"),
        (["a"], ["a", "b", "c"], "2 not in the sample, first: 'b'"),
        (["a", "b", "a"], ["a", "b"], "1 doubled in the sample, first: 'a'"),
        (["a", "b"], ["a", "b", "b"], "1 doubled in our images, first: 'b'"),
        (["a"], ["a.png", "a.jpg"], "1 doubled in our images, first: 'a'"),
        (["a", "x"], ["a.png", "b.png"], "first: 'x'; 1 not in the sample, first: 'b'"),
        ([], ["a"], "The sample has 0 ids"),
    ],
)
def test_ids_that_do_not_match_one_to_one_are_refused(theirs, ours, message):
    with pytest.raises(MisalignedError, match=message):
        match_sample(theirs, ours)


def test_the_sample_of_another_contest_is_refused_at_once():
    begin = time.process_time()
    with pytest.raises(MisalignedError, match="20000 missing from our images, first: 't0'"):
        match_sample([f"t{place}" for place in range(20_000)], [f"{place}.png" for place in range(20_000)])
    assert time.process_time() - begin < 5  # s; 28 where sets were built for each id


def test_ids_are_shown_by_name_or_by_stem():
    ids = ("b/0001.png", "a.tar.gz", ".hidden")
    assert id_form(ids, "name") == ids
    assert id_form(ids, "stem") == ("b/0001", "a.tar", ".hidden")
    with pytest.raises(InvalidOptionError, match=r"'a.png' and 'a.jpg' share the stem 'a'; give --id name"):
        id_form(("a.png", "a.jpg"), "stem")
    with pytest.raises(InvalidOptionError, match="ids by name or stem, got 'number'"):
        id_form(ids, "number")


def test_a_submission_is_a_csv_and_its_provenance(tmp_path):
    path = tmp_path / "out" / "mine.csv"
    ids, labels = ("0001", "a,b", "é"), ("cat", 'the "dog"', "cat")
    beside = write_submission(path, ids, labels, ("Id", "Class"), {"blend": "logit-sum-auto"})
    assert beside == tmp_path / "out" / "mine.json"
    assert path.read_bytes() == 'Id,Class\n0001,cat\n"a,b","the ""dog"""\né,cat\n'.encode()
    provenance = read_provenance(beside)
    assert provenance["blend"] == "logit-sum-auto"
    assert provenance["csv_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert parse_csv(path.read_bytes(), path)[1:] == [list(row) for row in zip(ids, labels, strict=True)]


def test_a_long_submission_is_written_in_parts_that_join(tmp_path, monkeypatch):
    ids, labels = [f"{place:04d},x" for place in range(11)], ["cat", "dog"] * 5 + ["eel"]
    written = b"image_id,label\n" + b"".join(f'"{a}",{b}\n'.encode() for a, b in zip(ids, labels, strict=True))
    for rows_at_once in (1, 3, 11, 12):
        monkeypatch.setattr(submissions, "ROWS_AT_ONCE", rows_at_once)
        beside = write_submission(tmp_path / "s.csv", ids, labels)
        assert (tmp_path / "s.csv").read_bytes() == written
        assert read_provenance(beside)["csv_sha256"] == hashlib.sha256(written).hexdigest()


def test_without_a_sample_the_header_is_image_id_and_label(tmp_path):
    write_submission(tmp_path / "s.csv", ("x",), ("cat",))
    assert (tmp_path / "s.csv").read_bytes() == b"image_id,label\nx,cat\n"


def test_what_cannot_be_submitted_is_refused_and_not_written(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"ends in .csv, got .*s.json"):
        write_submission(tmp_path / "s.json", ("x",), ("cat",))
    for ids, labels in ((("x", "y"), ("cat",)), (("x", "x"), ("cat", "dog"))):
        with pytest.raises(MisalignedError, match="Wanted one label for each of"):
            write_submission(tmp_path / "s.csv", ids, labels)
    assert list(tmp_path.iterdir()) == []


def test_a_csv_that_is_damaged_or_gone_is_found(tmp_path):
    beside = write_submission(tmp_path / "s.csv", ("x",), ("cat",))
    (tmp_path / "s.csv").write_bytes(b"image_id,label\nx,dog\n")
    with pytest.raises(CorruptError, match=r"s.csv is not the file that .*s.json describes"):
        read_provenance(beside)
    (tmp_path / "s.csv").unlink()
    with pytest.raises(CorruptError, match=r"s.csv is missing; write the submission again"):
        read_provenance(beside)
