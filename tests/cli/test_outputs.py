"""What each command writes, where a file is already: refused before the work, replaced when asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ensemble_kit.cli import ek
from ensemble_kit.errors import InvalidOptionError

MINE = b"what I kept\n"
BLEND = "blend mlp cnn --name small --quiet"
OUTPUTS = {
    "predictions.csv": "predict --ckpt runs/cnn data/test --engine eager --quiet",
    "new.jsonl": "predict --ckpt runs/cnn data/test --engine eager --out new.jsonl --quiet",
    "exports/small.onnx": "export small --size 16 --quiet",
    "net.onnx": "export small --size 16 --out net.onnx --quiet",
    "found.csv": "data check data --csv found.csv --quiet",
    "found.png": "data check data --sheet found.png --quiet",
    "reports/augment-strong.png": "show-augment --data data --recipe strong --rows 2 --copies 1",
    "sheet.png": "show-augment --data data --recipe strong --rows 2 --copies 1 --out sheet.png",
    "reports/lr-mlp.png": "find-lr --data data --arch mlp --steps 20 --quiet",
    "blends/small.json": BLEND,
    "submissions/small.csv": BLEND,
    "mine.csv": f"{BLEND} --out mine.csv",
    "reports/small.html": "report small --quiet",
    "reports/small.json": "report small --quiet",
}
"""A file: the command that writes it."""
MADE_ANEW = (
    *("blends/small.json", "submissions/small.csv", "reports/small.html"),
    *("reports/augment-strong.png", "reports/lr-mlp.png"),
)


def run(typed, *more):
    return CliRunner().invoke(ek, [*typed.split(), *more])


def read(path):
    return Path(path).read_bytes()


@pytest.mark.parametrize("path", OUTPUTS)
def test_a_file_of_mine_stands_until_replace_is_given(small, path):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_bytes(MINE)
    listed = sorted(Path().rglob("*"))
    done = run(OUTPUTS[path])
    assert done.exit_code == 2, done.output
    assert f"'{path}' is there already" in done.output
    assert "Give --replace, or another --" in done.output
    assert read(path) == MINE
    added = {one.name for one in set(Path().rglob("*")) - set(listed)} - {".lock", "verified"}
    assert not [name for name in added if len(name) < 40], "work was done before"  # markers of checksums alone
    done = run(OUTPUTS[path], "--replace")
    assert done.exit_code == 0, done.output
    assert read(path) != MINE


def test_what_ek_wrote_and_nobody_touched_is_made_anew(small):
    for _ in range(2):
        for path in MADE_ANEW:
            assert run(OUTPUTS[path]).exit_code == 0, path
    assert run(f"{BLEND} --method prob-mean").exit_code == 0  # another state of the same blend
    assert run(OUTPUTS["reports/small.html"]).exit_code == 0


def test_auto_refuses_before_it_measures_anything(small):
    Path("mine.csv").write_bytes(MINE)
    done = run("auto --data data --minutes 1 --out mine.csv --quiet")
    assert (done.exit_code, read("mine.csv")) == (2, MINE)
    assert "'mine.csv' is there already, and is not as ek wrote it" in done.output
    assert not Path("runs/auto.budget.json").exists()


def test_nobody_else_writes_what_a_command_reads(small):
    blend = read("blends/small.json")
    for typed in (
        "export small --out blends/small.json --replace",
        "data check --train-csv list.csv --images data/train --val-fraction 0.5 --csv list.csv --replace",
    ):
        Path("list.csv").write_text("image_id,label\nada/0000.png,ada\nada/0001.png,ada\n")
        done = run(typed)
        assert (done.exit_code, "is what is read here" in done.output) == (2, True), done.output
    assert read("blends/small.json") == blend


def test_standard_output_takes_predictions_alone(small):
    typed = ["predict", "--ckpt", "runs/cnn", "data/test", "--engine", "eager", "--quiet", "--out", "/dev/stdout"]
    done = subprocess.run([sys.executable, "-m", "ensemble_kit", *typed], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("image_id,label,probability")
    assert len(done.stdout.splitlines()) == 1 + 20
    assert "20 images" in done.stderr


def test_the_null_device_is_no_file_that_is_replaced(small):
    assert run("predict --ckpt runs/cnn data/test --engine eager --quiet --out /dev/null").exit_code == 0
    assert not Path("/dev/null").is_file()
    assert not [name for name in os.listdir("/dev") if name.startswith(".tmp-")]


def test_from_python_replace_means_the_same(small):
    import ensemble_kit

    Path("found.csv").write_bytes(MINE)
    with pytest.raises(InvalidOptionError, match="'found.csv' is there already"):
        ensemble_kit.data_check("data", csv="found.csv", quiet=True)
    ensemble_kit.data_check("data", csv="found.csv", replace=True, quiet=True)
    assert read("found.csv") != MINE
