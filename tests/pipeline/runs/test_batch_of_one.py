"""A batch of one image, of which a batch norm sees one value a channel: joined or refused in words."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from ensemble_kit.cli import ek as command

NARROW = ["--arch", "timm:mobilenetv3_small_050", "--size", "32", "--device", "cpu"]
JOINED = "in batches of 2 leave one over; it joins the batch before it"
REFUSED = "InvalidOptionError: --batch-size is 1, and a batch norm of this network sees one value a channel"


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Run `ek` on five drawn training images, in a folder of its own; return exit code and all it said."""
    monkeypatch.chdir(tmp_path)
    for place in range(7):
        path = Path("data", "train" if place < 5 else "val", "ab"[place % 2], f"{place}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (30 * place, 90, 200 - 20 * place)).save(path)

    def run(*words):
        done = CliRunner().invoke(command, [*words, "--data", "data", *NARROW])
        return done.exit_code, done.output

    return run


def test_one_image_too_many_joins_the_batch_before_it_and_a_line_says_so(ran):
    code, said = ran("train", "--epochs", "2", "--batch-size", "2", "--name", "joined")
    assert (code, f"5 images {JOINED}" in said) == (0, True), said
    assert len(Path("runs/joined/metrics.csv").read_text().splitlines()) == 3
    code, said = ran("find-lr", "--steps", "20", "--batch-size", "2")
    assert f"5 images {JOINED}" in said
    assert "ValueError" not in said
    code, said = ran("train", "--epochs", "1", "--batch-size", "4", "--name", "four", "--json")
    assert code == 0, said
    assert "leave one over" not in said
    assert json.loads(said[said.index("{") :])["train_images"] == 5


def test_batches_of_one_are_refused_before_training_and_nothing_is_left(ran):
    for words in (["train", "--epochs", "2"], ["find-lr", "--steps", "20"]):
        code, said = ran(*words, "--batch-size", "1")
        assert (code, REFUSED in said) == (2, True), said
    assert not list(Path("runs").rglob("*"))
    assert not list(Path("predictions").glob("[!.]*"))
