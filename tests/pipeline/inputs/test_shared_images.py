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
        "val: 2 of 3 images are in train too, byte for byte, first 'val1'. Figures on val cannot be trusted: "
        "ek data check lists all."
    ]
    assert said(train=train, val=[("a", 0), ("c", 0), ("d", 0)]) == [
        "val: 3 of 3 images are in train too, byte for byte; 2 of them under two labels, first 'train2' (train: 'dog') "
        "and 'val1' (val: 'cat'). Figures on val cannot be trusted: ek data check lists all."
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


@pytest.mark.parametrize("quiet", [False, True])
def test_it_is_said_when_images_are_read(tmp_path, capsys, quiet):
    for place, name in enumerate(("train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/dog/4.png")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (place % 3 * 50, 40, 90)).save(tmp_path / name)
    open_images(Source(tmp_path), 8, tmp_path / ".ek", RunContext(quiet=quiet))
    line = "val: 1 of 2 images are in train too, byte for byte; 1 of them under two labels, first 'cat/1.png' (train: "
    assert (line in capsys.readouterr().err) != quiet
