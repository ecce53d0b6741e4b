"""What is gathered about a file is what is in it."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.images.checks.inspect import inspect_file, inspect_files


def test_the_facts_are_those_of_the_file(tmp_path):
    path = tmp_path / "x.gif"
    pixels = np.zeros((5, 7), dtype=np.uint8)
    pixels[:, 3:] = 204
    Image.fromarray(pixels).save(path)
    facts = inspect_file(path)
    assert facts.bytes_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    appearance = facts.appearance
    assert (appearance.format, appearance.width_px, appearance.height_px, facts.reason) == ("GIF", 7, 5, "")
    assert appearance.brightness == pytest.approx(0.8 * 4 / 7)
    assert appearance.contrast == pytest.approx(0.8 * np.sqrt(4 / 7 * 3 / 7))


def test_sizes_are_those_of_the_upright_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (7, 5)).save(tmp_path / "x.png", exif=exif)
    appearance = inspect_file(tmp_path / "x.png").appearance
    assert (appearance.width_px, appearance.height_px) == (5, 7)


def test_equal_pixels_have_equal_digests_whatever_the_file_and_other_shapes_other_ones(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    for name, image in (("a.png", pixels), ("b.bmp", pixels), ("c.png", pixels.reshape(7, 5, 3))):
        Image.fromarray(image).save(tmp_path / name)
    first, second, third = (inspect_file(tmp_path / name) for name in ("a.png", "b.bmp", "c.png"))
    assert first.appearance.pixels_sha256 == second.appearance.pixels_sha256 != third.appearance.pixels_sha256
    assert first.bytes_sha256 != second.bytes_sha256


def test_bad_files_have_a_reason_and_stop_nobody(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (43, 41, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "good.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:-999])
    paths = [tmp_path / name for name in ("empty.png", "good.png", "cut.png", "gone.png")]
    counted = []
    facts = inspect_files(paths, lambda: counted.append(1))
    assert [fact.appearance is None for fact in facts] == [True, False, True, True]
    assert [bool(fact.bytes_sha256) for fact in facts] == [True, True, True, False]
    for fact, reason in zip(facts, ("is empty", "", "runcated", "No such file"), strict=True):
        assert reason in fact.reason
    assert len(counted) == 4
