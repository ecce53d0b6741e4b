"""Images that do not lie where a CSV says: read by the ends of their paths, else found for the message."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.elsewhere import lie_elsewhere
from ensemble_kit.images.sources import Source, read_source

COUNT = 7


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with seven images in data/pics/a and none elsewhere."""
    monkeypatch.chdir(tmp_path)
    Path("data/pics/a").mkdir(parents=True)
    for place in range(COUNT):
        Image.new("RGB", (9, 7), (place * 5, 40, 90)).save(f"data/pics/a/n{place}.png")
    return tmp_path


def train_csv(form, column="path"):
    """A CSV whose paths (or ids) are made of the number of each image."""
    first = "x{n}," if column == "path" else ""
    rows = [f"{first}{form},{{label}}\n".format(n=n, label=("cat", "dog")[n % 2]) for n in range(COUNT)]
    Path("train.csv").write_text(f"{'image_id,' if first else ''}{column},label\n{''.join(rows)}")
    return Source(train_csv=Path("train.csv"), val_fraction=0.3)


def refusal(source):
    with pytest.raises(BadDataError) as caught:
        read_source(source)
    return str(caught.value)


def images_said(message):
    """The folder that a refusal says to type."""
    (option, folder) = shlex.split(re.search(r"--images \S+", message)[0])
    assert option == "--images"
    return Path(folder)


@pytest.mark.parametrize("column", ["path", "image_id"])
@pytest.mark.parametrize(
    "form",
    [
        "a/n{n}.png",
        "n{n}.png",
        "a\\n{n}.png",
        "C:\\Users\\ann\\a\\n{n}.png",
        "/home/ann/photos/a/n{n}.png",
        "~/old/a/n{n}.png",
        "https://host.org/files/a/n{n}.png",
        "../elsewhere/n{n}.png",
    ],
)
def test_the_folder_that_is_named_for_images_elsewhere_is_the_one_to_type(here, form, column):
    message = refusal(train_csv(form, column))
    assert f"'train.csv': none of its {COUNT} images is there. The first was looked for as '" in message
    found = read_source(Source(train_csv=Path("train.csv"), images=images_said(message), val_fraction=0.3))
    assert sorted(path.name for split in found.splits.values() for path in split.paths) == [
        f"n{place}.png" for place in range(COUNT)
    ]
    assert all(path.is_file() for split in found.splits.values() for path in split.paths)


def test_a_wrong_folder_of_images_is_told_from_the_right_one(here):
    source = train_csv("n{n}", "image_id")
    for wrong in ("data", "nowhere"):
        message = refusal(Source(train_csv=source.train_csv, images=Path(wrong), val_fraction=0.3))
        assert f"'{wrong}/n0', with or without the ending of an image" in message
        assert images_said(message) == Path("data/pics/a")


@pytest.mark.parametrize(
    "form", ["data\\pics\\a\\n{n}.png", "~/data/pics/a/n{n}.png", "C:\\work\\data\\pics\\a\\n{n}.png"]
)
def test_paths_of_another_system_are_read_by_their_ends_and_that_is_said(here, form):
    found = read_source(train_csv(form))
    assert "images by the end of their paths, as 'data/pics/a/n0.png' of" in found.taken[0]
    assert all(path.is_file() for split in found.splits.values() for path in split.paths)


def test_a_home_folder_is_looked_in(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "data"))
    found = read_source(train_csv("~/pics/a/n{n}.png"))
    assert found.splits["train"].paths[0].parent == here / "data/pics/a"


def test_paths_that_would_name_one_file_by_their_ends_are_not_read_so(here):
    Path("data/pics/b").mkdir()
    for place in range(COUNT):
        Image.new("RGB", (9, 7)).save(f"data/pics/b/n{place}.png")
    rows = [f"{name}{n},/x/{name}/n{n}.png,{name}" for name in "ab" for n in range(COUNT)]
    Path("train.csv").write_text("image_id,path,label\n" + "\n".join(rows))
    inner = refusal(Source(train_csv=Path("train.csv"), images=Path("data/pics/a"), val_fraction=0.3))
    assert images_said(inner) == Path("data/pics")


def test_letters_of_another_case_and_addresses_are_called_so(here):
    message = refusal(train_csv("data/pics/a/N{n}.PNG"))
    assert "For 'N0.PNG' there is 'data/pics/a/n0.png', which differs in upper and lower case." in message
    assert "--images" not in message
    message = refusal(train_csv("https://host.org/z{n}.png"))
    assert "It is an address: download the images, then say where they are: --images FOLDER." in message
    assert message.count("data/pics") == 0


def test_images_found_nowhere_are_asked_for(here):
    source = train_csv("z{n}.png")
    assert "Say which folder they lie in: --images FOLDER, or bring a column of paths." in refusal(source)
    near = refusal(Source(train_csv=source.train_csv, images=Path("dat"), val_fraction=0.3))
    assert "There is no folder 'dat'; did you mean 'data'? Say which" in near


@pytest.mark.parametrize(("cell", "column"), [("/", "path"), ("//", "path"), ("a" * 300 + "/{n}.png", "image_id")])
def test_cells_that_name_no_file_are_not_there_either(here, cell, column):
    assert f"none of its {COUNT} images is there" in refusal(train_csv(cell, column))


def test_some_that_are_missing_are_counted_and_one_is_found(here):
    paths = [Path(f"data/pics/{'ab'[n > 4]}/n{n}.png") for n in range(COUNT)]
    assert lie_elsewhere(paths) == (
        "2 are not there. For 'n5.png' there is 'data/pics/a/n5.png'. Correct the paths in the CSV. "
    )
    assert lie_elsewhere(paths[:3]) == ""
    assert lie_elsewhere([Path("gone/z.png")]) == lie_elsewhere([Path("a" * 300) / "z.png"]) == "1 is not there. "


def test_the_first_fifty_may_be_missing_where_others_are_there(here):
    rows = [f"g{n},gone/{n}.png,cat" for n in range(60)] + [f"n{n},data/pics/a/n{n}.png,dog" for n in range(COUNT)]
    Path("train.csv").write_text("image_id,path,label\n" + "\n".join(rows))
    found = read_source(Source(train_csv=Path("train.csv"), val_fraction=0.3))
    assert sum(path.is_file() for split in found.splits.values() for path in split.paths) == COUNT


def split_csvs(*names):
    """A CSV a split, with file names alone; the images lie in pics/SPLIT."""
    for split in names:
        for place in range(4):
            path = Path(f"pics/{split}/{split}{place}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 7), (place * 5, 40, 90)).save(path)
        rows = [f"{split}{place}.png,{('cat', 'dog')[place % 2]}\n" for place in range(4)]
        Path(f"{split}.csv").write_text(f"image_id,label\n{''.join(rows)}")


@pytest.mark.parametrize("val", ["val", "valid"])
def test_images_in_a_folder_a_split_are_read_and_that_is_said(here, val):
    split_csvs("train", val)
    found = read_source(Source(train_csv=Path("train.csv"), val_csv=Path(f"{val}.csv"), images=Path("pics")))
    assert all(path.is_file() for split in found.splits.values() for path in split.paths)
    assert found.taken == tuple(f"'{one}.csv': its images lie in 'pics/{one}'." for one in ("train", val))


def test_the_folder_that_is_named_for_one_split_serves_all(here):
    split_csvs("train", "val")
    source = Source(train_csv=Path("train.csv"), val_csv=Path("val.csv"), images=Path("pics/train"))
    assert images_said(refusal(source)) == Path("pics")


def test_images_in_several_folders_are_not_said_to_lie_in_one(here):
    for place in range(COUNT):
        Path(f"s{place % 3}").mkdir(exist_ok=True)
        Path(f"data/pics/a/n{place}.png").rename(f"s{place % 3}/n{place}.png")
    message = refusal(train_csv("n{n}.png", "image_id"))
    assert f"3 of {COUNT} lie in 's0', others elsewhere: bring a column of paths." in message
    assert "--images" not in message


def test_an_image_of_another_ending_is_named(here):
    message = refusal(train_csv("data/pics/a/n{n}.jpg"))
    assert "For 'n0.jpg' there is 'data/pics/a/n0.png'. Correct the paths in the CSV." in message


@pytest.mark.parametrize("column", ["path", "image_id"])
def test_images_whose_names_are_in_another_unicode_form_are_read(here, column):
    for place in range(COUNT):
        Path(f"data/pics/a/n{place}.png").rename(f"data/pics/a/e\u0301{place}.png")
    found = read_source(train_csv("data/pics/a/\u00e9{n}.png", column))
    assert all(path.is_file() for split in found.splits.values() for path in split.paths)
    assert column == "path" or all("\u00e9" in one for one in found.splits["train"].ids)
