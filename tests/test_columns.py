"""Columns are found by usual names where just one reading is possible, and refused by name where two are."""

from pathlib import Path

import pytest

from ensemble_kit.columns import OWN, find_columns, missing_column
from ensemble_kit.errors import BadDataError, UnknownNameError

WHERE = Path("train.csv")


def found(header, said=(), wanted=tuple(OWN), must=None):
    """Return what each key is taken from, by the column's name."""
    columns = header.split("|")
    return {key: columns[place] for key, place in find_columns(columns, dict(said), WHERE, wanted, must).places.items()}


@pytest.mark.parametrize(
    ("header", "id_column", "label_column"),
    [
        ("id|label", "id", "label"),
        ("Id|Category", "Id", "Category"),
        ("ID|Labels", "ID", "Labels"),
        ("filename|class", "filename", "class"),
        ("file_name|target", "file_name", "target"),
        ("File Name|Class Name", "File Name", "Class Name"),
        ("file|y", "file", "y"),
        ("image|category", "image", "category"),
        ("img|class-name", "img", "class-name"),
        (" Image_Name |LABEL", " Image_Name ", "LABEL"),
        ("name|label", "name", "label"),
        ("image|label|width|height", "image", "label"),
        ("file_path|label", "file_path", "label"),
        ("id|breed", "id", "breed"),
        ("photo_nr|label", "photo_nr", "label"),
        ("|image|level", "image", "level"),
        ("Unnamed: 0|image|level", "image", "level"),
        ("image_id|label|class|name", "image_id", "label"),
        ("id|filename|label", "id", "label"),
        ("x|y|image|label", "image", "label"),
    ],
)
def test_the_one_column_of_a_usual_name_is_taken(header, id_column, label_column):
    assert found(header, wanted=("id", "label")) == {"id": id_column, "label": label_column}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id|ID|label", "the id may be in 'id' or in 'ID'.*--column id=id or --column id=ID"),
        ("file|image|label", "the id may be in 'file' or in 'image'"),
        (
            "id|class|class_name",
            "the label may be in 'class' or in 'class_name'.*--column label=class or --column label=cl",
        ),
        ("id|target|class name", "--column label=target or --column 'label=class name'"),
        ("id|label|label", "the column 'label' twice"),
    ],
)
def test_two_columns_that_may_be_meant_are_both_named(header, message):
    with pytest.raises(BadDataError, match=message):
        found(header)


def test_coordinates_are_no_labels_and_unknown_columns_are_not_guessed():
    assert found("image|x|y") == {"id": "image"}
    assert found("a|b") == {}
    assert found("id|width|height") == {"id": "id"}


@pytest.mark.parametrize("said", [("id", "Id"), ("Id", "id"), ("image_id", "Id"), ("Id", "image_id"), ("id", "id")])
def test_a_column_may_be_said_either_way_round(said):
    assert found("Id|other|label", [said])["id"] == "Id"


def test_what_was_said_beats_what_would_be_guessed():
    assert found("id|file|label", [("id", "file")])["id"] == "file"
    assert found("id|file|label", [("file", "image_id")])["id"] == "file"
    assert found("id|label|class", [("label", "class")])["label"] == "class"
    assert found("id|label|class", [("class", "label")])["label"] == "class"


def test_a_pair_that_may_be_read_either_way_is_refused_with_both_readings():
    both = "the id is in 'id' or the id is in 'image_id'. Say which: --column id=id or --column image_id=image_id"
    for said in (("id", "image_id"), ("image_id", "id")):
        with pytest.raises(BadDataError, match=both):
            found("id|image_id|label", [said])
    assert found("id|image_id|label", [("id", "id")])["id"] == "id"
    assert found("id|image_id|label", [("image_id", "image_id")])["id"] == "image_id"


def test_a_column_that_was_said_and_is_not_there_is_named_unless_another_stands_in():
    with pytest.raises(BadDataError, match=r"no column for --column id=nr; its columns are 'Id', 'x'\..*NAME=id"):
        found("Id|x", [("id", "nr")])
    assert found("Id|x", [("nr", "id"), ("Id", "id")])["id"] == "Id"
    assert "group" not in found("Id|x", [("group", "scene")], must=["id"])


def test_a_pair_without_a_role_is_no_pair():
    with pytest.raises(UnknownNameError, match="'lable'; did you mean 'label'"):
        found("Id|x", [("lable", "x")])


def test_a_first_line_of_data_is_no_header():
    header = ["train0.png", "cat"]
    said = str(missing_column(header, "id", Path("train.csv")))
    assert said.startswith("'train.csv' seems to have no header: its first line is 'train0.png', 'cat'. Write one")
    assert "--column" not in said
    assert "its columns are 'image_id:label'" in str(missing_column(["image_id:label"], "id", Path("train.csv")))
