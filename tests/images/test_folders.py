"""Folders become splits with byte-exact ids; what does not fit is named."""

import numpy as np
import pytest

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.folders import Split, fingerprint, read_folders


@pytest.fixture
def data(tmp_path):
    for split, count in (("train", 7), ("val", 3)):
        for name in ("NA", "0001", "zoë"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{i:04d}.JPG").write_bytes(b"x")
    (tmp_path / "test").mkdir()
    for name in ("0002.png", "0001.png", "1e5.png"):
        (tmp_path / "test" / name).write_bytes(b"x")
    return tmp_path


def test_ids_and_classes_are_strings_in_code_point_order(data):
    found = read_folders(data)
    assert found.classes == ("0001", "NA", "zoë")
    assert found.splits["val"].ids[:4] == ("0001/0000.JPG", "0001/0001.JPG", "0001/0002.JPG", "NA/0000.JPG")
    np.testing.assert_array_equal(found.splits["val"].labels, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert found.splits["test"].ids == ("0001.png", "0002.png", "1e5.png")
    assert found.splits["test"].labels is None


def test_hidden_and_foreign_files_are_passed_over_and_counted(data):
    (data / "train" / "NA" / ".DS_Store").write_bytes(b"x")
    (data / "train" / "NA" / "Thumbs.db").write_bytes(b"x")
    (data / "test" / "notes.txt").write_bytes(b"x")
    found = read_folders(data)
    assert len(found.splits["train"].ids) == 21
    assert found.passed_over == 2


def test_no_test_folder_is_fine(data):
    for file in (data / "test").iterdir():
        file.unlink()
    (data / "test").rmdir()
    assert set(read_folders(data).splits) == {"train", "val"}


def test_a_val_fraction_is_stratified_and_the_same_for_the_same_seed(data):
    for file in (data / "val").rglob("*.JPG"):
        file.unlink()
    for folder in (data / "val").iterdir():
        folder.rmdir()
    (data / "val").rmdir()
    with pytest.raises(InvalidOptionError, match="no val/ folder.*--val-fraction"):
        read_folders(data)
    one, two, other = (read_folders(data, 0.3, seed) for seed in (3, 3, 4))
    assert one.splits["val"].ids == two.splits["val"].ids != other.splits["val"].ids
    np.testing.assert_array_equal(np.bincount(one.splits["val"].labels), [2, 2, 2])
    assert not set(one.splits["val"].ids) & set(one.splits["train"].ids)
    assert len(one.splits["train"].ids) == 15


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_val_fraction_outside_its_range_is_refused(data, fraction, tmp_path):
    (data / "val").rename(tmp_path / "elsewhere")
    with pytest.raises(InvalidOptionError, match="between 0 and 1"):
        read_folders(data, fraction)


def test_a_val_fraction_beside_a_val_folder_is_refused(data):
    with pytest.raises(InvalidOptionError, match="has a val/ folder"):
        read_folders(data, 0.2)


def test_a_class_of_one_picture_cannot_be_divided(data, tmp_path):
    (data / "val").rename(tmp_path / "elsewhere")
    for i in range(1, 7):
        (data / "train" / "NA" / f"{i:04d}.JPG").unlink()
    with pytest.raises(InvalidOptionError, match="'NA/0000.JPG' has one picture"):
        read_folders(data, 0.2)


def test_what_does_not_fit_is_named(data):
    with pytest.raises(BadDataError, match="nowhere', which is no folder"):
        read_folders(data / "nowhere")
    (data / "train" / "NA" / "deeper").mkdir()
    with pytest.raises(BadDataError, match="got the folder 'deeper'"):
        read_folders(data)
    (data / "train" / "NA" / "deeper").rmdir()
    (data / "val" / "new").mkdir()
    with pytest.raises(BadDataError, match="has the class 'new', which train/ has not"):
        read_folders(data)


def test_an_empty_class_and_a_single_class_are_refused(data):
    (data / "train" / "empty").mkdir()
    with pytest.raises(BadDataError, match="empty', got none"):
        read_folders(data)
    (data / "one" / "train" / "only").mkdir(parents=True)
    with pytest.raises(BadDataError, match="two or more class folders"):
        read_folders(data / "one")


def test_a_missing_train_folder_and_an_empty_split_are_refused(data):
    (data / "train").rename(data / "gone")
    with pytest.raises(BadDataError, match="train', which does not exist"):
        read_folders(data)
    (data / "gone").rename(data / "train")
    for file in (data / "test").iterdir():
        file.unlink()
    with pytest.raises(BadDataError, match="test', got none"):
        read_folders(data)


def test_the_fingerprint_sees_ids_bytes_and_labels_but_not_the_order():
    split = Split(("a", "b"), (), np.array([0, 1]))
    swapped = Split(("b", "a"), (), np.array([1, 0]))
    classes = ("x", "y")
    mark = fingerprint(split, ["1", "2"], classes)
    assert mark == fingerprint(swapped, ["2", "1"], classes)
    assert mark != fingerprint(split, ["2", "1"], classes)
    assert mark != fingerprint(Split(("a", "b"), (), np.array([1, 1])), ["1", "2"], classes)
