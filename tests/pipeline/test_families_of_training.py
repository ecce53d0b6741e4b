"""Families of members: seeds, folds, cycles and clocks; their names, bits, interruptions and repetitions."""

import dataclasses
import importlib
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file
from sklearn.metrics import accuracy_score

import ensemble_kit as ek
import models_zoo
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.pipeline.runs.resume import Saver
from ensemble_kit.reporting.train import trained
from ensemble_kit.results.train import FamilyReport
from ensemble_kit.storage.members.commit import list_members
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.storage.members.read import read_member
from ensemble_kit.storage.runs.runs import find_checkpoint

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
SIDE = 17  # images are drawn at the size that members look at, so that nobody resizes
SET = {
    "arch": "mlp",
    "recipe": "assignment",
    "arch_option": {"width": 7},
    "lr": 3e-3,
    "epochs": 1,
    "device": "cpu",
    "threads": 1,
}
NEW_FIELDS = ("family", "folds", "fold", "in_time")  # of a plan
NEW_HYPERPARAMETERS = ("clip", "balance", "cycles")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn images, 4 steps an epoch, decoded once."""
    folder = tmp_path_factory.mktemp("drawn")
    ek.demo_data(folder / "data", train=110, val=53, test=13, size=SIDE, quiet=True)
    return folder / "data"


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    """A folder with one of each kind: two seeds, three folds, two cycles, and a run that the clock stopped."""
    folder = tmp_path_factory.mktemp("families")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for given in (
            {"name": "sown", "seeds": 2, "seed": 5},
            {"name": "folded", "folds": 3},
            {"name": "round", "epochs": 4, "cycles": 2, "schedule": "cosine", "dropout": 0.0},
            {"name": "short", "epochs": 3, "minutes": 1e-9, "schedule": "cosine"},
        ):
            run(data, **given)
    return folder


@pytest.fixture
def road(made, tmp_path, monkeypatch):
    """A copy of that folder to work in, as far from the images; it is the current one."""
    folder = made.with_name(f"{made.name}-{tmp_path.name}")
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)


@pytest.fixture
def train(data, tmp_path, monkeypatch):
    """Train tiny members in a working folder of its own, unless `road` has brought one."""
    if not Path("runs/sown-seed-5").is_dir():
        monkeypatch.chdir(tmp_path)
    return lambda **given: run(data, **given)


@pytest.fixture
def stop_at(monkeypatch):
    """Let a signal come while the so-manieth step of a member is under way."""
    genuine = Saver.pause

    def arrange(name, steps, number=signal.SIGTERM):
        def pause(saver, take):
            if (saver.folder.name, saver.steps_done) == (name, steps):
                signal.raise_signal(number)
            genuine(saver, take)

        monkeypatch.setattr(Saver, "pause", pause)

    return arrange


def run(data, **given):
    return ek.train(data, cache=data.parent / ".ek", **{"quiet": True, **SET, **given})


def said(name):
    return json.loads(Path("predictions", name, "member.json").read_text())


def logits(name, split="val"):
    return np.load(Path("predictions", name, said(name)["files"][split]["logits"]["file"]), allow_pickle=False)


def ids(name, split):
    rows = Path("predictions", name, said(name)["files"][split]["rows"]["file"]).read_text().splitlines()
    return [row.split(",")[0] for row in rows[1:]]


def bits(name):
    """All that a member's networks and logits are made of."""
    weights = load_file(find_checkpoint(Path("runs", name)))
    return {key: value.tobytes() for key, value in weights.items()} | {
        split: logits(name, split).tobytes() for split in said(name)["files"]
    }


def stamps(*names):
    return {name: Path("predictions", name, "member.json").stat().st_mtime_ns for name in names}


def words(*given):
    options = ["--recipe", "assignment", "--arch-option", "width=7", "--lr", 3e-3, "--device", "cpu", "--threads", 1]
    return ["train", "--arch", "mlp", *map(str, (*options, *given))]


def test_seeds_are_named_counted_and_one_family(road):
    for seed in (5, 6):
        one = said(f"sown-seed-{seed}")
        assert (one["seed"], one["training"]["seed"], one["family"]) == (seed, seed, "sown")
        assert one["training"]["folds"] == one["training"]["fold"] == 0
    assert bits("sown-seed-5") != bits("sown-seed-6")


def test_folds_hold_out_each_training_image_once_and_nothing_else(road, data):
    held = []
    for fold in (1, 2, 3):
        one = said(f"folded-fold-{fold}")
        assert (one["training"]["folds"], one["training"]["fold"], one["family"]) == (3, fold, "folded")
        assert sorted(one["files"]) == ["oof", "test", "val"]
        assert logits(f"folded-fold-{fold}", "oof").shape == (1, len(ids(f"folded-fold-{fold}", "oof")), 10)
        held += ids(f"folded-fold-{fold}", "oof")
    assert sorted(held) == sorted(f"{path.parent.name}/{path.name}" for path in data.glob("train/*/*.png"))
    assert len({said(f"folded-fold-{fold}")["data_fingerprint"]["train"] for fold in (1, 2, 3)}) == 3


def test_a_cycle_ends_in_a_member_of_the_family_with_its_own_epochs(road):
    assert {name: said(name)["family"] for name in ("round", "round-cycle-1")} == dict.fromkeys(
        ["round", "round-cycle-1"], "round"
    )
    assert [said(name)["training"]["kept_epoch"] for name in ("round-cycle-1", "round")] == [2, 4]
    assert [len(Path("runs", name, "metrics.csv").read_text().splitlines()) for name in ("round-cycle-1", "round")] == [
        3,
        5,
    ]
    assert {name for name in list_members(Path("predictions")) if "round" in name} == {"round", "round-cycle-1"}


def test_a_seed_of_a_family_has_the_bits_of_that_seed_trained_alone(road, train):
    train(name="alone", seed=6)
    assert bits("alone") == bits("sown-seed-6")
    assert said("alone")["family"] is None


def test_one_fold_alone_has_the_bits_it_has_among_all(road, train):
    report = train(name="other", folds=3, fold=2)
    assert report.member.name == "other-fold-2"
    assert bits("other-fold-2") == bits("folded-fold-2")
    assert said("other-fold-2")["family"] == "other"


def test_the_first_cycle_ends_where_a_run_of_its_length_ends_without_restarts(road, train):
    train(name="half", epochs=2, schedule="cosine", dropout=0.0)
    assert bits("half") == bits("round-cycle-1")


@pytest.mark.parametrize(
    ("name", "split", "folder"),
    [("round-cycle-1", "val", "val"), ("round", "test", "test"), ("folded-fold-2", "oof", "train")],
)
def test_logits_are_those_of_the_checkpoint_on_images_opened_by_pillow(road, data, name, split, folder):
    network = models_zoo.build("mlp", 10, SIDE, options={"width": 7})
    network.load_state_dict(
        {key: torch.from_numpy(value) for key, value in load_file(*Path("runs", name).glob("c*s")).items()}
    )
    stack = [np.asarray(Image.open(data / folder / one).convert("RGB")) for one in ids(name, split)]
    pixels = torch.from_numpy(np.stack(stack).transpose(0, 3, 1, 2).copy()).float() / 255
    with torch.inference_mode():
        np.testing.assert_allclose(logits(name, split)[0], network.eval()(pixels), atol=1e-5)
    assert np.ptp(logits(name, split)) > 0.01  # a network that says something


def test_seeds_and_folds_and_cycles_go_together(train):
    report = train(name="all", seeds=2, folds=2, epochs=2, cycles=2)
    expected = [f"all-seed-{seed}-fold-{fold}" for seed in (0, 1) for fold in (1, 2)]
    assert [one.member.name for one in report.trained] == expected
    snapshots = [f"{name}-cycle-1" for name in expected]
    assert list_members(Path("predictions")) == sorted(expected + snapshots)
    assert {name: said(name)["family"] for name in expected + snapshots} == {
        name: name[: len("all-seed-0")] for name in expected + snapshots
    }
    named = train(name="called", seeds=2, family="kin", seed=3)
    assert [said(one.member.name)["family"] for one in named.trained] == ["kin", "kin"]


@pytest.mark.parametrize("steps", [8, 9])
def test_snapshots_of_a_run_that_was_stopped_have_the_same_bits(road, train, stop_at, steps):
    given = {"name": "again", "epochs": 4, "cycles": 2, "schedule": "cosine", "dropout": 0.0}
    stop_at("again", steps)
    with pytest.raises(Stopped, match=rf"Stopped at step {steps} of 16 \(epoch {1 + (steps - 1) // 4}\)"):
        train(**given)
    assert ("again-cycle-1" in list_members(Path("predictions"))) == (steps == 9)
    stop_at("again", -1)
    train(**given, resume=True)
    assert bits("again") == bits("round")
    assert bits("again-cycle-1") == bits("round-cycle-1")
    assert not list(Path("runs").glob("again*/state-*"))


def test_a_run_that_was_killed_behind_a_snapshot_and_left_no_state_goes_on(road, train):
    given = {"name": "round", "epochs": 4, "cycles": 2, "schedule": "cosine", "dropout": 0.0}
    before = {name: bits(name) for name in ("round", "round-cycle-1")}
    shutil.rmtree("predictions/round")
    shutil.rmtree("runs/round")
    with pytest.raises(InvalidOptionError, match="already has a member 'round-cycle-1', and --cycles 2 would write"):
        train(**given)
    with pytest.raises(InvalidOptionError, match="already has a member 'round-cycle-1', and --cycles 2 would write"):
        train(**{**given, "lr": 1e-3}, resume=True)
    assert not list(Path("runs/round").glob("[!.]*"))  # nothing was trained
    train(**given, resume=True)
    assert {name: bits(name) for name in before} == before


def test_a_name_that_a_family_needs_is_refused_before_anything_is_trained(road, train):
    before = sorted(os.listdir("runs"))
    for given, taken in (
        ({"name": "sown", "seeds": 3, "seed": 4}, "sown-seed-5"),
        ({"name": "folded", "folds": 4}, "folded-fold-1"),
    ):
        with pytest.raises(InvalidOptionError, match=f"already has a member '{taken}'.*--resume.*--replace"):
            train(**given)
    shutil.copytree("predictions/round-cycle-1", "predictions/x-seed-1-cycle-1")
    with pytest.raises(InvalidOptionError, match="already has a member 'x-seed-1-cycle-1'"):
        train(name="x", seeds=2, epochs=2, cycles=2)
    assert sorted(os.listdir("runs")) == before


def test_a_family_that_was_stopped_goes_on_where_it_was_left(road, train, stop_at):
    stop_at("new-seed-6", 2)
    with pytest.raises(Stopped) as stopped:
        train(name="new", seeds=3, seed=5)
    assert str(stopped.value) == (
        "Stopped at step 2 of 4 (epoch 1). Saved. Go on:\n"
        "  ek train --config runs/new-seed-6/unfinished.yaml --resume\n"
        "Trained: 1 of 3 members. To go on with them all: the same command with --resume."
    )
    assert stopped.value.exit_code == 143
    stop_at("none", 0)
    before = stamps("new-seed-5")
    report = train(name="new", seeds=3, seed=5, resume=True)
    assert stamps("new-seed-5") == before
    assert [one.member.name for one in report.trained] == ["new-seed-5", "new-seed-6", "new-seed-7"]
    assert [bits(f"new-seed-{seed}") for seed in (5, 6)] == [bits(f"sown-seed-{seed}") for seed in (5, 6)]
    done = stamps("new-seed-5", "new-seed-6", "new-seed-7")
    assert train(name="new", seeds=3, seed=5, resume=True) == report
    assert stamps(*done) == done


def test_ctrl_c_between_the_members_of_a_family_says_what_stands(train, monkeypatch):
    chapter = importlib.import_module("ensemble_kit.pipeline.runs.train")
    genuine = chapter.train_one

    def interrupted(order):
        if order.seed == 1:
            raise KeyboardInterrupt
        return genuine(order)

    monkeypatch.setattr(chapter, "train_one", interrupted)
    with pytest.raises(Stopped, match=r"Interrupted\.\nTrained: 1 of 2 members\. .* --resume") as stopped:
        train(name="cut", seeds=2)
    assert stopped.value.exit_code == 130
    assert list_members(Path("predictions")) == ["cut-seed-0"]
    with pytest.raises(Stopped, match=r"the same command with --resume instead of --replace\.$"):
        train(name="cut", seeds=2, replace=True)


@pytest.mark.parametrize(
    ("repeated", "name", "written"),
    [
        ("sown-seed-6", "twin", {"twin": "sown-seed-6"}),
        ("folded-fold-3", "twin", {"twin-fold-3": "folded-fold-3"}),
        ("round", "twin", {"twin": "round", "twin-cycle-1": "round-cycle-1"}),
        ("round-cycle-1", "twin", {"twin": "round", "twin-cycle-1": "round-cycle-1"}),
    ],
)
def test_a_config_repeats_its_run_under_another_name(road, data, repeated, name, written):
    there = set(list_members(Path("predictions")))
    options = ["--config", f"runs/{repeated}/config.yaml", "--name", name, "--cache", str(data.parent / ".ek")]
    done = CliRunner().invoke(command, ["train", *options, "--quiet"])
    assert done.exit_code == 0, done.stderr
    assert set(list_members(Path("predictions"))) - there == set(written)
    for new, old in written.items():
        assert bits(new) == bits(old)
        assert said(new)["training"]["kept_epoch"] == said(old)["training"]["kept_epoch"]


@pytest.mark.parametrize(
    ("member", "more", "written"),
    [
        ("sown-seed-6", ("--seed", 7, "--seeds", 2), ["sown-seed-7", "sown-seed-8"]),
        ("folded-fold-3", ("--name", "again", "--fold", 2), ["again-fold-2"]),
        ("folded-fold-3", ("--name", "again", "--fold", 0), ["again-fold-1", "again-fold-2", "again-fold-3"]),
    ],
)
def test_a_config_of_one_member_makes_others_of_its_family_or_of_one_called_as_asked(road, data, member, more, written):
    there = set(list_members(Path("predictions")))
    options = ["--config", f"runs/{member}/config.yaml", *map(str, more), "--cache", str(data.parent / ".ek")]
    done = CliRunner().invoke(command, ["train", *options, "--quiet"])
    assert done.exit_code == 0, done.stderr
    assert sorted(set(list_members(Path("predictions"))) - there) == written
    assert {said(name)["family"] for name in written} == {"again" if "again" in more else said(member)["family"]}


@pytest.mark.parametrize("name", ["sown-seed-6", "folded-fold-3", "round", "round-cycle-1", "short"])
def test_a_config_under_its_own_name_is_trained_already(road, data, name):
    before = stamps(*list_members(Path("predictions")))
    options = ["--config", f"runs/{name}/config.yaml", "--resume", "--cache", str(data.parent / ".ek")]
    done = CliRunner().invoke(command, ["train", *options])
    assert done.exit_code == 0, done.stderr
    assert f"{name.removesuffix('-cycle-1')}: trained already" in done.stderr
    assert ("its --minutes were over (epoch 1 kept); anew: --replace" in done.stderr) == (name == "short")
    assert stamps(*before) == before


def test_a_run_that_the_clock_stopped_is_a_whole_member_without_a_state(road):
    one = said("short")
    assert (one["training"]["in_time"], one["training"]["kept_epoch"]) == (False, 1)
    assert one["training"]["hyperparameters"]["epochs"] == 3
    assert {path.name.split("-")[0] for path in Path("runs/short").iterdir()} == {
        ".lock",
        "checkpoint",
        "config.yaml",
        "metrics.csv",
    }
    assert logits("short").shape == (1, 53, 10)
    assert all(said(name)["training"]["in_time"] for name in ("sown-seed-5", "folded-fold-1", "round"))


def test_a_run_that_ends_in_time_is_the_one_without_a_clock(road, train):
    train(name="timed", seed=5, minutes=60.0)
    assert bits("timed") == bits("sown-seed-5")


def test_the_command_that_goes_on_keeps_the_clock(train, stop_at):
    stop_at("timed", 3)
    with pytest.raises(Stopped, match=r"--config runs/timed/unfinished.yaml --resume --minutes 7.5$"):
        train(name="timed", minutes=7.5)


def test_the_clock_keeps_no_snapshot_of_a_cycle_that_was_cut(train):
    train(name="cut", epochs=2, cycles=2, minutes=1e-9)
    assert list_members(Path("predictions")) == ["cut"]
    assert not said("cut")["training"]["in_time"]


def without_new_fields(facts):
    """A plan, or what a manifest says of one, as an earlier version wrote it."""
    old = {key: value for key, value in facts.items() if key not in NEW_FIELDS}
    kept = {key: value for key, value in facts["hyperparameters"].items() if key not in NEW_HYPERPARAMETERS}
    return {**old, "hyperparameters": kept}


def test_a_member_of_an_earlier_version_is_trained_already(train):
    report = train(name="old")
    member = read_member(Path("predictions/old"))
    before = dataclasses.replace(member.manifest, training=without_new_fields(member.manifest.training))
    assert len(before.training) < len(member.manifest.training)
    write_member(Path("predictions"), before, member.splits, replace=True)
    assert train(name="old", resume=True) == report
    with pytest.raises(InvalidOptionError, match="trained otherwise:\n  clip: 0.0 there, 1.0 here"):
        train(name="old", resume=True, clip=1.0)
    with pytest.raises(InvalidOptionError, match="trained otherwise:\n  family: nothing there, kin here"):
        train(name="old", resume=True, family="kin")


def test_an_unfinished_run_of_an_earlier_version_is_gone_on_with(road, train, stop_at, monkeypatch):
    stop_at("old", 2)
    with pytest.raises(Stopped):
        train(name="old", seed=5)
    stop_at("old", -1)
    state = torch.load(next(Path("runs/old").glob("state-2-*")), weights_only=True)
    state["facts"]["plan"] = without_new_fields(state["facts"]["plan"])
    monkeypatch.setattr("ensemble_kit.pipeline.runs.claim_name.read_state", lambda folder: state)
    train(name="old", seed=5, resume=True)
    assert bits("old") == bits("sown-seed-5")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": 0}, "--seeds is 0; wanted 1 or more"),
        ({"seed": -1}, "--seed is -1; wanted a whole number from 0"),
        ({"folds": 1}, "--folds is 1; wanted 2 or more, or 0 to train on all images"),
        ({"folds": -2}, "--folds is -2; wanted 2 or more"),
        ({"fold": 2}, "--fold is 2; wanted --folds with it"),
        ({"folds": 3, "fold": 4}, "--fold is 4; wanted 1 to 3, or 0 for all"),
        ({"folds": 3, "fold": -1}, "--fold is -1; wanted 1 to 3"),
        ({"folds": 97}, "--folds 97: 'ada' has 11 training images; wanted at least one a fold"),
        ({"epochs": 5, "cycles": 2}, "--epochs is 5 and --cycles 2; wanted a multiple.* Nearest: --epochs 4"),
        ({"cycles": 0}, "--cycles is 0; wanted a whole number from 1 to 1000"),
        ({"epochs": 2, "cycles": 2, "keep": "best"}, "--cycles keeps the end of every cycle, --keep best and"),
        ({"epochs": 2, "cycles": 2, "patience": 1}, "--keep best and --patience choose an epoch by val; give one"),
        ({"minutes": 0.0}, "--minutes is 0; wanted a number above 0"),
        ({"minutes": float("nan")}, "--minutes is nan; wanted a number above 0"),
        ({"minutes": float("inf")}, "--minutes is inf; wanted a number above 0"),
        ({"clip": -1.0}, "--clip is -1.0; wanted a number from 0 to 1000"),
        ({"seeds": 2, "name": "a/b"}, "without '/', .* got 'a/b-seed-0'"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_member(train, given, message):
    with pytest.raises(InvalidOptionError, match=message):
        train(**given)
    assert not Path("predictions").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"balance": "losses"}, "No --balance is named 'losses'; did you mean 'loss'"),
        ({"augment": "crops"}, "No --augment is named 'crops'; did you mean 'crop'"),
    ],
)
def test_words_that_no_table_holds_are_refused(train, given, message):
    with pytest.raises(UnknownNameError, match=message):
        train(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"augment": "crop"},
        {"augment": "trivial"},
        {"augment": "rand"},
        {"balance": "loss"},
        {"balance": "sampling"},
        {"clip": 1e-3},
    ],
    ids=str,
)
def test_each_new_option_changes_what_is_learnt_and_a_stopped_run_ends_in_the_same_bits(road, train, stop_at, given):
    train(name="once", seed=5, **given)
    assert bits("once") != bits("sown-seed-5")
    if given in ({"augment": "trivial"}, {"balance": "sampling"}):  # both draw numbers of their own
        stop_at("twice", 2)
        with pytest.raises(Stopped):
            train(name="twice", seed=5, **given)
        train(name="twice", seed=5, resume=True, **given)
        assert bits("twice") == bits("once")
    assert {key: said("once")["training"]["hyperparameters"][key] for key in given} == given


@pytest.mark.parametrize("name", ["sown-seed-5", "folded-fold-2", "round-cycle-1", "short"])
def test_whatever_is_done_with_a_member_is_done_with_each_kind(road, data, name):
    plain = {"cache": data.parent / ".ek", "engine": "eager", "device": "cpu", "quiet": True}
    before = said(name)["family"], said(name)["training"]
    splits = sorted(said(name)["files"])
    identity = {split: logits(name, split) for split in splits}
    report = ek.tta(f"runs/{name}", views="flips", choose="equal", **plain)
    assert report.computed == ("hflip",)
    assert sorted(said(name)["files"]) == splits
    for split in splits:
        assert logits(name, split).shape[0] == 2
        np.testing.assert_array_equal(logits(name, split)[:1], identity[split])
    blended = ek.blend([name, "sown-seed-6"], weights=f"{name}=1", quiet=True, out="out.csv", cache=plain["cache"])
    assert blended.tuned_val_accuracy == pytest.approx(accuracy_of(name))
    ek.predict([data / "test"], ckpt=f"runs/{name}", out="new.csv", **plain)
    assert labels_by_id("new.csv") == labels_by_id("out.csv")
    ek.members_rename(name, "renamed")
    assert ek.members(verify=True, cache=plain["cache"]).verified > 0
    assert ek.tta(f"runs/{name}", views="identity", replace=True, **plain).member == "renamed"
    assert (said("renamed")["family"], said("renamed")["training"]) == before


def accuracy_of(name):
    classes, mean = said(name)["classes"], logits(name).mean(axis=0)
    return accuracy_score(
        [one.split("/")[0] for one in ids(name, "val")], [classes[row] for row in mean.argmax(axis=1)]
    )


def labels_by_id(path):
    """The label of each image, whatever the columns are called."""
    rows = [line.split(",") for line in Path(path).read_text().splitlines()[1:]]
    return {Path(row[0]).name: row[1] for row in rows}


def test_a_family_of_snapshots_and_of_folds_is_blended_by_its_name(road):
    assert set(ek.blend(["round"], quiet=True).numbers.members) == {"round"}  # a member of that name comes first
    assert set(ek.blend(["sown", "round"], quiet=True).numbers.members) == {"sown-seed-5", "sown-seed-6", "round"}
    tuned = ek.blend(["folded"], tune_on="oof", quiet=True)
    assert set(tuned.numbers.members) == {"folded-fold-1", "folded-fold-2", "folded-fold-3"}


def test_what_is_printed_of_a_family_is_its_mean_and_what_comes_next(road, train):
    report = train(name="sown", seeds=2, seed=5, resume=True)
    assert isinstance(report, FamilyReport)
    text = trained(report)
    scores = [100 * accuracy_of(f"sown-seed-{seed}") for seed in (5, 6)]
    mean, low, high = np.mean(scores), min(scores), max(scores)
    assert f"mean val accuracy {mean:.1f} ({low:.1f} to {high:.1f}) over 2 members" in text
    assert text.endswith("\nNext: ek blend")
    assert max(map(len, text.splitlines())) <= 80
    folds = trained(train(name="folded", folds=3, resume=True))
    assert folds.endswith("\nNext: ek blend folded --tune-on oof")
    one_each = trained(FamilyReport(tuple(train(name=name, folds=3, fold=1) for name in ("a", "b"))))
    assert one_each.endswith("\nNext: ek blend")  # a fold alone does not cover train


def test_the_command_prints_a_family_as_one_json_object_and_says_each_snapshot(train, data):
    options = words("--data", data, "--cache", data.parent / ".ek", "--epochs", 2, "--cycles", 2, "--seeds", 2)
    done = CliRunner().invoke(command, [*options, "--json"])
    assert done.exit_code == 0, done.stderr
    read = json.loads(done.stdout)
    assert [one["member"]["name"] for one in read["trained"]] == ["mlp-seed-0", "mlp-seed-1"]
    assert "mlp-seed-0-cycle-1: kept as it is after epoch 1." in done.stderr
    done = CliRunner().invoke(command, [*options, "--quiet", "--resume"])
    assert (done.exit_code, done.stderr) == (0, "")
