"""Many processes in one working folder: nothing lost, nothing half seen, nobody waits for a reader."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ensemble_kit.errors import CorruptError
from ensemble_kit.storage import blends
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.members import commit as member_folder
from ensemble_kit.storage.members import members
from ensemble_kit.storage.runs import runs
from ensemble_kit.storage.submissions import sample_and_csv as submissions
from ensemble_kit.storage.verify import verify_all

SCRIPT = Path(__file__).with_name("crowd.py")
HOLD = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from ensemble_kit.storage.files import locked
with ExitStack() as held:
    for folder in sys.argv[1:]:
        held.enter_context(locked(Path(folder)))
    print("held", flush=True)
    time.sleep(60)
"""
LONGEST_LOOK_S = 20  # on two slow cores; the locks in that time change hands hundreds of times


def test_eight_writers_lose_nothing_and_readers_never_see_a_half_state(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, env=environment, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout)
    assert seen["written"] == [True] * 8, ran.stderr[-3000:]
    assert seen["read"] == [True] * 2, ran.stderr[-3000:]
    added = [f"added-{number}-{i}" for number in range(2) for i in range(7)]
    rest = ["base-a", "base-b", "killed-0", "killed-1", "last", "redone", "wanderer-13"]
    assert seen["members"] == [*added, *rest]
    views = {f"view-{number}-{i}" for number in (2, 3) for i in range(5)}
    assert seen["views"][0] == "identity"
    assert sorted(seen["views"][1:]) == sorted(views)
    assert seen["ledgers"] == [22, 22]
    assert seen["submission"] == "best"
    assert seen["verified"] == 5 * len(seen["members"]) + 5
    assert seen["temporary"] == []
    for looks, longest_s in seen["looks"]:
        assert looks >= 1
        assert longest_s < LONGEST_LOOK_S


@pytest.fixture
def house(tmp_path, stored):
    """A member with its run, a blend, two ledgers, a submission."""
    root, run_root, blend_root, submission_root = (
        tmp_path / name for name in ("predictions", "runs", "blends", "submissions")
    )
    config = runs.write_config(run_root / "cnn", {"lr": 2e-4})
    metrics = runs.write_metrics(run_root / "cnn", [{"epoch": 1, "loss": 0.5}])
    stored(root, "cnn", run="runs/cnn", config_sha256=config, metrics_sha256=metrics)
    blends.write_blend(blend_root, blends.Blend("best", "logit-sum", (), "equal", ("ant", "bee")))
    for folder in (blend_root, submission_root):
        ledger.append_entry(folder / "ledger.jsonl", {"number": 1})
    submissions.write_submission(submission_root / "best.csv", ("x", "y"), ("ant", "bee"))
    return root, run_root, blend_root, submission_root


def test_readers_go_on_while_every_lock_is_held(house):
    folders = [*map(str, house), str(house[1] / "cnn")]
    holder = subprocess.Popen([sys.executable, "-c", HOLD, *folders], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        started = time.perf_counter()
        assert members.list_members(house[0]) == ["cnn"]
        assert members.read_member(house[0] / "cnn").split("val").member == "cnn"
        assert len(verify_all(*house)) == 12
        assert time.perf_counter() - started < 5
    finally:
        holder.kill()
        holder.wait()
    ledger.append_entry(house[2] / "ledger.jsonl", {"number": 2})  # the lock of the dead is free at once
    assert len(ledger.read_ledger(house[2] / "ledger.jsonl")) == 2


def test_a_lock_file_that_nobody_holds_stops_nobody(tmp_path):
    (tmp_path / ".lock").write_text("of a process that ended long ago")
    with locked(tmp_path, timeout_s=0):
        pass


def test_a_run_that_is_being_replaced_is_not_called_damaged_until_its_trainer_is_gone(house):
    with locked(house[1] / "cnn"):
        runs.write_config(house[1] / "cnn", {"lr": 1e-3})  # as `ek train --replace`, a moment before the member
        verify_all(*house)
    with pytest.raises(CorruptError, match=r"damaged: 1\.\n.*config\.yaml is damaged or was replaced"):
        verify_all(*house)


def test_damage_of_the_member_is_found_while_its_run_is_being_replaced(house):
    path = next((house[0] / "cnn").glob("val-*.npy"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with locked(house[1] / "cnn"), pytest.raises(CorruptError, match=path.name):
        verify_all(*house)


def test_a_member_that_is_renamed_between_two_looks_is_listed(tmp_path, monkeypatch):
    looks = [["old"], [], ["new"], ["new"]]
    monkeypatch.setattr(member_folder, "_names_now", lambda root: looks.pop(0))
    assert members.list_members(tmp_path) == ["new"]
    assert looks == []


def test_members_that_are_renamed_while_they_are_read_are_read_under_their_new_name(tmp_path, stored, monkeypatch):
    for name in ("cnn", "vit"):
        stored(tmp_path, name)
    listed = [["cnn", "old"], ["cnn", "vit"], ["cnn", "vit"]]
    monkeypatch.setattr("ensemble_kit.storage.members.read.list_members", lambda root: listed.pop(0))
    assert [member.manifest.name for member in members.read_members(tmp_path)] == ["cnn", "vit"]


def test_manifest_and_logits_are_of_one_state_though_a_view_is_added_in_between(tmp_path, stored, monkeypatch):
    old = stored(tmp_path, views=("identity",), view_weights=(1.0,))
    new = stored(tmp_path, again=True)
    answers = [(old, "0" * 64), (new, "1" * 64)]
    monkeypatch.setattr("ensemble_kit.storage.members.read.read_manifest_and_sha256", lambda folder: answers.pop(0))
    read = members.read_member(tmp_path / "cnn")
    assert (read.manifest, read.manifest_sha256) == (new, "1" * 64)
    assert {split.views for split in read.splits.values()} == {new.views}


def test_a_reader_waits_for_the_writer_who_stands_between_csv_and_provenance(house):
    csv = house[3] / "best.csv"
    whole = csv.read_bytes()
    writer = subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITER, str(csv)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "between\n"
    assert csv.read_bytes() != whole
    assert submissions.read_provenance(house[3] / "best.json")["run"] == 2
    assert writer.wait() == 0


SLOW_WRITER = """
import os, sys, time
from pathlib import Path
from ensemble_kit.storage.submissions import sample_and_csv as submissions
def slowly(temporary, path):
    replaced(temporary, path)
    if path.suffix == ".csv":
        print("between", flush=True)
        time.sleep(0.5)
replaced, os.replace = os.replace, slowly
submissions.write_submission(Path(sys.argv[1]), ("x", "y"), ("bee", "bee"), provenance={"run": 2})
"""
