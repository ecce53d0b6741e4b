"""A source becomes splits with byte-exact ids; what does not fit is named."""

import numpy as np
import pytest

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.sources import Source, read_source


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
    found = read_source(Source(data))
    assert found.classes == ("0001", "NA", "zoë")
    assert found.splits["val"].ids[:4] == ("0001/0000.JPG", "0001/0001.JPG", "0001/0002.JPG", "NA/0000.JPG")
    np.testing.assert_array_equal(found.splits["val"].labels, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert found.splits["test"].ids == ("0001.png", "0002.png", "1e5.png")
    assert found.splits["test"].labels is None


def test_hidden_and_foreign_files_are_passed_over_and_counted(data):
    (data / "train" / "NA" / ".DS_Store").write_bytes(b"x")
    (data / "train" / "NA" / "Thumbs.db").write_bytes(b"x")
    (data / "test" / "notes.txt").write_bytes(b"x")
    found = read_source(Source(data))
    assert len(found.splits["train"].ids) == 21
    assert found.passed_over == 2


def test_no_test_folder_is_fine(data):
    for file in (data / "test").iterdir():
        file.unlink()
    (data / "test").rmdir()
    assert set(read_source(Source(data)).splits) == {"train", "val"}


def test_a_val_fraction_is_stratified_and_the_same_for_the_same_seed(data):
    for file in (data / "val").rglob("*.JPG"):
        file.unlink()
    for folder in (data / "val").iterdir():
        folder.rmdir()
    (data / "val").rmdir()
    with pytest.raises(InvalidOptionError, match="no val/ folder.*--val-fraction"):
        read_source(Source(data))
    one, two, other = (read_source(Source(data, val_fraction=0.3, split_seed=seed)) for seed in (3, 3, 4))
    assert one.splits["val"].ids == two.splits["val"].ids != other.splits["val"].ids
    np.testing.assert_array_equal(np.bincount(one.splits["val"].labels), [2, 2, 2])
    assert not set(one.splits["val"].ids) & set(one.splits["train"].ids)
    assert len(one.splits["train"].ids) == 15


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_val_fraction_outside_its_range_is_refused(data, fraction, tmp_path):
    (data / "val").rename(tmp_path / "elsewhere")
    with pytest.raises(InvalidOptionError, match="between 0 and 1"):
        read_source(Source(data, val_fraction=fraction))


def test_a_val_fraction_beside_a_val_folder_is_refused(data):
    with pytest.raises(InvalidOptionError, match="has a val/ folder"):
        read_source(Source(data, val_fraction=0.2))


def test_a_class_of_one_image_cannot_be_divided(data, tmp_path):
    (data / "val").rename(tmp_path / "elsewhere")
    for i in range(1, 7):
        (data / "train" / "NA" / f"{i:04d}.JPG").unlink()
    with pytest.raises(InvalidOptionError, match="'NA/0000.JPG' has one image"):
        read_source(Source(data, val_fraction=0.2))


def test_what_does_not_fit_is_named(data):
    with pytest.raises(BadDataError, match="nowhere', which is no folder"):
        read_source(Source(data / "nowhere"))
    (data / "train" / "NA" / "deeper").mkdir()
    with pytest.raises(BadDataError, match="got the folder 'deeper'"):
        read_source(Source(data))
    (data / "train" / "NA" / "deeper").rmdir()
    (data / "val" / "new").mkdir()
    (data / "val" / "new" / "1.png").write_bytes(b"x")
    with pytest.raises(BadDataError, match="'new/1.png' has the class 'new', which is none of the 3 known: 0001, NA"):
        read_source(Source(data))


def test_an_empty_class_and_a_single_class_are_refused(data):
    (data / "train" / "empty").mkdir()
    with pytest.raises(BadDataError, match="empty', got none"):
        read_source(Source(data))
    (data / "train" / "empty").rmdir()
    (data / "one" / "train" / "only").mkdir(parents=True)
    (data / "one" / "train" / "only" / "1.png").write_bytes(b"x")
    with pytest.raises(BadDataError, match="two or more classes in .*one/train', got 1"):
        read_source(Source(data / "one"))


def test_a_missing_train_folder_and_an_empty_split_are_refused(data):
    (data / "train").rename(data / "gone")
    with pytest.raises(BadDataError, match="train', which does not exist"):
        read_source(Source(data))
    (data / "gone").rename(data / "train")
    for file in (data / "test").iterdir():
        file.unlink()
    with pytest.raises(BadDataError, match="test', got none"):
        read_source(Source(data))


def test_a_test_folder_may_have_folders_in_it_and_ids_say_which(data):
    (data / "test" / "b" / "deep").mkdir(parents=True)
    (data / "test" / "b" / "deep" / "9.png").write_bytes(b"x")
    (data / "test" / "b" / "0.png").write_bytes(b"x")
    assert read_source(Source(data)).splits["test"].ids == (
        *("0001.png", "0002.png", "1e5.png"),
        *("b/0.png", "b/deep/9.png"),
    )


def test_several_test_folders_give_ids_under_their_names(data, tmp_path):
    for name in ("first", "second", "elsewhere/first"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.png").write_bytes(b"x")
    alone = read_source(Source(data, test_dir=(tmp_path / "first",)))
    assert alone.splits["test"].ids == ("1.png",)
    both = read_source(Source(data, test_dir=(tmp_path / "second", tmp_path / "first")))
    assert both.splits["test"].ids == ("second/1.png", "first/1.png")
    with pytest.raises(InvalidOptionError, match="Two folders are called 'first'"):
        read_source(Source(data, test_dir=(tmp_path / "first", tmp_path / "elsewhere" / "first")))
    with pytest.raises(BadDataError, match="Wanted a folder of images, got .*nowhere'"):
        read_source(Source(data, test_dir=(tmp_path / "nowhere",)))


def test_a_test_csv_gives_the_ids_of_images_in_a_folder_of_their_own(data, tmp_path):
    (tmp_path / "sample.csv").write_text("Id,Category\n1e5,?\n0001,?\n")
    test = read_source(Source(data, test_csv=tmp_path / "sample.csv", test_dir=(data / "test",))).splits["test"]
    assert test.ids == ("1e5", "0001")
    assert [path.name for path in test.paths] == ["1e5.png", "0001.png"]
    unsaid = read_source(Source(data, test_csv=tmp_path / "sample.csv"))
    assert unsaid.splits["test"].paths == test.paths
    assert unsaid.taken[-1].endswith(f"its images lie in '{data / 'test'}'.")
    (data / "test").rename(data / "new")
    with pytest.raises(BadDataError, match=r"none of its 2 images is there.*--test-dir .*/new$"):
        read_source(Source(data, test_csv=tmp_path / "sample.csv"))


def test_a_list_of_classes_sets_their_order_and_folder_names_may_be_numbers(data, tmp_path):
    (tmp_path / "classes.txt").write_text("zoë\r\nNA\r\n0001\r\nunseen\r\n", encoding="utf-8")
    found = read_source(Source(data, classes=tmp_path / "classes.txt"))
    assert found.classes == ("zoë", "NA", "0001", "unseen")
    np.testing.assert_array_equal(found.splits["val"].labels, [2, 2, 2, 1, 1, 1, 0, 0, 0])
    (tmp_path / "classes.txt").write_text("NA\n0001\n", encoding="utf-8")
    with pytest.raises(BadDataError, match="'zoë', which is none of the 2 known: NA, 0001"):
        read_source(Source(data, classes=tmp_path / "classes.txt"))


def test_each_csv_may_have_columns_of_its_own(data, tmp_path):
    images = data / "train" / "NA"
    (tmp_path / "t.csv").write_text("a,b,c\n0000.JPG,x,9\n0001.JPG,y,9\n")
    (tmp_path / "v.csv").write_text("a,b,c\ny,0002.JPG,8\nx,0003.JPG,8\n")
    csvs = {"train_csv": tmp_path / "t.csv", "val_csv": tmp_path / "v.csv", "images": images}
    said = {"id": "a", "label": "b", "val.id": "b", "val.label": "a"}
    found = read_source(Source(**csvs, column=said))
    assert found.splits["train"].ids == ("0000.JPG", "0001.JPG")
    assert found.splits["val"].ids == ("0002.JPG", "0003.JPG")
    assert found.splits["val"].labels.tolist() == [1, 0]
    (tmp_path / "t.csv").write_text("a,kind,c\n0000.JPG,x,9\n0001.JPG,y,9\n")
    with pytest.raises(BadDataError, match=r"v.csv' has no column for --column label=kind.*--column val.label=NAME"):
        read_source(Source(**csvs, column={"id": "a", "label": "kind", "val.id": "b"}))
    with pytest.raises(BadDataError, match=r"v.csv' has no column 'image_id'.*--column val.id=NAME"):
        read_source(Source(**csvs, column={"train.id": "a", "train.label": "kind"}))
    with pytest.raises(InvalidOptionError, match=r"--column test.NAME says how to read --test-csv, and none was given"):
        read_source(Source(**csvs, column={**said, "test.id": "a"}))


def test_groups_come_from_the_ids(data):
    found = read_source(Source(data, group_from=r"(\d)\.(?:JPG|png)$"))
    assert found.splits["val"].groups == ("0", "1", "2") * 3
    assert found.splits["test"].groups == ("1", "2", "5")
    assert found.taken[-1] == "3 groups of 9 val images, the largest '0': 3 images."
    found = read_source(Source(data, group_from=r"^(.*)/"))
    assert found.splits["test"].groups == found.splits["test"].ids  # which name none
    with pytest.raises(BadDataError, match="finds no group in the image id 'NA/0000.JPG'"):
        read_source(Source(data, group_from=r"^0001/"))
    with pytest.raises(InvalidOptionError, match="is no regular expression"):
        read_source(Source(data, group_from=r"("))


def test_options_that_contradict_each_other_are_refused(data):
    with pytest.raises(InvalidOptionError, match="a data folder, or a CSV by --train-csv"):
        read_source(Source())
    with pytest.raises(InvalidOptionError, match="the one folder that holds .* got --test-dir 2 times"):
        read_source(Source(data, test_csv=data / "t.csv", test_dir=(data / "test", data)))
    with pytest.raises(InvalidOptionError, match="--images and --column say how to read a CSV"):
        read_source(Source(data, column={"id": "Id"}))
