"""`ek find-lr`: a plot, a rate and a command; nothing else is left behind."""

import os
import shlex
import struct
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit import training
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import InvalidOptionError

TINY = {
    "recipe": "assignment",
    "arch": "mlp",
    "arch_option": {"width": 7, "depth": 1},
    "size": 11,
    "device": "cpu",
    "threads": 1,
    "steps": 61,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    ek.demo_data(folder / "data", train=110, val=31, test=13, size=16, quiet=True)
    return folder / "data"


@pytest.fixture
def find(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(**given):
        return ek.find_lr(data, cache=data.parent / ".ek", quiet=True, **{**TINY, **given})

    return run


def files():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def test_nothing_is_left_but_the_plot(find):
    report = find()
    assert files() == [str(report.plot)] == [os.path.join("reports", "lr-mlp.png")]
    assert report.plot.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", report.plot.read_bytes()[16:24])
    assert width > height > 300


def test_what_it_suggests_is_among_what_it_tried(find):
    report = find(out="elsewhere/one.png", optimizer="adamw", batch_size=17)
    assert report.rates[0] < report.tenth == report.recommended < report.lowest <= report.rates[-1]
    assert len(report.rates) == len(report.losses) == len(report.smoothed)
    assert (report.optimizer, report.batch_size) == ("adamw", 17)
    assert files() == [os.path.join("elsewhere", "one.png")]


def test_the_command_it_names_trains_with_that_rate(find, data):
    report = find(flip=True, batch_size=17)
    words = shlex.split(report.next)
    assert words[:2] == ["ek", "train"]
    assert words[-2:] == ["--lr", f"{report.recommended:.1e}"]
    assert "--flip" in words
    done = CliRunner().invoke(command, [*words[1:], "--epochs", "1", "--quiet", "--json"])
    assert done.exit_code == 0, done.stderr
    trained = Path("runs/mlp/config.yaml").read_text(encoding="utf-8").splitlines()
    assert {"batch_size: 17", "flip: true", "size: 11"} <= set(trained)


def test_without_a_recipe_it_is_that_of_a_plain_train_and_the_next_command_names_it(find):
    report = find(recipe=None)
    assert report.recipe == "strong"
    assert "--recipe strong" in report.next


def test_the_same_call_says_the_same(find):
    assert find().losses == find().losses
    assert find(seed=1).losses != find().losses


def test_a_stop_in_the_middle_leaves_nothing(find, monkeypatch):
    genuine = training.sweep

    def stopping(take_step, rates, on_step):
        def step(number, rate):
            if number == 5:
                raise KeyboardInterrupt
            return take_step(number, rate)

        return genuine(step, rates, on_step)

    monkeypatch.setattr(training, "sweep", stopping)
    with pytest.raises(KeyboardInterrupt):
        find()
    assert files() == []


def test_without_matplotlib_there_is_a_rate_but_no_plot(find, monkeypatch, data):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert find().plot is None
    assert files() == []


def test_a_recipe_or_a_value_that_cannot_be_is_refused_before_any_work(find):
    with pytest.raises(InvalidOptionError, match="No recipe is named 'stron'"):
        find(recipe="stron")
    with pytest.raises(InvalidOptionError, match="--batch-size is 0; wanted a whole number from 1"):
        find(batch_size=0)
    with pytest.raises(InvalidOptionError, match="--steps is 3"):
        find(steps=3)


def test_the_page_fits_80_columns_and_says_what_to_type_next(find, data, tmp_path):
    words = ["find-lr", "--data", str(data), "--arch", "mlp", "--size", "11", "--steps", "61", "--quiet"]
    done = CliRunner().invoke(command, [*words, "--cache", str(data.parent / ".ek"), "--threads", "1"])
    assert done.exit_code == 0, done.stderr
    *page, last = done.stdout.splitlines()
    assert max(map(len, page)) <= 80
    assert last.startswith(f"Next: ek train --data {data} --arch mlp")
    assert sum("<- recommended" in line for line in page) == 1
