"""CSV manifests: ids byte for byte, paths, columns of any name, what does not fit named."""

import csv
import random
import unicodedata

import pytest

from ensemble_kit.errors import BadDataError, UnknownNameError
from ensemble_kit.images.manifests import list_manifest, read_classes

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
    found = list_manifest(path, tmp_path / "pictures", columns, labels_wanted=True)
    assert found.ids == ("7",)
    assert found.paths == (tmp_path / "pictures" / "sub" / "x.jpg",)
    assert found.names == ("cat",)
    assert found.groups == ("s1",)


def test_without_paths_a_picture_lies_at_its_id_or_at_its_stem(tmp_path):
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
    with pytest.raises(BadDataError, match="'0001' stands for several pictures.*0001.jpg, 0001.png"):
        list_manifest(path, tmp_path, {}, labels_wanted=False)


def test_the_labels_of_test_are_passed_over(tmp_path):
    path = write(tmp_path / "sample.csv", ["image_id", "label"], [["a.png", "dummy"]])
    assert list_manifest(path, tmp_path, {"label": "label"}, labels_wanted=False).names is None


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (["id", "label"], [["1", "a"]], "no column 'image_id'; its columns are id, label.*--column id=NAME"),
        (["image_id"], [["1"]], "no column 'label'.*--column label=NAME"),
        (["image_id", "label"], [], "a header and no rows"),
        (["image_id", "label"], [["1", "a"], ["1", "b"]], "has the id '1' twice"),
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\ncat\n", "the class 'cat' twice"),
        (b"cat\n\n", "two or more classes.*got 1"),
        (b"\xff\xfe", "no UTF-8 text"),
    ],
)
def test_a_list_of_classes_that_cannot_be_used_is_named(tmp_path, content, message):
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(BadDataError, match=message):
        read_classes(tmp_path / "classes.txt")
    with pytest.raises(BadDataError, match="Check --classes"):
        read_classes(tmp_path / "absent.txt")


def test_classes_are_read_byte_for_byte(tmp_path):
    (tmp_path / "classes.txt").write_bytes("\ufeffa b \r\nNA\r\nx\u2028y".encode())
    assert read_classes(tmp_path / "classes.txt") == ("a b ", "NA", "x\u2028y")
