"""What `ek train` says of a run that went wrong though every loss was a number; oracle: ln(classes), by hand."""

import shlex
from math import log

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.pipeline.runs.train_report import training_notes

FIND = "ek find-lr --data noise"


def notes(loss, train_losses, classes, kept=None):
    return training_notes("val", loss, train_losses, kept or len(train_losses), classes, 10.0, FIND)


@pytest.mark.parametrize(
    ("loss", "train_losses", "classes", "peak"),
    [
        (24.0, (16_050.0, 900.0, 30.0), 10, "16,050"),  # exploded, and val too
        (24.0, (2.0, 2.4), 10, "2.40"),  # val alone: norms whose statistics ran away
        (2.31, (16_050.0, 2.4, 2.31), 10, "16,050"),  # exploded, then one answer for all: as good as guessing
        (1.5, (0.7, 0.9), 2, "0.90"),
        (14.0, (40.0, 7.0), 1000, "40.00"),
    ],
)
def test_what_is_far_above_guessing_went_wrong_and_the_remedy_is_a_lower_rate(loss, train_losses, classes, peak):
    (said,) = notes(loss, train_losses, classes)
    guessing = f"where guessing among {classes} classes has {log(classes):.2f}"
    assert said.startswith(f"The training went wrong: the log loss on val is {loss:.2f}, {guessing}; ")
    assert f"the training loss was up to {peak}. " in said
    assert said.endswith(f"The learning rate 10 is probably too high. For a lower one: {FIND}")


@pytest.mark.parametrize(
    ("loss", "train_losses", "classes"),
    [
        (2.31, (2.4, 2.3), 10),  # has learnt nothing yet
        (0.9, (16_050.0, 40.0, 0.8), 10),  # exploded, and came back
        (4.5, (3.1, 2.8, 0.1), 10),  # sure of what is wrong, but no more than twice guessing
        (1.2, (1.1, 0.8), 2),
        (24.0, (), 10),  # no metrics.csv
    ],
)
def test_what_is_no_worse_than_that_is_no_note(loss, train_losses, classes):
    assert notes(loss, train_losses, classes) == ()


def test_a_network_that_fits_train_and_is_sure_of_wrong_answers_gets_another_remedy():
    (said,) = notes(5.0, (0.7, 0.01, 0.3), 2, kept=2)
    assert "though the training loss fell to 0.01" in said
    assert "--keep best" in said
    assert "find-lr" not in said


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    folder, draws = tmp_path_factory.mktemp("noise") / "a folder", np.random.default_rng(0)
    for place in range(60):
        path = folder / ("train" if place < 40 else "val") / "ab"[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.mark.parametrize("more", [[], ["--seeds", "2"], ["--folds", "2", "--fold", "1"]])
def test_a_rate_of_ten_is_told_and_the_command_told_with_it_runs(noise, tmp_path, monkeypatch, more):
    monkeypatch.chdir(tmp_path)
    words = ["--data", str(noise), "--arch", "mlp", "--arch-option", "width=7", "--size", "8", "--optimizer", "sgd"]
    told = ["--recipe", "assignment", "--lr", "10", "--epochs", "3", "--name", "y", "--device", "cpu", "--json", *more]
    done = CliRunner().invoke(command, ["train", *words, *told])
    assert done.exit_code == 0, done.output
    assert "The training went wrong" in done.output
    advised = shlex.split(done.output.split("For a lower one: ")[1].split('"')[0].replace("\\", ""))
    assert advised[:2] == ["ek", "find-lr"]
    assert {*words} <= {*advised}
    assert CliRunner().invoke(command, [*advised[1:], "--steps", "40", "--device", "cpu"]).exit_code == 0


def test_a_sound_run_and_one_found_finished_say_what_holds(noise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = {"arch_option": {"width": 7}, "size": 8, "recipe": "assignment", "device": "cpu", "quiet": True}
    assert ek.train(noise, "mlp", name="sound", epochs=3, **tiny).notes == ()
    wrong = {**tiny, "name": "y", "epochs": 3, "lr": 10.0, "optimizer": "sgd"}
    first, again = ek.train(noise, "mlp", **wrong), ek.train(noise, "mlp", **wrong, resume=True)
    assert first.notes == again.notes != ()
