"""Images that stand twice are counted, and those under two labels named, before anything is learnt."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.context import RunContext
from ensemble_kit.images import DataSet, Source, Split
from ensemble_kit.pipeline.inputs import open_images
from ensemble_kit.pipeline.inputs.shared_images import shared_images


def split_of(name, labels):
    ids = tuple(f"{name}{row}" for row in range(len(labels)))
    return Split(ids, tuple(map(Path, ids)), None if labels[0] is None else np.array(labels))


def said(**splits):
    """What is said of splits, each a list of (digest, label)."""
    data = DataSet(
        ("cat", "dog"), {name: split_of(name, [label for _, label in rows]) for name, rows in splits.items()}
    )
    return shared_images(data, {name: tuple(digest for digest, _ in rows) for name, rows in splits.items()})


def test_images_of_two_splits_are_counted_and_those_under_two_labels_named():
    train = [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("", 0)]
    assert said(train=train, val=[("e", 0), ("", 1)], test=[("f", None)]) == []
    assert said(train=train, val=[("e", 0), ("a", 0), ("c", 1)]) == [
        "val: 2 of 3 images are in train too, pixel for pixel, first 'val1'. Figures on val cannot be trusted: "
        "ek data check lists all."
    ]
    assert said(train=train, val=[("a", 0), ("c", 0), ("d", 0)]) == [
        "val: 3 of 3 images are in train too, pixel for pixel; 2 of them under two labels, first 'train2' (train: "
        "'dog') and 'val1' (val: 'cat'). Figures on val cannot be trusted: ek data check lists all."
    ]


def test_test_is_compared_with_train_and_val():
    found = said(train=[("a", 0), ("b", 1)], val=[("c", 0)], test=[("c", None), ("a", None), ("a", None)])
    assert [line.partition(",")[0] for line in found] == [
        "test: 1 of 3 images are in val too",
        "test: 2 of 3 images are in train too",
    ]


def test_doubles_in_one_split_matter_under_two_labels_alone():
    assert said(train=[("a", 0), ("a", 0), ("b", 1)]) == []
    assert said(train=[("a", 0), ("a", 0), ("a", 1)]) == [
        "train: 1 of 3 images stand there already under two labels, first 'train0' (train: 'cat') and 'train2' "
        "(train: 'dog'). Correct them."
    ]


def test_the_same_pixels_in_other_files_are_the_same_image(tmp_path, capsys):
    random = np.random.default_rng(5)
    images = [Image.fromarray(random.integers(0, 256, (11, 13, 3)).astype(np.uint8)) for _ in range(5)]
    images[4].putpixel((0, 0), tuple(255 - value for value in images[4].getpixel((0, 0))))
    for image, name in zip(images, ("cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png"), strict=False):
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "train" / name)
    for name in ("cat/n.png", "dog/1.bmp", "dog/2.tif", "dog/3.png"):
        (tmp_path / "val" / name).parent.mkdir(parents=True, exist_ok=True)
    images[0].save(tmp_path / "val/dog/1.bmp")
    images[1].convert("RGBA").save(tmp_path / "val/dog/2.tif")
    images[2].save(tmp_path / "val/dog/3.png", compress_level=0)
    images[4].save(tmp_path / "val/cat/n.png")
    open_images(Source(tmp_path), 9, tmp_path / ".ek", RunContext())
    assert "val: 3 of 4 images are in train too, pixel for pixel; 2 of them under two labels" in capsys.readouterr().err


def test_images_that_share_a_line_and_unreadable_ones_are_not_the_same(tmp_path, capsys):
    for split in ("train", "val"):
        for place, label in enumerate(("cat", "dog")):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            values = np.zeros((11, 13), np.uint8)
            values[0, 2 * place + (split == "val")] = 255
            Image.fromarray(values).save(folder / "1.png")
            (folder / "2.png").write_bytes(b"no image")
    open_images(Source(tmp_path), 11, tmp_path / ".ek", RunContext(), skip_bad=True)
    assert "pixel for pixel" not in capsys.readouterr().err


@pytest.mark.parametrize("quiet", [False, True])
def test_it_is_said_when_images_are_read(tmp_path, capsys, quiet):
    for place, name in enumerate(("train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/dog/4.png")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (place % 3 * 50, 40, 90)).save(tmp_path / name)
    open_images(Source(tmp_path), 8, tmp_path / ".ek", RunContext(quiet=quiet))
    line = "val: 1 of 2 images are in train too, pixel for pixel; 1 of them under two labels, first 'cat/1.png' "
    assert (f"{line}(train: " in capsys.readouterr().err) != quiet
