"""CSV manifests: ids byte for byte, paths, columns of any name, what does not fit named."""

import csv
import os
import random
import unicodedata
from pathlib import Path

import pytest

from ensemble_kit.errors import BadDataError, UnknownNameError
from ensemble_kit.images.manifests import list_manifest

HOSTILE = [
    "0001",
    "1",
    "01",
    "NA",
    "nan",
    "None",
    "1e5",
    "100000.0",
    "-0",
    "TRUE",
    " lead",
    "trail ",
    "a,b",
    'say "hi"',
]
HOSTILE += [
    "two\nlines",
    "two\r\nlines",
    "\ttab",
    "é",
    unicodedata.normalize("NFD", "é"),
    "=1+1",
    "名前",
    "\u200b",
    "#",
]


def hostile_ids(count):
    """Ids that spreadsheets and data frames are known to change, and random mixtures of their characters."""
    draw = random.Random(7)
    letters = sorted({letter for one in HOSTILE for letter in one} - {"/"})
    ids = dict.fromkeys(HOSTILE)
    while len(ids) < count:
        ids["".join(draw.choices(letters, k=draw.randint(1, 12)))] = None
    return list(ids)


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_two_thousand_hostile_ids_come_back_byte_for_byte(tmp_path):
    ids = hostile_ids(2000)
    path = write(tmp_path / "t.csv", ["image_id", "path", "label"], [[one, "p.png", "cat"] for one in ids])
    found = list_manifest(path, tmp_path, {}, labels_wanted=True)
    assert list(found.ids) == ids
    assert set(found.paths) == {tmp_path / "p.png"}


def test_columns_of_any_name_and_order_and_others_are_passed_over(tmp_path):
    path = write(
        tmp_path / "t.csv", ["Category", "extra", "Id", "scene", "file"], [["cat", "?", "7", "s1", "sub/x.jpg"]]
    )
    columns = {"id": "Id", "path": "file", "label": "Category", "group": "scene"}
    found = list_manifest(path, tmp_path / "images", columns, labels_wanted=True)
    assert found.ids == ("7",)
    assert found.paths == (tmp_path / "images" / "sub" / "x.jpg",)
    assert found.names == ("cat",)
    assert found.groups == ("s1",)


def test_without_paths_a_image_lies_at_its_id_or_at_its_stem(tmp_path):
    for name in ("0001.jpg", "0002.PNG", "v1.0.png", "v1.txt", "sub/0001.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    ids = ["0001", "0002.PNG", "v1.0", "sub/0001", "absent"]
    path = write(tmp_path / "t.csv", ["image_id"], [[one] for one in ids])
    found = list_manifest(path, tmp_path, {}, labels_wanted=False)
    assert [str(one.relative_to(tmp_path)) for one in found.paths] == [
        *("0001.jpg", "0002.PNG", "v1.0.png"),
        *("sub/0001.webp", "absent"),
    ]
    (tmp_path / "0001.png").write_bytes(b"x")
    with pytest.raises(BadDataError, match="'0001' stands for several images.*0001.jpg, 0001.png"):
        list_manifest(path, tmp_path, {}, labels_wanted=False)


@pytest.mark.parametrize("column", ["image_id", "path"])
def test_an_id_with_blanks_is_kept_and_its_image_found_where_only_one_is_meant(tmp_path, column):
    ids = [" a.png", "b.png\t", " c.png", "d.png", " d.png"]
    with_images(tmp_path, "a.png", "b.png", "c.png", " c.png", "d.png")
    rows = [[one, one] for one in ids] if column == "path" else [[one, "x"] for one in ids]
    found = list_manifest(
        write(tmp_path / "t.csv", ["image_id", "path" if column == "path" else "z"], rows), tmp_path, {}, False
    )
    assert list(found.ids) == ids
    assert [path.name for path in found.paths] == ["a.png", "b.png", " c.png", "d.png", " d.png"]


def test_the_labels_of_test_are_passed_over(tmp_path):
    path = write(tmp_path / "sample.csv", ["image_id", "label"], [["a.png", "dummy"]])
    assert list_manifest(path, tmp_path, {"label": "label"}, labels_wanted=False).names is None


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (
            ["a", "b", "c"],
            [["1", "a", "b"]],
            "no column 'image_id', .*; its columns are 'a', 'b', 'c'.*--column id=NAME",
        ),
        (["image_id"], [["1"]], "no column 'label'.*--column label=NAME"),
        (["image_id", "label"], [], "a header and no rows"),
        (
            ["image_id", "label"],
            [["1", "a"], ["1", "b"]],
            "has the id '1' twice, in rows 1 and 2, with the labels 'a' and 'b'",
        ),
        (["image_id", "label"], [["1", "a"], ["1", "a"]], "has the id '1' twice, in rows 1 and 2; wanted each once"),
        (["image_id", "label"], [["1", "a"], ["", "b"]], "row 2, '', has an empty id"),
        (["image_id", "label", "group"], [["1", "a", ""]], "row 1, '1', has an empty group"),
        (["image_id", "label", "label"], [["1", "a", "b"]], "the column 'label' twice"),
        (["image_id", "label"], [["1", "a", "b"]], "row 1 after the header has 3 fields"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, header, rows, message):
    path = write(tmp_path / "t.csv", header, rows)
    with pytest.raises(BadDataError, match=message):
        list_manifest(path, tmp_path, {}, labels_wanted=True)


def test_a_missing_csv_and_an_unknown_column_key_are_named(tmp_path):
    with pytest.raises(BadDataError, match="Cannot read .*t.csv': No such file"):
        list_manifest(tmp_path / "t.csv", tmp_path, {}, labels_wanted=True)
    with pytest.raises(UnknownNameError, match="'lable'; did you mean 'label'"):
        list_manifest(tmp_path / "t.csv", tmp_path, {"lable": "x"}, labels_wanted=True)


def with_images(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_boxes_are_told_from_doubled_rows(tmp_path):
    header = ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]
    rows = [["1.jpg", "8", "8", "cat", "0", "0", "4", "4"], ["1.jpg", "8", "8", "dog", "2", "2", "4", "4"]]
    with pytest.raises(BadDataError, match=r"'1.jpg' twice, in rows 1 and 2; its columns width, .* are of boxes"):
        list_manifest(write(tmp_path / "t.csv", header, rows), tmp_path, {}, labels_wanted=True)


def test_an_id_and_a_file_name_are_told_apart_by_where_the_images_lie(tmp_path):
    with_images(tmp_path, "by-name/a.png", "by-name/b.png", "by-id/7.png", "by-id/8.png")
    path = write(tmp_path / "t.csv", ["id", "filename", "label"], [["7", "a.png", "x"], ["8", "b.png", "y"]])
    by_name = list_manifest(path, tmp_path / "by-name", {}, labels_wanted=True)
    assert by_name.ids == ("7", "8")
    assert [one.name for one in by_name.paths] == ["a.png", "b.png"]
    assert by_name.taken == f"'{path}': id from the column 'id', path from the column 'filename'."
    by_id = list_manifest(path, tmp_path / "by-id", {}, labels_wanted=True)
    assert [one.name for one in by_id.paths] == ["7.png", "8.png"]
    for where in ("nowhere", "both"):
        with_images(tmp_path, *(f"both/{name}.png" for name in ("7", "8", "a", "b")))
        with pytest.raises(BadDataError, match=r"--column id=id --column path=filename, or --column id=filename"):
            list_manifest(path, tmp_path / where, {}, labels_wanted=True)
    said = list_manifest(path, tmp_path / "both", {"id": "filename"}, labels_wanted=True)
    assert said.ids == ("a.png", "b.png")


def test_a_file_name_that_leads_to_the_same_image_as_the_id_is_no_second_reading(tmp_path):
    with_images(tmp_path, "7.png", "8.png")
    path = write(tmp_path / "t.csv", ["id", "image", "label"], [["7", "7.png", "x"], ["8", "8.png", "y"]])
    assert [one.name for one in list_manifest(path, tmp_path, {}, labels_wanted=True).paths] == ["7.png", "8.png"]


def test_one_column_a_class_is_a_label_where_one_of_them_holds_a_1(tmp_path):
    path = write(tmp_path / "t.csv", ["image", "rust", "scab"], [["a", "1", "0"], ["b", "0", "1"], ["c", "1.0", "0.0"]])
    found = list_manifest(path, tmp_path, {}, labels_wanted=True)
    assert found.names == ("rust", "scab", "rust")
    assert "label from the one of 2 columns that holds a 1" in found.taken
    for cells, what in ((["1", "1"], "a 1 for 2 of 2 classes: rust, scab"), (["0", "0"], "a 1 for 0 of 2 classes;")):
        write(path, ["image", "rust", "scab"], [["a", "1", "0"], ["b", *cells]])
        with pytest.raises(BadDataError, match=f"row 2, 'b', has {what}"):
            list_manifest(path, tmp_path, {}, labels_wanted=True)
    write(path, ["image", "rust", "age"], [["a", "1", "31"]])
    with pytest.raises(BadDataError, match="no column 'label'"):
        list_manifest(path, tmp_path, {}, labels_wanted=True)


def test_a_sample_submission_is_a_list_of_test_images(tmp_path):
    path = write(tmp_path / "sample_submission.csv", ["Id", "Category"], [["1", "0"], ["2", "0"]])
    found = list_manifest(path, tmp_path, {"label": "class", "group": "scene"}, labels_wanted=False)
    assert (found.ids, found.names, found.groups) == (("1", "2"), None, None)


def test_what_is_no_plain_file_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "a named pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(BadDataError, match=f"it is {what}, not a file"):
            list_manifest(path, tmp_path, {}, labels_wanted=True)


def test_a_near_name_of_a_csv_is_suggested(tmp_path):
    write(tmp_path / "train.csv", ["image_id"], [["1"]])
    with pytest.raises(BadDataError, match="did you mean '.*/train.csv'"):
        list_manifest(tmp_path / "trian.csv", tmp_path, {}, labels_wanted=False)
