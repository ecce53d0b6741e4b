"""Images of formats that are not read, and larger ones than allowed: the same for every command."""

import csv

import numpy as np
import pytest
from PIL import Image

import ensemble_kit
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images import headers
from ensemble_kit.pipeline.predict import predictor
from ensemble_kit.splits import SPLITS

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
ALONE = {"arch": "mlp", "epochs": 1, "size": 8, "quiet": True, "replace": True, "name": "mlp"}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of 5 train, 3 val and 2 test images of 12 x 12 px, in the working folder."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0)
    for split, count in zip(SPLITS, (5, 3, 2), strict=True):
        for name in ("",) if split == "test" else ("cat", "dog"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for place in range(count):
                image = Image.fromarray(pixels.integers(0, 256, (12, 12, 3), dtype=np.uint8))
                image.save(tmp_path / "data" / split / name / f"{place}.png")
    return tmp_path / "data"


def predicted(data, **options):
    ensemble_kit.predict([data / "test"], ckpt="runs/mlp", out="new.csv", replace=True, quiet=True, **options)
    with open("new.csv", encoding="utf-8", newline="") as file:
        return {row["image_id"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_an_image_of_a_format_that_is_not_read_stops_train_by_name_and_has_a_row_in_predict(data):
    for name in ("test/x.heic", "test/y", "train/cat/z.HEIC"):
        (data / name).write_bytes(HEIC)
    with pytest.raises(BadDataError, match=r"3 of 21 images cannot be used:\ncannot read '.*z.HEIC' and 2 more: it"):
        ensemble_kit.train(data, **ALONE)
    checked = ensemble_kit.data_check(data, quiet=True)
    assert (checked.unreadable, checked.clean) == (3, False)
    ensemble_kit.train(data, skip_bad=True, **ALONE)
    rows = predicted(data)
    assert list(rows) == ["0.png", "1.png", "x.heic", "y"]
    assert [bool(row["label"]) for row in rows.values()] == [True, True, False, False]
    assert "it is a HEIC image; wanted one of JPEG, PNG" in rows["x.heic"]["error"]


@pytest.mark.slow
def test_larger_images_are_allowed_once_and_that_is_remembered_by_the_run(data, monkeypatch):
    for module in (headers, predictor):
        monkeypatch.setattr(module, "MAX_PIXELS", 200)
    Image.new("RGB", (20, 15)).save(data / "test" / "large.png")
    Image.new("RGB", (25, 16)).save(data / "test" / "larger.png")
    with pytest.raises(BadDataError, match=r"large.png': 20 x 15 px; at most 0.0002 megapixels. To allow it: --max-m"):
        ensemble_kit.train(data, **ALONE)
    assert ensemble_kit.data_check(data, quiet=True).unreadable == 2
    assert ensemble_kit.data_check(data, max_megapixels=0.0004, quiet=True).unreadable == 0
    with pytest.raises(BadDataError, match=r"(?s)1 of 20 images .*larger.png': 25 x 16 px"):
        ensemble_kit.train(data, max_megapixels=0.0003, **ALONE)
    ensemble_kit.train(data, max_megapixels=0.0004, **ALONE)
    assert "max_megapixels: 0.0004\n" in (data.parent / "runs/mlp/config.yaml").read_text()
    ensemble_kit.tta("runs/mlp", "flips", quiet=True)
    assert [row["error"] for row in predicted(data).values()] == [""] * 4
    rows = predicted(data, max_megapixels=0.00035)
    assert (rows["large.png"]["error"], rows["larger.png"]["label"]) == ("", "")


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_cannot_be_is_refused(data, limit):
    with pytest.raises(InvalidOptionError, match="--max-megapixels is .*; wanted a number above 0"):
        ensemble_kit.data_check(data, max_megapixels=limit, quiet=True)
