"""Images that lost their range: a whole set of 10 or 12 bits in 16, and single ones that are black, are said."""

import numpy as np
import pytest
from PIL import Image

import ensemble_kit
from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.pipeline.inputs import open_images
from ensemble_kit.reporting.data import checked


def drawn(folder, highest):
    """Two classes of two images each in train and val, their values 16-bit, from 0 to the highest."""
    for place, name in enumerate(
        f"{split}/{label}/{n}.png" for split in ("train", "val") for label in "ab" for n in "12"
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(place).integers(0, highest, (11, 13)).astype(np.uint16)
        values[0, :3] = highest
        Image.fromarray(values).save(folder / name)
    return folder


@pytest.mark.parametrize(("highest", "seen"), [(1023, 4), (4095, 16), (65535, None)])
def test_a_set_of_few_bits_in_sixteen_is_said_by_data_check_and_by_train(tmp_path, capsys, highest, seen):
    folder = drawn(tmp_path, highest)
    report = ensemble_kit.data_check(folder, quiet=True)
    assert report.brightest == (seen or 255)
    said = " ".join(checked(report).split())
    assert (f"No value in the images is over {seen} of 255: all are nearly black." in said) == (seen is not None)
    open_images(Source(folder), 13, tmp_path / ".ek", RunContext())
    assert ("No value in the images is over" in capsys.readouterr().err) == (seen is not None)


def test_one_split_of_few_bits_beside_bright_ones_is_named(tmp_path, capsys):
    for place, path in enumerate(sorted((drawn(tmp_path, 4095) / "train").rglob("*.png"))):
        Image.fromarray(np.random.default_rng(place).integers(0, 256, (11, 13)).astype(np.uint8)).save(path)
    open_images(Source(tmp_path), 13, tmp_path / ".ek", RunContext())
    line = "No value in the images of val is over 16 of 255: all are nearly black."
    assert line in capsys.readouterr().err
    assert line in " ".join(checked(ensemble_kit.data_check(tmp_path, quiet=True)).split())


def test_one_black_image_is_a_finding_where_others_are_bright(tmp_path):
    folder = drawn(tmp_path, 65535)
    Image.new("RGB", (9, 7), (2, 1, 0)).save(folder / "val/a/1.png")
    report = ensemble_kit.data_check(folder, quiet=True)
    assert [(one.split, one.image_id, one.detail) for one in report.findings if one.kind == "black"] == [
        ("val", "a/1.png", "no value over 2 of 255")
    ]
    assert "Black: 1 image\n  val a/1.png: no value over 2 of 255" in checked(report)
