"""The disk is full at every point of every write: what was there stays whole, and the message helps.

A point is a call that needs room: a folder or file made, bytes written, flushed, synced or
given their place, a file given a new name. From one such call on, all of them fail, as on
a disk that stays full. Where a small memory disk can be mounted, a real one is filled too.
"""

import builtins
import errno
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from ensemble_kit.cli import ek
from ensemble_kit.errors import ResourceError
from ensemble_kit.images.cache import load_images
from ensemble_kit.storage import blends
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.members import members
from ensemble_kit.storage.runs import runs
from ensemble_kit.storage.submissions import sample_and_csv as submissions
from ensemble_kit.storage.verify import verify_all

FOLDERS = ("predictions", "runs", "blends", "submissions")
PREDICTIONS = Path("predictions")
SAYS_ALL = r"The disk is full: (this folder|\S+) needs at least [\d,]+ bytes, [\d,]+ are free there\."


class FullDisk:
    """Counts the calls that need room, and lets all fail from number `full_from` on."""

    def __init__(self, full_from=None):
        self.full_from = full_from
        self.calls = Counter()

    def asks(self, kind):
        self.calls[kind] += 1
        if self.full_from is not None and self.calls.total() >= self.full_from:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def limited(self, kind, function, needs_room=lambda *arguments: True):
        @functools.wraps(function)
        def call(*arguments, **keywords):
            if needs_room(*arguments):
                self.asks(kind)
            return function(*arguments, **keywords)

        return call

    def opened(self, open_file):
        def call(path, mode="r", *arguments, **keywords):
            if not set(mode) & set("wxa"):
                return open_file(path, mode, *arguments, **keywords)
            self.asks("create")
            file = open_file(path, mode, *arguments, **keywords)
            return file if "+" in mode else LimitedFile(file, self)

        return call


class LimitedFile:
    """A file whose writes, flushes and closing need room."""

    def __init__(self, file, disk):
        self.file, self.disk = file, disk

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()
        self.disk.asks("close")

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.disk.asks("write")
        return self.file.write(data)

    def flush(self):
        self.disk.asks("flush")
        self.file.flush()


def is_new_file(path, flags, *_):
    return flags & os.O_CREAT and not os.path.exists(path)


def is_new_name(_, target):
    return not os.path.exists(target)


@pytest.fixture
def with_disk(monkeypatch):
    """Return a function that lets something run on a full disk."""

    def run(disk, work):
        with monkeypatch.context() as patched:
            patched.setattr(builtins, "open", disk.opened(open))
            patched.setattr(os, "open", disk.limited("create", os.open, is_new_file))
            patched.setattr(os, "mkdir", disk.limited("mkdir", os.mkdir))
            patched.setattr(os, "fsync", disk.limited("fsync", os.fsync))
            patched.setattr(os, "replace", disk.limited("replace", os.replace, is_new_name))
            patched.setattr(os, "posix_fallocate", disk.limited("allocate", os.posix_fallocate), raising=False)
            return work()

    return run


@pytest.fixture
def house(tmp_path, monkeypatch, predictions_of, manifest_of):
    """A working folder, the current one: two members, a run, a blend, a submission, ledgers; scores and images."""
    folder = tmp_path / "house"
    folder.mkdir()
    monkeypatch.chdir(folder)
    labels = np.arange(7) % 5
    for name in ("cnn", "vit"):
        both = {split: predictions_of(name, split, ("identity",)) for split in ("val", "test")}
        both["val"] = replace(both["val"], labels=labels)
        members.write_member(PREDICTIONS, manifest_of(name, ("identity",), view_choice="none"), both)
    val = both["val"]
    np.savez("val.npz", image_ids=val.ids, classes=val.classes, scores=val.logits[0], labels=labels)
    write_run(0)
    done = typed("blend", "--weights", "equal", "--name", "best", "--quiet")
    assert done.exit_code == 0, done.stderr
    for number in range(5):
        Image.new("RGB", (11, 13), (number, 0, 0)).save(f"{number}.png")
    for number, place in enumerate(("train/ant", "train/bee", "val/ant", "val/bee")):
        Path("drawn", place).mkdir(parents=True)
        Image.new("RGB", (23, 23), (0, number, 9)).save(f"drawn/{place}/{number}.png")
    return folder


def typed(*words):
    return CliRunner().invoke(ek, words)


def write_run(seed):
    folder = Path("runs/cnn")
    runs.write_checkpoint(folder, {"weight": torch.full((7, 5), float(seed))}, {"arch": "cnn"})
    runs.write_metrics(folder, [{"epoch": 1, "loss": 0.5 + seed}])
    runs.write_config(folder, {"lr": 2e-4, "seed": seed})


def command(*words):
    """Return what runs a command; its error comes back as an exit code and a message."""

    def run(predictions_of):
        done = typed(*words)
        return done.exit_code, done.stderr

    return run


def function(work):
    """Return what calls a function; its error comes back as the command line would show it."""

    def run(predictions_of):
        try:
            work(predictions_of)
        except ResourceError as error:
            return error.exit_code, str(error)
        return 0, ""

    return run


def write_files_of_a_blend():
    blends.write_blend(Path("blends"), replace(blends.read_blend(Path("blends/best.json")), name="other"))
    ledger.append_entry(Path("blends/ledger.jsonl"), {"number": 2})
    submissions.write_submission(Path("out/other.csv"), ("x", "y"), ("ant", "bee"))
    submissions.write_submission(Path("submissions/best.csv"), ("x", "y"), ("ant", "bee"))
    ledger.append_entry(Path("submissions/ledger.jsonl"), {"number": 2})


def add_view(predictions_of):
    more = {split: predictions_of("cnn", split, ("hflip",)) for split in ("val", "test")}
    members.add_views(PREDICTIONS, "cnn", more, {"identity": 0.5, "hflip": 0.5}, "equal")


WRITERS = {
    "add a member": command("members", "add", "new", "--kind", "logits", "--val", "val.npz"),
    "rename a member": command("members", "rename", "vit", "swin"),
    "add a view": function(add_view),
    "blend": command("blend", "--weights", "cnn=1,vit=3", "--name", "best", "--quiet"),
    "write a blend's files": function(lambda predictions_of: write_files_of_a_blend()),
    "check images": command("data", "check", "drawn", "--csv", "found.csv", "--sheet", "found.png", "--quiet"),
    "write a run": function(lambda predictions_of: write_run(1)),
    "decode images": function(lambda predictions_of: load_images(sorted(Path().glob("*.png")), 17, Path(".ek"))),
}
"""What is written; the points at which the disk may be full are 5 to 40 each, about 120 together."""
STRIDE = {"blend": 7}
"""Blending takes long: there, every seventh point."""
STRIDE_OF_RERUNS = {"check images": 1}
"""At which of them the same is done once more with room; else every fifth."""


@pytest.mark.parametrize("writer", WRITERS)
def test_wherever_the_disk_is_full_all_that_was_there_stays_and_the_message_helps(
    writer, house, with_disk, predictions_of, tmp_path
):
    before = whole(house)
    whole_disk = FullDisk()
    fresh(house, tmp_path)
    assert with_disk(whole_disk, lambda: WRITERS[writer](predictions_of)) == (0, "")
    points, done = whole_disk.calls.total(), whole(Path.cwd())
    assert points >= 5
    refused = 0
    for point in range(1, points + 1, STRIDE.get(writer, 1)):
        fresh(house, tmp_path)
        code, message = with_disk(FullDisk(point), lambda: WRITERS[writer](predictions_of))
        after = whole(Path.cwd())
        if code == 0:  # only the memory of checksums is lost, or an empty folder's end: costs time, no more
            assert after["members"] == done["members"]
            continue
        refused += 1
        assert code == 6, f"point {point}: {message}"
        assert re.search(SAYS_ALL, message), f"point {point}: {message}"
        renamed = {"cnn", "swin"} <= set(after["members"])
        assert set(before["members"]) <= set(after["members"]) or (writer == "rename a member" and renamed)
        assert after["blends"] >= before["blends"]
        assert [lines[: len(before["ledgers"][i])] for i, lines in enumerate(after["ledgers"])] == before["ledgers"]
        assert not list(Path().rglob(".tmp-*"))
        assert not list(Path().rglob("*.npy.tmp*"))
        if point % STRIDE_OF_RERUNS.get(writer, 5) == 0:
            finished = WRITERS[writer](predictions_of)  # there is room again
            assert finished == (0, "")
            whole(Path.cwd())
    assert refused >= 4


def fresh(house, tmp_path):
    """Go to a new copy of the house."""
    copy = tmp_path / "copy"
    os.chdir(tmp_path)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(house, copy)
    os.chdir(copy)


def whole(folder):
    """Return what stands in a working folder, after checking all of it."""
    verify_all(*(folder / name for name in FOLDERS))
    return {
        "members": members.list_members(folder / "predictions"),
        "blends": set(blends.list_blends(folder / "blends")),
        "ledgers": [ledger.read_ledger(folder / name / "ledger.jsonl") for name in ("blends", "submissions")],
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="unshare and tmpfs are Linux's")
def test_a_small_disk_that_is_really_full_loses_nothing(house, tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    (tmp_path / "small").mkdir()
    mounted = f"mount -t tmpfs -o size=4m none {tmp_path}/small && exec {sys.executable} -c "
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'{mounted} "$0" {house} {tmp_path}/small', FILL],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout)
    assert len(seen["full"]) >= 20
    assert all(re.search(SAYS_ALL, message) for message in seen["full"]), seen["full"]
    assert seen["written"] >= 10


FILL = """
import json, os, shutil, sys
from pathlib import Path
import ensemble_kit as ek
from ensemble_kit.errors import ResourceError
from ensemble_kit.images.cache import load_images
from ensemble_kit.storage.verify import verify_all

def fill(free_pages):
    with open("ballast", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            size = file.tell()
            os.ftruncate(file.fileno(), max(size - size % 4096 - 4096 * free_pages, 0))

WORKS = (
    lambda: ek.members_add("new", val="val.npz", kind="logits", replace=True),
    lambda: ek.members_rename("vit", "swin"),
    lambda: ek.blend(["cnn", "vit"], weights="equal", name="best", quiet=True),
    lambda: load_images(sorted(Path().glob("*.png")), 61, Path(".ek")),
)
house = Path(sys.argv[2], "house")
full, written = [], 0
for pages in range(14):
    for work in WORKS:
        shutil.copytree(sys.argv[1], house)
        os.chdir(house)
        fill(pages)
        try:
            work()
            written += 1
        except ResourceError as error:
            full.append(str(error))
        verify_all(*map(Path, ("predictions", "runs", "blends", "submissions")))
        assert not list(Path().rglob(".tmp-*"))
        os.chdir("/")
        shutil.rmtree(house)
print(json.dumps({"full": full, "written": written}))
"""
