"""What a run computes in: measured once, kept by the cache and by the run."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

import ensemble_kit as ek
from ensemble_kit.disk import seal, unseal
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.pipeline.runs import computing
from ensemble_kit.pipeline.runs.resume import Saver
from ensemble_kit.storage.runs.runs import find_checkpoint, read_checkpoint
from ensemble_kit.training import Computing
from ensemble_kit.training.timing import Quickest

TINY = {
    "recipe": "strong",
    "arch": "cnn",
    "arch_option": {"width": 5, "depth": 2},
    "size": 17,
    "epochs": 3,
    "batch_size": 7,
    "device": "cpu",
    "threads": 1,
    "quiet": True,
}
ODD = Computing("bfloat16", "contiguous")
posix = pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
OTHER = Computing("float32", "contiguous")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn images, 5 steps an epoch."""
    folder = tmp_path_factory.mktemp("drawn")
    ek.demo_data(folder / "data", train=31, val=13, test=5, size=16, quiet=True)
    return folder / "data"


@pytest.fixture
def train(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    return lambda name, **given: ek.train(data, name=name, **{**TINY, **given})


@pytest.fixture
def measured(monkeypatch):
    """Let every run be long enough to be measured, and so find what a list says, one after the other."""
    finds = []
    monkeypatch.setattr(computing, "RUN_GFLOP", 0.0)
    monkeypatch.setattr(computing, "STEPS", 0)

    def find(network, recipe, size_px, classes, augment, images):
        found = finds.pop(0)
        return Quickest(found, {found: 0.5})

    monkeypatch.setattr("ensemble_kit.training.quickest", find)
    return finds


def said(name):
    """Return what a member and its checkpoint say that it was computed in."""
    member = json.loads(Path("predictions", name, "member.json").read_text())["training"]["computing"]
    facts = read_checkpoint(find_checkpoint(Path("runs", name)))[1]["computing"]
    assert member == facts
    return Computing(**member)


def weights(name):
    return read_checkpoint(find_checkpoint(Path("runs", name)))[0]


def same(first, second):
    return all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())


def kept():
    return sorted(Path(".ek/computing").glob("*.json"))


def test_what_was_measured_is_computed_in_recorded_and_measured_once(train, measured):
    measured += [ODD, OTHER]
    train("one")
    train("two")
    assert measured == [OTHER]
    assert said("one") == said("two") == ODD
    assert same("one", "two")
    train("plain", precision="float32")
    assert not same("one", "plain")


def test_a_run_repeated_over_itself_has_the_same_bits(train, measured):
    measured += [ODD, OTHER]
    train("one")
    before = weights("one")
    train("one", replace=True)
    assert all(torch.equal(value, weights("one")[name]) for name, value in before.items())


@pytest.fixture
def cut(train, monkeypatch):
    """Train until a signal comes, in the second of three epochs."""
    genuine = Saver.pause

    def pause(saver, take):
        if saver.steps_done == 8:
            signal.raise_signal(signal.SIGTERM)
        genuine(saver, take)

    def run(name):
        with monkeypatch.context() as patch:
            patch.setattr(Saver, "pause", pause)
            with pytest.raises(Stopped):
                train(name)

    return run


@posix
@pytest.mark.parametrize("first", [ODD, Computing("bfloat16"), Computing("float32")])
def test_a_run_goes_on_in_what_it_began_with_though_the_cache_is_gone(train, measured, cut, first):
    measured += [first]
    train("whole")
    cut("cut")
    for path in kept():
        path.unlink()
    measured += [OTHER]
    train("cut", resume=True)
    assert measured == [OTHER]
    assert said("cut") == first
    assert same("whole", "cut")


@posix
def test_a_run_of_an_earlier_version_goes_on_as_it_computed_then(train, measured, cut, monkeypatch):
    measured += [Computing("float32")]
    cut("old")
    state = torch.load(next(Path("runs/old").glob("state-*")), weights_only=True)
    del state["facts"]["computing"]
    monkeypatch.setattr("ensemble_kit.pipeline.runs.claim_name.read_state", lambda folder: state)
    kept()[0].unlink()
    train("old", resume=True)
    assert said("old") == Computing("float32", "channels_last")


@pytest.mark.parametrize("given", [{"precision": "float32"}, {"recipe": "assignment"}, {"minutes": 0.9}])
def test_what_is_given_or_short_is_not_measured(train, measured, given):
    train("one", **given)
    assert said("one") == Computing("float32", "channels_last")
    assert not kept()


def test_bfloat16_that_is_given_is_obeyed(train, measured):
    train("one", precision="bfloat16")
    assert said("one") == Computing("bfloat16", "channels_last")


@pytest.mark.parametrize(("field", "least"), [("RUN_GFLOP", 1e9), ("STEPS", 10**9)])
def test_a_run_of_few_operations_or_few_images_is_not_measured_though_the_cache_knows(
    train, measured, monkeypatch, field, least
):
    measured += [ODD]
    train("long")
    monkeypatch.setattr(computing, field, least)
    train("short")
    assert (said("long"), said("short")) == (ODD, Computing("float32", "channels_last"))


@pytest.mark.parametrize("other", [{"batch_size": 5}, {"size": 19}, {"arch_option": {"width": 7, "depth": 2}}])
def test_another_network_size_or_batch_is_measured_for_itself(train, measured, other):
    measured += [ODD, OTHER]
    train("one")
    train("two", **other)
    assert (said("one"), said("two")) == (ODD, OTHER)
    assert len(kept()) == 2


def test_what_was_measured_on_another_processor_is_not_taken(train, measured, monkeypatch):
    measured += [ODD, OTHER]
    train("one")
    monkeypatch.setattr(computing, "processor", lambda: "Another 3000")
    train("two")
    assert said("two") == OTHER
    held = [unseal(path.read_bytes(), path)["holds_for"]["processor"] for path in kept()]
    assert "Another 3000" in held


STRANGE = seal({"precision": "float8", "layout": "contiguous"})


@pytest.mark.parametrize("damage", [b"", b"{}", seal({"layout": "contiguous"}), STRANGE])
def test_a_damaged_note_is_measured_anew(train, measured, damage):
    measured += [ODD, OTHER]
    train("one")
    kept()[0].write_bytes(damage)
    train("two")
    assert said("two") == OTHER
    assert unseal(kept()[0].read_bytes(), kept()[0])["layout"] == "contiguous"


def test_where_nothing_can_be_written_down_the_usual_is_taken(train, measured):
    measured += [ODD, ODD]
    Path(".ek").mkdir()
    Path(".ek/computing").write_text("a file, where a folder is to be")
    train("one")
    assert said("one") == Computing("float32", "channels_last")


def test_of_two_runs_that_measure_at_once_the_second_takes_what_the_first_wrote(train, measured, monkeypatch):
    measured += [ODD]
    train("one")
    genuine = computing.create_file_in_parts

    def late(path, parts):
        path.write_bytes(first)
        genuine(path, parts)

    first = kept()[0].read_bytes()
    kept()[0].unlink()
    monkeypatch.setattr(computing, "create_file_in_parts", late)
    measured += [OTHER]
    train("two")
    assert said("two") == ODD


def test_operations_are_counted_as_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).train()
    by_hand = 2 * (9 * 9 * 5 * 3 * 3 * 3) + 2 * (5 * 2)  # an 11 px image; multiplied and added
    assert computing.gflop_of(network, 11) == pytest.approx(3 * by_hand / 1e9)
    assert network.training


def test_the_processor_is_called_as_linux_calls_it_else_as_python_does(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.processor", lambda: "arm")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC 9\nmodel name\t: AMD EPYC 9\n")
    assert computing.processor(tmp_path / "cpuinfo") == "AMD EPYC 9"
    assert computing.processor(tmp_path / "none") == "arm"
