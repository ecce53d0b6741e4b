"""Several labels in one cell are refused by row; a class whose name only looks so is let be."""

from pathlib import Path

import pytest

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.several_labels import check_single
from ensemble_kit.images.sources import Source, read_source
from ensemble_kit.images.splits import Listing


def listed(names):
    ids = tuple(f"{place}.png" for place in range(len(names)))
    return Listing(ids, tuple(map(Path, ids)), tuple(names))


@pytest.mark.parametrize(
    "cell",
    [
        "a b",
        "b a",
        "a,b",
        "a, b",
        "a|b",
        "a | b",
        "a;b",
        "a/b",
        "a+b",
        "a b c",
        "a,b|c",
        "['a', 'b']",
        '["a","b"]',
        "{a b}",
    ],
)
def test_a_cell_of_several_labels_is_refused_by_name_and_row(cell):
    with pytest.raises(BadDataError) as caught:
        check_single(listed(["a", "b", "c", cell, "a"]), (), Path("train.csv"))
    said = f"'train.csv': row 4, '3.png', has several labels in one cell, {cell!r}: "
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "names",
    [
        ["hot dog", "cat", "dog"],
        ["hot dog", "hot sauce", "corn dog"],
        ["Paris, France", "Lyon, France", "France"],
        ["black|white", "black"],
        ["a ", "a", "b"],
        ["a,", "a"],
        ["1", "0", "10"],
        ["red car", "blue car", "red bus", "blue bus"],
    ],
)
def test_a_class_that_only_looks_like_several_is_one(names):
    check_single(listed(names), (), Path("train.csv"))


def test_lists_in_which_no_label_stands_alone_are_known_by_their_bars():
    with pytest.raises(BadDataError, match="row 1, .* 'a' and 'b'"):
        check_single(listed(["a|b", "b|c", "a|c"]), (), Path("train.csv"))


def test_a_list_of_classes_says_what_is_one_class():
    check_single(listed(["hot", "dog", "hot dog"]), ("hot", "dog", "hot dog"), Path("train.csv"))


def test_train_and_val_of_csvs_are_both_looked_at(tmp_path):
    for name in "1234":
        (tmp_path / f"{name}.png").write_bytes(b"x")
    (tmp_path / "train.csv").write_text("id,label\n1,hot\n2,dog\n3,hot dog\n")
    with pytest.raises(BadDataError, match=r"train.csv': row 3, '3', has several labels in one cell, 'hot dog'"):
        read_source(Source(train_csv=tmp_path / "train.csv", val_fraction=0.5))
    (tmp_path / "train.csv").write_text("id,label\n1,hot\n2,dog\n")
    (tmp_path / "val.csv").write_text("id,label\n4,dog|hot\n")
    with pytest.raises(BadDataError, match=r"val.csv': row 1, '4', has several labels"):
        read_source(Source(train_csv=tmp_path / "train.csv", val_csv=tmp_path / "val.csv"))
    (tmp_path / "classes.txt").write_text("hot\ndog\nhot dog\n")
    (tmp_path / "val.csv").write_text("id,label\n4,hot dog\n")
    source = Source(train_csv=tmp_path / "train.csv", val_csv=tmp_path / "val.csv", classes=tmp_path / "classes.txt")
    assert read_source(source).splits["val"].labels.tolist() == [2]
