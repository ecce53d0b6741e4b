"""A folder that is laid out as competitions do it is answered by the very words to type."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ensemble_kit.cli import ek
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.sources import Source, read_source

CLASSES = ("cat", "dog", "owl")


def drawn(folder, *names):
    from PIL import Image

    for place, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (place * 5, 40, 90)).save(path)


def rows(count, ending=""):
    return "".join(f"n{place}{ending},{CLASSES[place % 3]}\n" for place in range(count))


def refusal(folder):
    with pytest.raises(BadDataError) as caught:
        read_source(Source(folder), val_needed=False)
    return str(caught.value)


def typed(folder, monkeypatch):
    """Type what the refusal of a folder says; return the command and what is counted then."""
    monkeypatch.chdir(folder)
    command = next(line for line in refusal(folder).splitlines() if line.startswith("  ek data check "))
    done = CliRunner().invoke(ek, [*shlex.split(command)[1:], "--json"])
    assert done.exit_code in (0, 3), done.output
    import json

    found = json.loads(done.stdout)
    return command, {one["split"]: one["images"] for one in found["splits"]}


@pytest.mark.parametrize(
    ("images", "header", "ending", "tests", "options"),
    [
        ("train", "id,label", ".png", "test", "--test-dir"),
        ("train_images", "image_id,label", ".png", "test_images", "--test-dir"),
        ("images", "Id,Category", "", "images", "--test-csv"),
        ("images/train", "filename,class", ".png", "nowhere", ""),
        ("my images", "image,breed", ".png", "nowhere", ""),
        ("images", "file,target,width", ".png", "images", "--test-csv"),
    ],
)
def test_the_command_that_is_named_for_csvs_beside_images_works(
    tmp_path, monkeypatch, images, header, ending, tests, options
):
    drawn(tmp_path / images, *(f"n{place}.png" for place in range(12)))
    body = rows(12, ending)
    (tmp_path / "train.csv").write_text(
        f"{header}\n{body}" if header.count(",") < 2 else f"{header}\n" + body.replace("\n", ",9\n")
    )
    if tests != "nowhere":
        drawn(tmp_path / tests, *(f"t{place}.png" for place in range(5)))
        (tmp_path / "sample_submission.csv").write_text(
            "Id,Category\n" + "".join(f"t{place},x\n" for place in range(5))
        )
    command, counted = typed(tmp_path, monkeypatch)
    assert options in command
    assert "--val-fraction 0.15" in command
    assert counted == {"train": 9, "val": 3} | ({"test": 5} if options else {})


def test_a_val_csv_is_named_where_there_is_one(tmp_path, monkeypatch):
    drawn(tmp_path / "images", *(f"n{place}.png" for place in range(12)))
    (tmp_path / "labels_train.csv").write_text("id,label\n" + rows(9))
    (tmp_path / "labels_valid.csv").write_text("id,label\nn9,cat\nn10,dog\nn11,owl\n")
    command, counted = typed(tmp_path, monkeypatch)
    assert "--val-fraction" not in command
    assert counted == {"train": 9, "val": 3}


def test_one_csv_of_any_name_is_that_of_train(tmp_path, monkeypatch):
    drawn(tmp_path / "images", *(f"n{place}.png" for place in range(12)))
    (tmp_path / "labels.csv").write_text("id,label\n" + rows(12))
    command, counted = typed(tmp_path, monkeypatch)
    assert "labels.csv" in command
    assert counted == {"train": 9, "val": 3}


def test_columns_that_are_not_clear_do_not_hide_the_command(tmp_path):
    drawn(tmp_path / "images", "n0.png")
    (tmp_path / "train.csv").write_text("filename,class,class_name,xmin,ymin\nn0.png,1,cat,0,0\nn0.png,1,cat,2,2\n")
    assert f"ek data check --images {tmp_path / 'images'} --train-csv {tmp_path / 'train.csv'}" in refusal(tmp_path)


@pytest.mark.parametrize(("encoding", "mark"), [("cp1252", ","), ("utf-8", ";"), ("utf-16", "\t")])
def test_an_encoding_or_a_separator_does_not_hide_the_command(tmp_path, encoding, mark):
    drawn(tmp_path / "images", *(f"n{place}.png" for place in range(3)))
    text = ("id,label\n" + rows(3)).replace("owl", "hérisson").replace(",", mark)
    (tmp_path / "train.csv").write_bytes(text.encode(encoding))
    assert f"ek data check --images {tmp_path / 'images'} --train-csv {tmp_path / 'train.csv'}" in refusal(tmp_path)


def test_folders_of_other_names_and_places_are_named(tmp_path):
    drawn(tmp_path / "archive/train/cat", "1.png")
    assert f"'{tmp_path / 'archive'}' holds train/: name that folder." in refusal(tmp_path)
    assert f"Name the folder above it: '{tmp_path / 'archive'}'" in refusal(tmp_path / "archive/train")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").endswith("which does not exist: train/CLASS/image.jpg.")


CALLED = [("training", "train"), ("Train", "train"), ("valid", "val"), ("validation", "val"), ("dev", "val")]


def split_folders(folder, *names):
    for split in names:
        for name in ("cat", "dog"):
            drawn(folder / split / name, "1.png", "2.png")
    return folder


@pytest.mark.parametrize(("name", "split"), CALLED)
def test_the_folder_of_a_split_may_have_another_usual_name_which_is_said(tmp_path, name, split):
    other = "val" if split == "train" else "train"
    found = read_source(Source(split_folders(tmp_path, other, name)))
    assert {one: len(listed.ids) for one, listed in found.splits.items()} == {"train": 4, "val": 4}
    assert found.splits[split].paths[0].parent.parent == tmp_path / name
    assert found.taken == (f"'{tmp_path}' has no {split}/; '{tmp_path / name}' is read as {split}.",)


@pytest.mark.parametrize("inner", ["", "sub"])
def test_a_test_folder_may_have_another_usual_name_too(tmp_path, inner):
    drawn(split_folders(tmp_path, "train", "val") / "testing" / inner, "1.png")
    found = read_source(Source(tmp_path))
    assert len(found.splits["test"].ids) == 1
    assert "is read as test." in found.taken[0]


@pytest.mark.parametrize("name", ["valid", "validation", "dev"])
def test_a_val_folder_of_another_name_beside_a_fraction_is_not_read_and_that_is_said(tmp_path, name):
    found = read_source(Source(split_folders(tmp_path, "train", name), val_fraction=0.5))
    assert {one: len(listed.ids) for one, listed in found.splits.items()} == {"train": 2, "val": 2}
    assert found.taken == (
        f"'{tmp_path / name}' is not read: --val-fraction takes val from train. To read it, leave that out.",
    )


def test_two_folders_that_may_be_val_are_both_named_and_one_without_images_is_none(tmp_path):
    split_folders(tmp_path, "train", "valid", "dev")
    with pytest.raises(BadDataError, match=r"has no val/, and '.*/dev' and '.*/valid' may both be meant. Rename one"):
        read_source(Source(tmp_path))
    (tmp_path / "valid").rename(tmp_path / "val")
    assert read_source(Source(tmp_path)).taken == (f"Not read: '{tmp_path / 'dev'}', which holds images.",)
    (tmp_path / "val").rename(tmp_path / "rest")
    (tmp_path / "dev").rename(tmp_path / "gone")
    (tmp_path / "dev/notes").mkdir(parents=True)
    assert "val" not in read_source(Source(tmp_path), val_needed=False).splits


@pytest.mark.parametrize("names", [("cat", "dog"), ("oval", "latest"), ("0", "1"), ("cat", "dog", "devil")])
def test_a_folder_that_holds_classes_itself_is_train_and_how_to_split_it_is_said(tmp_path, names):
    for name in names:
        drawn(tmp_path / name, "1.png", "2.png", "3.png", "4.png")
    drawn(tmp_path / "test", "9.png")
    (tmp_path / "README.md").write_text("x")
    whole = read_source(Source(tmp_path), val_needed=False)
    assert (whole.classes, sorted(whole.splits), whole.passed_over) == (tuple(sorted(names)), ["test", "train"], 1)
    with pytest.raises(InvalidOptionError, match="There are no val images") as caught:
        read_source(Source(tmp_path))
    assert "it holds folders of images itself, which are read as the classes of train" in str(caught.value)
    words = shlex.split(str(caught.value).partition("To split them: ")[2])
    assert words[:2] == ["ek", "train"]
    typed = dict(zip(words[2::2], words[3::2], strict=True))
    found = read_source(Source(Path(typed["--data"]), val_fraction=float(typed["--val-fraction"])))
    assert {one: len(listed.ids) for one, listed in found.splits.items()} == {
        "train": 3 * len(names),
        "val": len(names),
        "test": 1,
    }
    assert found.taken[0].endswith("are read as the classes of train.")


@pytest.mark.parametrize("other", ["empty/", "train/1.png", "deep/er/1.png"])
def test_folders_that_may_be_no_classes_are_not_read_as_such(tmp_path, other):
    drawn(tmp_path, "cat/1.png", "dog/1.png")
    drawn(tmp_path, other) if other.endswith("png") else (tmp_path / other).mkdir()
    assert "Wanted class folders" in refusal(tmp_path)


def test_a_folder_that_keeps_others_from_being_read_as_classes_is_named(tmp_path):
    drawn(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "notes").mkdir()
    assert f"but '{tmp_path / 'notes'}' holds none: move it out or fill it." in refusal(tmp_path)


def test_classes_in_the_working_folder_are_read_beside_what_commands_make_there(tmp_path, monkeypatch):
    drawn(tmp_path, "cat/1.png", "dog/1.png", "reports/augment-strong.png", "__MACOSX/cat/._1.png")
    for name in ("runs", "predictions"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_source(Source(Path()), val_needed=False).classes == ("cat", "dog")
    assert "'reports'" not in str(read_source(Source(Path()), val_needed=False).taken)


@pytest.mark.parametrize(
    ("name", "said"), [("val_set/cat/1.png", "val_set"), ("dev/1.png", "dev"), ("notes/a.txt", "")]
)
def test_folders_of_images_that_are_not_read_are_named(tmp_path, name, said):
    drawn(split_folders(tmp_path, "train", "val"), name.replace(".txt", "/b/c/1.png"))
    found = read_source(Source(tmp_path))
    assert found.taken == ((f"Not read: '{tmp_path / said}', which holds images.",) if said else ())


def test_what_is_no_csv_and_no_folder_is_passed_over(tmp_path):
    import os

    os.mkfifo(tmp_path / "train.csv")
    (tmp_path / "labels.csv").mkdir()
    (tmp_path / "x.csv").write_bytes(b'"broken')
    drawn(tmp_path / "images", "n0.png")
    assert "ek data check" not in refusal(tmp_path)
