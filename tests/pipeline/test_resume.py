"""Runs that are stopped, killed, gone on with, or asked for otherwise."""

import csv
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import CorruptError, InvalidOptionError, LockedError, MisalignedError, ResourceError
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.pipeline.runs.resume import Saver
from ensemble_kit.pipeline.runs.train_one import train_one
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.members.read import read_predictions
from ensemble_kit.storage.runs.runs import find_checkpoint, read_checkpoint

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
TINY = {
    "recipe": "assignment",
    "arch": "mlp",
    "arch_option": {"width": 7},
    "size": 11,
    "epochs": 3,
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn images, 4 steps an epoch, decoded once."""
    folder = tmp_path_factory.mktemp("drawn")
    ek.demo_data(folder / "data", train=110, val=31, test=13, size=16, quiet=True)
    return folder / "data"


@pytest.fixture
def train(data, tmp_path, monkeypatch):
    """Train a tiny member in a working folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(**given):
        return ek.train(data, cache=data.parent / ".ek", quiet=True, **{**TINY, **given})

    return run


@pytest.fixture
def stop_at(monkeypatch):
    """Let a signal come while the so-manieth step is under way."""
    genuine = Saver.pause

    def arrange(steps, number=signal.SIGTERM):
        def pause(saver, take):
            if saver.steps_done == steps:
                signal.raise_signal(number)
            genuine(saver, take)

        monkeypatch.setattr(Saver, "pause", pause)

    return arrange


def stopped(train, stop_at, steps=6, **given):
    stop_at(steps)
    with pytest.raises(Stopped):
        train(**given)
    stop_at(-1)


def tensors(name="mlp"):
    return read_checkpoint(find_checkpoint(Path("runs") / name))[0]


def logits(name="mlp"):
    return [read_predictions(Path("predictions") / name, split).logits.tobytes() for split in ("val", "test")]


def in_run(name="mlp"):
    return {path.name.split("-")[0] for path in Path("runs", name).iterdir()}


def assert_same(first, second):
    assert all((tensors(second)[key] == value).all() for key, value in tensors(first).items())
    assert logits(first) == logits(second)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_where_it_is_and_how_to_go_on(train, stop_at, number, monkeypatch):
    monkeypatch.setattr(signal, "raise_signal", lambda one: signal.getsignal(one)(one, None))  # even if ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop_at(6, number)
    try:
        with pytest.raises(KeyboardInterrupt) as said:
            train()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (said.value.signal, said.value.exit_code) == (number, 128 + number)
    assert str(said.value) == (
        "Stopped at step 6 of 12 (epoch 2). Saved. Go on:\n  ek train --config runs/mlp/unfinished.yaml --resume"
    )
    assert in_run() == {".lock", "state", "unfinished.yaml", "metrics.csv"}
    assert not Path("predictions/mlp").exists()


def test_the_command_it_names_goes_on_bit_for_bit(train, stop_at, data):
    stopped(train, stop_at)
    words = ["train", "--config", "runs/mlp/unfinished.yaml", "--resume", "--cache", str(data.parent / ".ek")]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.stderr
    assert "Going on with epoch 2, after 2 of its steps." in done.stderr
    train(name="whole")
    assert_same("whole", "mlp")
    assert in_run() == in_run("whole") == {".lock", "checkpoint", "config.yaml", "metrics.csv"}
    with open("runs/mlp/metrics.csv", encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_other_folders_stand_in_the_command_too(train, stop_at):
    stop_at(1)
    with pytest.raises(Stopped, match=r"--config other/mlp/unfinished.yaml --resume --runs other --predictions there"):
        train(runs="other", predictions="there")


def test_seconds_add_up(train, stop_at, monkeypatch):
    stopped(train, stop_at, steps=5)
    state = torch.load(next(Path("runs/mlp").glob("state-5-*")), weights_only=True)
    state["facts"]["train_s"] = 1000.0
    monkeypatch.setattr("ensemble_kit.pipeline.runs.claim_name.read_state", lambda folder: state)
    assert 1000 < train(resume=True).seconds < 1200


def test_resume_begins_where_there_is_nothing_and_does_nothing_where_all_is_done(train):
    first = train(resume=True)
    manifest = Path("predictions/mlp/member.json").read_bytes()
    again = train(resume=True)
    assert again == first
    assert train(resume=True, name="mlp") == first
    assert Path("predictions/mlp/member.json").read_bytes() == manifest
    assert os.listdir("runs") == ["mlp"]


def test_a_run_begun_when_assignment_went_without_saying_is_not_gone_on_with_otherwise(train, stop_at):
    stopped(train, stop_at)
    with pytest.raises(InvalidOptionError, match=r"recipe: assignment there, strong here"):
        train(resume=True, recipe=None)
    train(resume=True)
    assert json.loads(Path("predictions/mlp/member.json").read_text(encoding="utf-8"))["recipe"] == "assignment"


def test_an_unfinished_run_is_not_overwritten_unasked(train, stop_at):
    stopped(train, stop_at)
    with pytest.raises(
        InvalidOptionError, match=r"unfinished run\. Go on:\n  ek train .*--resume\nBegin anew: add --r"
    ):
        train(name="mlp")
    for resume in (False, True):
        with pytest.raises(
            InvalidOptionError, match="asked for otherwise:\n  epochs: 3 there, 5 here\n  lr: 0.0002 th"
        ):
            train(epochs=5, lr=1e-3, resume=resume)
    assert "state" in in_run()


def test_the_very_command_that_was_stopped_goes_on(train, stop_at):
    stopped(train, stop_at)
    train()
    assert in_run() == {".lock", "checkpoint", "config.yaml", "metrics.csv"}
    train(name="whole")
    assert_same("whole", "mlp")


def test_a_family_that_failed_on_the_way_keeps_the_members_that_it_has(train, monkeypatch):
    made = []
    chapter = importlib.import_module("ensemble_kit.pipeline.runs.train")
    monkeypatch.setattr(chapter, "train_one", killed_at(2, made))
    with pytest.raises(ResourceError):
        train(name="kin", seeds=3)
    before = {path: path.stat().st_mtime_ns for path in Path("runs/kin-seed-0").iterdir()}
    monkeypatch.setattr(chapter, "train_one", train_one)
    train(name="kin", seeds=3)
    assert {path: path.stat().st_mtime_ns for path in Path("runs/kin-seed-0").iterdir()} == before
    assert set(os.listdir("predictions")) >= {"kin-seed-0", "kin-seed-1", "kin-seed-2"}


def killed_at(number, made):
    """Return what trains members, and dies before the so-manieth."""

    def run(order):
        if len(made) == number - 1:
            raise ResourceError("The disk is full.")
        made.append(order)
        return train_one(order)

    return run


def test_replace_discards_an_unfinished_run(train, stop_at):
    stopped(train, stop_at)
    train(replace=True, epochs=1)
    assert in_run() == {".lock", "checkpoint", "config.yaml", "metrics.csv"}


def test_a_run_that_replaces_a_member_leaves_it_whole_until_its_end(train, stop_at):
    train(epochs=1)
    before = {path.name: path.read_bytes() for path in Path("runs/mlp").iterdir()}
    stopped(train, stop_at, replace=True)
    assert {name: Path("runs/mlp", name).read_bytes() for name in before} == before
    with pytest.raises(InvalidOptionError, match="holds an unfinished run"):
        train(name="mlp")
    train(resume=True)
    assert os.listdir("runs") == ["mlp"]
    train(name="whole")
    assert_same("whole", "mlp")


def test_a_state_left_behind_by_a_finished_run_is_none(train, stop_at):
    stopped(train, stop_at)
    left = {path: path.read_bytes() for path in Path("runs/mlp").glob("state-*")}
    done = train(resume=True)
    for path, data in left.items():
        path.write_bytes(data)  # as a kill just before the end leaves it
    with pytest.raises(InvalidOptionError, match="already has a member 'mlp'"):
        train(name="mlp")
    assert train(resume=True) == done
    assert "state" not in in_run()


def test_a_finished_member_asked_for_otherwise_is_refused_by_name_and_passed_over_without(train):
    train(epochs=1)
    with pytest.raises(
        InvalidOptionError, match="already has a member 'mlp', trained otherwise:\n  epochs: 1 there, 2"
    ):
        train(epochs=2, name="mlp", resume=True)
    assert train(epochs=2, resume=True).member.name == "mlp-2"


def test_other_images_are_refused(train, stop_at, tmp_path):
    ek.demo_data(tmp_path / "data", train=110, val=31, test=17, size=16, quiet=True)
    stopped(train, stop_at)
    with pytest.raises(MisalignedError, match="The test images or their labels are not those of the run 'mlp'"):
        ek.train(tmp_path / "data", quiet=True, resume=True, **TINY)
    train(resume=True)
    with pytest.raises(MisalignedError, match="The test images or their labels are not those of the run 'mlp'"):
        ek.train(tmp_path / "data", quiet=True, resume=True, **TINY)


def test_the_same_images_elsewhere_are_the_same(train, stop_at, data):
    stopped(train, stop_at)
    os.symlink(data, "moved")
    assert ek.train("moved", quiet=True, resume=True, **TINY).member.name == "mlp"


def test_a_damaged_state_is_refused_and_can_be_replaced(train, stop_at):
    stopped(train, stop_at)
    (path,) = Path("runs/mlp").glob("state-*")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptError, match="is damaged"):
        train(resume=True)
    train(replace=True, epochs=1)


def test_a_name_that_is_being_trained_is_passed_over_or_refused(train):
    with locked(Path("runs/mlp")):
        with pytest.raises(LockedError, match="runs/mlp"):
            train(name="mlp", resume=True)
        assert train(epochs=1, resume=True).member.name == "mlp-2"


@pytest.mark.parametrize(("save_every", "writes"), [(0.0, 12), (3600.0, 0)])
def test_states_are_written_as_often_as_asked(train, monkeypatch, save_every, writes):
    from ensemble_kit.storage.runs import resume_state as states

    genuine, written = states.write_state, []
    monkeypatch.setattr(
        states, "write_state", lambda folder, step, state: written.append(step) or genuine(folder, step, state)
    )
    train(save_every=save_every)
    assert written == list(range(1, writes + 1))
    assert "state" not in in_run()


def test_a_run_that_diverges_leaves_neither_member_nor_state(train):
    with pytest.raises(InvalidOptionError, match=r"loss is (nan|inf) at step \d+ of epoch \d .*Lower --lr"):
        train(lr=10.0, optimizer="sgd", epochs=50, weight_decay=1.0, save_every=0)
    assert in_run() <= {".lock", "metrics.csv"}
    assert not Path("predictions/mlp").exists()


def test_what_val_decided_is_recorded_with_its_score(train):
    early = train(epochs=40, lr=0.5, optimizer="sgd", patience=2, keep="best", metric="macro-f1")
    assert early.member.val_used_for == ("epoch", "early stop")
    with open("runs/mlp/metrics.csv", encoding="utf-8") as file:
        scores = [float(row["val_macro_f1"]) for row in csv.DictReader(file)]
    assert len(scores) < 40
    kept = json.loads(Path("predictions/mlp/member.json").read_text(encoding="utf-8"))["training"]["kept_epoch"]
    assert kept == 1 + scores.index(max(scores)) == len(scores) - 2
    assert train(name="plain", epochs=1).member.val_used_for == ()
    assert "val_score" not in Path("runs/plain/metrics.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"patience": -1}, "--patience is -1; wanted epochs"),
        ({"save_every": -1.0}, "--save-every is -1; wanted seconds"),
        ({"save_every": float("nan")}, "--save-every is nan; wanted seconds"),
        ({"metric": "f1"}, "No metric is named 'f1'"),
    ],
)
def test_options_out_of_range_are_refused(train, given, said):
    with pytest.raises(InvalidOptionError, match=said):
        train(**given)


def start(data, *words):
    """Start `ek train` as a shell would, in the foreground."""
    options = [
        "--recipe",
        "assignment",
        "--arch-option",
        "width=7",
        "--size",
        11,
        "--device",
        "cpu",
        "--threads",
        1,
        "--save-every",
        0,
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "ensemble_kit", "train", "--data", data, "--cache", data.parent / ".ek", "--arch", "mlp"]
        + [str(word) for word in (*options, *words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background shell ignores it
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_step(child, name, step):
    """Return as soon as a state of so many steps or more is there."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        if any(int(path.name.split("-")[1]) >= step for path in Path("runs", name).glob("state-*")):
            return
        time.sleep(0.002)


def kill_and_resume(data, name, at, *words):
    """Kill a run at each of these steps, going on in between, then let it end."""
    for step in at:
        child = start(data, "--name", name, "--resume", *words)
        wait_for_step(child, name, step)
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    child = start(data, "--name", name, "--resume", *words)
    assert child.wait(120) == 0, child.communicate()[1]


def test_a_run_killed_three_times_ends_as_if_it_had_not_been(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = sorted(random.Random(5).sample(range(1, 60), 3))
    kill_and_resume(data, "killed", at, "--epochs", 25, "--ema", 0.9)
    ek.train(data, cache=data.parent / ".ek", quiet=True, **{**TINY, "epochs": 25, "ema": 0.9, "name": "whole"})
    assert_same("whole", "killed")
    assert in_run("killed") == {".lock", "checkpoint", "config.yaml", "metrics.csv"}


RECIPES = [
    ["--ema", 0.9],
    ["--keep", "best", "--lr", 0.01],
    ["--augment", "strong", "--flip"],
    ["--optimizer", "sgd", "--lr", 0.01],
    ["--optimizer", "adamw", "--schedule", "cosine", "--warmup-epochs", 1, "--mix", 0.5],
    ["--precision", "bfloat16"],
    ["--layer-decay", 0.7, "--label-smoothing", 0.1],
    ["--keep", "best", "--metric", "accuracy", "--patience", 30, "--ema", 0.9],
    ["--recipe", "strong"],
    ["--recipe", "finetune"],
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_whatever_the_recipe_a_killed_run_ends_as_if_it_had_not_been(data, tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    words = [*RECIPES[number], "--epochs", 40]
    kill_and_resume(data, "killed", [random.Random(number).randrange(1, 100)], *words)
    assert start(data, "--name", "whole", *words).wait(120) == 0
    assert_same("whole", "killed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_within_two_seconds_with_its_code(data, tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    child = start(data, "--name", "long", "--epochs", 10_000, "--quiet")
    wait_for_step(child, "long", 3)
    sent = time.monotonic()
    child.send_signal(number)
    child.stderr.readline()  # an empty line, then the message: by then all is saved
    assert child.stderr.readline().startswith("Stopped at step ")
    assert time.monotonic() - sent <= 2
    assert child.wait(60) == 128 + number
    child.communicate()
    assert in_run("long") == {".lock", "state", "unfinished.yaml"} | (in_run("long") & {"metrics.csv"})
    assert not Path("predictions").exists() or not os.listdir("predictions")


def test_sigterm_during_tta_leaves_the_member_as_it_was(train, monkeypatch):
    from ensemble_kit.inference import engines as engine

    train(epochs=1)
    before = {path: path.read_bytes() for path in Path("predictions/mlp").iterdir()}
    genuine = engine.compute_logits

    def look(*given):
        signal.raise_signal(signal.SIGTERM)
        return genuine(*given)

    monkeypatch.setattr(engine, "compute_logits", look)
    done = CliRunner().invoke(command, ["tta", "--ckpt", "runs/mlp", "--views", "flips", "--device", "cpu", "--quiet"])
    assert done.exit_code == 143
    assert "Stopped at once. Members, blends and submissions are whole; the same command goes on." in done.stderr
    assert {path: path.read_bytes() for path in Path("predictions/mlp").iterdir()} == before
