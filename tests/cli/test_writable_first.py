"""Where a command cannot write it says so before it computes: every command that writes, every way that cannot be."""

import errno
import os
import shutil
import traceback
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from strangers import STRANGER, as_a_stranger, handed_to_a_stranger

from ensemble_kit.cli import ek

LINES = {
    "train": "train --data data --arch mlp --epochs 1 --name fresh",
    "train a family": "train --data data --arch mlp --epochs 1 --seeds 2 --name fresh",
    "probe": "probe --data data --arch cnn --init checkpoint.safetensors --name fresh",
    "soup": "soup mlp mlp-2 --name fresh",
    "tta": "tta --ckpt runs/cnn --views flips",
    "blend": "blend --name fresh",
    "auto": "auto --data data --minutes 1 --no-pretrained --no-flip --name fresh",
    "members add": "members add fresh --kind probabilities --val brought.csv",
    "report": "report small",
    "submit": "submit other --quota 3 --again",
    "export": "export small --size 16 --out out/fresh.onnx",
    "predict": "predict small data/test --out out/fresh.csv",
    "find-lr": "find-lr --data data --arch mlp --steps 20",
}
"""What is typed; what a command makes anew is called fresh."""
WRITES = {
    **dict.fromkeys(("train", "train a family", "probe", "soup"), ("predictions", "runs")),
    "tta": ("predictions", "reports"),
    "blend": ("blends", "submissions"),
    "auto": ("predictions", "runs", "blends", "submissions", "reports"),
    "members add": ("predictions",),
    "report": ("reports",),
    "submit": ("submissions", "submissions/handed-in"),
    **dict.fromkeys(("export", "predict"), ("out",)),
    "find-lr": ("reports",),
}
"""The folders that a command writes in."""
COMPUTES = {
    "training.loop": "take_step",
    "training.finder": "take_step",
    "inference.engines.forward": "compute_logits",
    "pipeline.runs.probe": "see_features",
    "pipeline.runs.soup": "_made",
    "pipeline.auto.auto": "find_out",
    "pipeline.blends.blend": "evaluate_blend",
    "pipeline.report.report": "evaluate_again",
    "pipeline.submit.submit": "from_blend",
    "pipeline.export.export": "_graphs",
    "pipeline.predict.predict": "blend_predictor",
    "pipeline.members.external": "read_external",
}
"""Where the long work of these commands begins."""
EACH = [(line, folder) for line, folders in WRITES.items() for folder in folders]


@pytest.fixture
def run(monkeypatch):
    """Return what types a command that must not compute anything."""

    def bomb(*given, **named):
        raise AssertionError("it computes, before it tried where it will write")

    for module, name in COMPUTES.items():
        monkeypatch.setattr(import_module(f"ensemble_kit.{module}"), name, bomb)

    def typed(line):
        done = CliRunner().invoke(ek, line.split())
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            traceback.print_exception(done.exception)
            pytest.fail(f"ek {line} ended in {done.exception!r}")
        return done.exit_code, " ".join(done.stderr.split())

    return typed


@pytest.fixture
def strange(prepared):
    with handed_to_a_stranger(prepared) as folder:
        Path("out").mkdir()
        Path("reports").mkdir(exist_ok=True)
        for made in ("out", "reports"):
            if os.geteuid() == 0:
                os.chown(made, 65534, 65534)
        yield folder


@pytest.mark.parametrize(("line", "folder"), EACH)
def test_a_folder_that_may_not_be_written_is_known_before_the_work(line, folder, strange, run):
    Path(folder).chmod(0o555)
    with as_a_stranger():
        code, said = run(LINES[line])
    assert code == 6, said
    assert f"{folder} belongs to {STRANGER} (mode 0555)" in said or f"{folder}: it belongs to {STRANGER}" in said


ELSEWHERE = [
    *((line, f"--{folder} taken") for line in ("train", "probe", "auto") for folder in WRITES[line][:4]),
    *(("train a family", f"--{folder}=taken") for folder in ("predictions", "runs")),
    *(("blend", f"--{folder} taken/below") for folder in WRITES["blend"]),
    ("blend", "--out taken/fresh.csv"),
    ("auto", "--out taken/below/fresh.csv"),
    ("members add", "--predictions taken"),
    ("report", "--reports taken"),
    ("report", "--out taken/below/fresh.html"),
    ("submit", "--submissions taken"),
    *((line, "--out taken/below/fresh.csv") for line in ("export", "predict", "find-lr")),
]


@pytest.mark.parametrize(("line", "words"), ELSEWHERE)
def test_a_file_where_a_folder_was_wanted_is_known_before_the_work(line, words, small, run):
    Path("taken").write_text("mine")
    code, said = run(f"{LINES[line]} {words}")
    assert code == 6, said
    assert "Cannot write taken" in said
    assert Path("taken").read_text() == "mine"


@pytest.mark.parametrize("line", ["train", "probe", "soup", "members add"])
def test_a_file_under_the_name_of_a_member_is_known_before_the_work(line, small, run):
    Path("predictions/fresh").write_text("mine")
    code, said = run(LINES[line])
    assert code == 6, said
    assert "Cannot write predictions/fresh: Not a directory. A file stands where a folder was wanted" in said


@pytest.mark.parametrize("name", ["n" * 300, "é" * 101, "a/b", ".hidden"])
@pytest.mark.parametrize("line", [line for line, typed in LINES.items() if "fresh" in typed and "/" not in typed])
def test_a_name_that_cannot_be_is_known_before_the_work(line, name, small, run):
    code, said = run(LINES[line].replace("fresh", name))
    assert code == 2, said
    assert "Wanted a name of 1 to 200 bytes" in said


@pytest.mark.parametrize(
    ("line", "name"),
    [("train", "n" * 195 + " --cycles 2 --epochs 2"), ("train a family", "n" * 198), ("auto", "n" * 195)],
)
def test_a_name_to_which_too_much_is_added_is_known_before_the_work(line, name, small, run):
    code, said = run(LINES[line].replace("fresh", name))
    assert code == 2, said
    assert "Wanted a name of 1 to 200 bytes" in said


@pytest.mark.parametrize(
    ("line", "ending"), [("export", "onnx"), ("predict", "csv"), ("find-lr", "png"), ("report", "html")]
)
def test_a_file_name_too_long_is_known_before_the_work(line, ending, small, run):
    code, said = run(f"{LINES[line]} --out {'n' * 300}.{ending}")
    assert code == 6, said
    assert "File name too long. Choose shorter names." in said


@pytest.mark.parametrize(("line", "folder"), EACH)
def test_a_full_disk_is_known_before_the_work(line, folder, small, run, monkeypatch):
    def write(file, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", write)
    code, said = run(LINES[line])
    assert code == 6, said
    assert "The disk is full: " in said


def test_training_asks_for_the_room_that_its_network_needs(small, run, monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    code, said = run(LINES["train"] + " --arch-option width=64")  # some 60,000 numbers of 4 bytes
    assert code == 6, said
    assert "The disk is full: " in said


def test_a_member_that_may_not_be_removed_is_not_renamed_and_stands_once(strange, run):
    Path("predictions/cnn").chmod(0o555)
    with as_a_stranger():
        code, said = run("members rename cnn fresh")
    assert code == 6, said
    assert f"predictions/cnn: it belongs to {STRANGER} (mode 0555)" in said
    assert sorted(path.name for path in Path("predictions").glob("*/")) == ["cnn", "mlp", "mlp-2"]


def test_a_submission_elsewhere_is_entered_in_the_folder_of_submissions_which_auto_tries_too(strange, run):
    Path("submissions").chmod(0o555)
    with as_a_stranger():
        code, said = run(f"{LINES['auto']} --out out/fresh.csv")
    assert code == 6, said
    assert f"submissions: it belongs to {STRANGER} (mode 0555)" in said


def test_a_shard_of_views_writes_no_report(strange, run):
    Path("reports").chmod(0o555)
    with as_a_stranger():
        code, said = run(f"{LINES['tta']} --shard 1/2")
    assert code == 0, said
