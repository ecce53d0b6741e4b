"""Eight writers in one working folder at once, readers beside them. Run by test_concurrency.py: crowd.py FOLDER.

The writers add members, add views, rename, replace, and blend under one name; two more are
killed again and again, wherever they stand. Stale lock files lie about from the start.
Readers look at everything all the time. Prints what was seen as JSON; a writer or a
reader that meets anything but what must be there ends with its traceback.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace as with_changes
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from conftest import IMAGES, make_manifest, make_predictions

import ensemble_kit as ek
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.members import members
from ensemble_kit.storage.submissions import sample_and_csv as submissions
from ensemble_kit.storage.verify import verify_all

FOLDERS = ("predictions", "runs", "blends", "submissions")
ADDED, RENAMED, VIEWS, BLENDED, REPLACED, KILLED = 7, 13, 5, 11, 31, 11
PREDICTIONS, BLENDS, SUBMISSIONS = Path("predictions"), Path("blends"), Path("submissions")


def look_at(member, split, views=("identity",), seed=0):
    """Return seeded logits; all members agree about the labels of val."""
    labels = np.arange(IMAGES) % 5 if split == "val" else None
    return with_changes(make_predictions(member, split, views, seed), labels=labels)


def write(name, seed=0):
    both = {split: look_at(name, split, seed=seed) for split in ("val", "test")}
    members.write_member(PREDICTIONS, make_manifest(name, ("identity",), view_choice="none"), both, replace=True)


def prepare():
    for name in ("base-a", "base-b", "redone", "wanderer-0", "killed-0", "killed-1"):
        write(name)
    for folder in FOLDERS:
        Path(folder).mkdir(exist_ok=True)
        Path(folder, ".lock").write_text("4194305")  # of a process that is long gone
    for split in ("val", "test"):
        one = look_at("foreign", split)
        labels = {} if one.labels is None else {"labels": one.labels}
        np.savez(f"{split}.npz", image_ids=one.ids, classes=one.classes, scores=one.logits[0], **labels)


def add_members(number):
    for i in range(ADDED):
        ek.members_add(f"added-{number}-{i}", val="val.npz", test="test.npz", kind="logits")


def add_views(number):
    for i in range(VIEWS):
        views = (f"view-{number}-{i}",)
        more = {split: look_at("base-a", split, views, i) for split in ("val", "test")}
        members.add_views(PREDICTIONS, "base-a", more)


def rename(number):
    for i in range(RENAMED):
        ek.members_rename(f"wanderer-{i}", f"wanderer-{i + 1}")


def replace(number):
    for seed in range(REPLACED):
        write("redone", seed)


def blend(number):
    for _ in range(BLENDED):
        method = ("logit-sum", "majority-vote")[number % 2]
        ek.blend(["base-a", "base-b"], method=method, weights="equal", name="best", quiet=True)


def write_for_ever(number):
    for seed in range(10**9):
        write(f"killed-{number}", seed)


def read_for_ever(number):
    """Look at everything until the parent says stop; say how often, and how long the longest look took."""
    looks, longest_s = 0, 0.0
    while not Path("stop").exists():
        started = time.perf_counter()
        names = {name.split("-")[0] for name in members.list_members(PREDICTIONS)}
        assert {"base", "redone", "wanderer", "killed"} <= names, names
        for member in members.read_members(PREDICTIONS):
            for split in member.splits.values():
                assert split.views == member.manifest.views
                assert np.isfinite(split.logits).all()
        verify_all(*map(Path, FOLDERS))
        ek.members()
        longest_s = max(longest_s, time.perf_counter() - started)
        looks += 1
    Path(f"seen-{number}.json").write_text(json.dumps([looks, longest_s]))


WRITERS = (add_members, add_members, add_views, add_views, rename, replace, blend, blend)


def fork(work: Callable[[int], None], number: int) -> int:
    child = os.fork()
    if child == 0:
        try:
            work(number)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def ended_well(child: int) -> bool:
    return os.waitpid(child, 0)[1] == 0


def kill_again_and_again(rng):
    """Kill writers at random moments, the lock in their hands more often than not."""
    for i in range(KILLED):
        victim = fork(write_for_ever, i % 2)
        time.sleep(0.02 + 0.1 * rng.random())
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)


def main(folder):
    os.chdir(folder)
    prepare()
    readers = [fork(read_for_ever, number) for number in range(2)]
    writers = [fork(writer, number) for number, writer in enumerate(WRITERS)]
    kill_again_and_again(random.Random(5))
    written = [ended_well(writer) for writer in writers]
    Path("stop").touch()
    read = [ended_well(reader) for reader in readers]
    write("last")  # sweeps after the killed
    return {
        "written": written,
        "read": read,
        "looks": [json.loads(Path(f"seen-{number}.json").read_text()) for number in range(2)] if all(read) else [],
        "members": members.list_members(PREDICTIONS),
        "views": members.read_manifest(PREDICTIONS / "base-a").views,
        "ledgers": [len(ledger.read_ledger(Path(name, "ledger.jsonl"))) for name in ("blends", "submissions")],
        "submission": submissions.read_provenance(SUBMISSIONS / "best.json")["blend"],
        "verified": len(verify_all(*map(Path, FOLDERS))),
        "temporary": [str(path) for path in Path().rglob(".tmp-*")],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
