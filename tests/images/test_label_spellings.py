"""Two spellings of one class: merged and said where no doubt is left, else refused with both."""

import csv

import pytest

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.sources import Source, read_source

COMPOSED, DECOMPOSED = "Pok\u00e9mon", "Poke\u0301mon"


def folders(tmp_path, **splits):
    for split, names in splits.items():
        for name in names:
            (tmp_path / split / name).mkdir(parents=True)
            for place in range(2):
                (tmp_path / split / name / f"{place}.png").write_bytes(b"x")
    return Source(tmp_path, val_fraction=None if "val" in splits else 0.5)


def csvs(tmp_path, listed=(), **splits):
    options = {}
    for split, labels in splits.items():
        with (tmp_path / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = [[f"{split}{place}.png", label] for place, label in enumerate(labels)]
            csv.writer(file).writerows([["image_id", "label"], *rows])
        for place in range(len(labels)):
            (tmp_path / f"{split}{place}.png").write_bytes(b"x")
        options[f"{split}_csv"] = tmp_path / f"{split}.csv"
    if listed:
        (tmp_path / "classes.txt").write_text("\n".join(listed), encoding="utf-8")
        options["classes"] = tmp_path / "classes.txt"
    return Source(val_fraction=None if "val" in splits else 0.5, **options)


MERGED = {
    "blanks in train": (folders, {"train": ("homer", "homer ", "bart"), "val": ("homer", "bart")}, ("bart", "homer")),
    "blanks in val": (csvs, {"train": ("cat", "dog"), "val": (" cat", "dog ")}, ("cat", "dog")),
    "blanks everywhere": (csvs, {"train": (" cat", " dog"), "val": (" cat", " dog")}, ("cat", "dog")),
    "val decomposed": (folders, {"train": (COMPOSED, "b"), "val": (DECOMPOSED, "b")}, (COMPOSED, "b")),
    "train decomposed": (csvs, {"train": (DECOMPOSED, "b"), "val": (COMPOSED, "b")}, (DECOMPOSED, "b")),
    "both in train": (folders, {"train": (DECOMPOSED, COMPOSED, "b")}, (COMPOSED, "b")),
}


@pytest.mark.parametrize("case", MERGED)
def test_blanks_and_unicode_forms_become_one_class_and_are_said(tmp_path, case):
    make, splits, classes = MERGED[case]
    found = read_source(make(tmp_path, **splits))
    assert found.classes == classes
    assert any("blanks" in one or "Unicode form" in one for one in found.taken)
    if "val" in splits:
        assert set(found.splits["val"].labels) == {0, 1}


def test_ids_keep_the_bytes_of_their_folder(tmp_path):
    found = read_source(folders(tmp_path, train=("homer ", "bart"), val=(" homer", "bart")))
    assert found.splits["train"].ids[2:] == ("homer /0.png", "homer /1.png")
    assert found.splits["val"].ids[:2] == (" homer/0.png", " homer/1.png")


DOUBTFUL = {
    "capitals in train": (folders, {"train": ("cat", "Cat"), "val": ("cat",)}, ("'Cat'", "'cat'")),
    "capitals in val": (folders, {"train": ("cat", "dog"), "val": ("Cat", "dog")}, ("'cat'", "'Cat'")),
    "numbers": (csvs, {"train": ("0", "0.0", "1", "1.0", "2", "2.0")}, ("'0'", "'0.0'")),
    "numbers in val": (csvs, {"train": ("0", "1"), "val": ("0.0", "1.0")}, ("'0'", "'0.0'")),
    "zeros": (csvs, {"train": ("01", "1", "2")}, ("'01'", "'1'")),
    "dashes": (csvs, {"train": ("fire-truck", "fire truck", "cat")}, ("'fire-truck'", "'fire truck'")),
    "not to be seen": (csvs, {"train": ("cat", "ca\u200bt", "dog")}, ("'cat'", r"'ca\u200bt'")),
    "and decomposed": (
        csvs,
        {"train": (COMPOSED, "b"), "val": (DECOMPOSED.upper(), "b")},
        (repr(COMPOSED), "'POKE\\u0301MON'"),
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_may_be_one_class_or_two_is_refused_with_both(tmp_path, case):
    make, splits, both = DOUBTFUL[case]
    with pytest.raises(BadDataError, match=r"Two labels may be one class: .* --classes FILE") as caught:
        read_source(make(tmp_path, **splits))
    said = str(caught.value)
    assert said.index(f"{both[0]} (") < said.index(f"{both[1]} (")


def test_the_images_of_both_are_counted(tmp_path):
    with pytest.raises(BadDataError, match=r"'cat' \(2 images in .*train.csv'\) and 'Cat' \(1 image in .*val.csv'\)"):
        read_source(csvs(tmp_path, train=("cat", "cat ", "dog"), val=("Cat", "dog")))


def test_classes_that_are_listed_are_two_classes(tmp_path):
    splits = {"train": ("a", "A", "b"), "val": ("A", "b")}
    found = read_source(csvs(tmp_path, listed=("A", "a", "b"), **splits))
    assert found.classes == ("A", "a", "b")
    assert list(found.splits["train"].labels) == [1, 0, 2]
    with pytest.raises(BadDataError, match=r"'a' \(the list of classes\) and 'A' \(1 image in"):
        read_source(csvs(tmp_path, listed=("a", "b"), **splits))


def test_labels_that_index_a_list_with_a_header_are_not_shifted(tmp_path):
    source = csvs(tmp_path, listed=("class_name", "cat", "dog"), train=("0", "1", "1"), val=("0", "1"))
    found = read_source(source)
    assert found.classes == ("cat", "dog")
    assert list(found.splits["train"].labels) == [0, 1, 1]
    assert any("'class_name', is read as a header" in one for one in found.taken)


def test_numbers_that_index_a_list_may_be_written_as_others_write_them(tmp_path):
    found = read_source(csvs(tmp_path, listed=("cat", "dog"), train=("0", "0.0", "1"), val=("0.0", "1.0")))
    assert [list(found.splits[split].labels) for split in ("train", "val")] == [[0, 0, 1], [0, 1]]


def test_labels_that_leave_the_last_class_of_a_list_out_may_be_shifted_by_a_header(tmp_path):
    splits = {"train": ("0", "1", "1"), "val": ("0", "1")}
    said = read_source(csvs(tmp_path, listed=("breed", "cat", "dog"), **splits)).taken
    assert any(one.startswith("No label is 2: if 'breed' in") for one in said)
    (tmp_path / "other").mkdir()
    whole = read_source(csvs(tmp_path / "other", listed=("breed", "cat", "dog"), train=("0", "1", "2"), val=("0",)))
    assert not any("No label is" in one for one in whole.taken)


def test_marks_that_are_not_seen_are_called_so(tmp_path):
    found = read_source(folders(tmp_path, train=("homer", "homer\u200b", "bart"), val=("homer", "bart")))
    assert any(r"'homer\u200b' has invisible marks around it" in one for one in found.taken)


def test_a_csv_in_another_encoding_is_read_where_that_is_said_and_one_in_utf8_stays(tmp_path):
    source = csvs(tmp_path, train=(COMPOSED, "b"), val=(COMPOSED, "b"))
    path = tmp_path / "train.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    with pytest.raises(
        BadDataError, match=r"train.csv', line 2, .* likely cp1252 \(which reads 'Pokémon'\).*--encoding"
    ):
        read_source(source)
    found = read_source(Source.of({**vars(source), "encoding": "cp1252"}))
    assert found.classes == (COMPOSED, "b")
    assert list(found.splits["val"].labels) == [0, 1]
    with pytest.raises(InvalidOptionError, match="--encoding is 'klingon'"):
        read_source(Source.of({**vars(source), "encoding": "klingon"}))
