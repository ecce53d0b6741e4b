"""Kill a writer and look at what it left. Run by test_crash.py: kill_writers.py HOW WHAT FOLDER SEED

HOW `every`: a child is traced by ptrace and killed after its first, its second, its
third, ... system call, one child a call. HOW `random`: children are killed at random moments.
After each kill all that was there before must read whole, the new absent or whole, and
the next write (tried after every third) must leave no file behind that nobody names. Prints what it saw as JSON.
"""

import ctypes
import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from conftest import make_predictions, store_member

from ensemble_kit.storage import blends
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.members import members

TRACE_ME, SET_OPTIONS, UNTIL_SYSTEM_CALL, MARK_SYSTEM_CALLS = 0, 0x4200, 24, 1
NOT_ALLOWED = 77
RANDOM_KILLS = 34  # a writer; three writers make a hundred
C = ctypes.CDLL(None, use_errno=True)
FSYNC = os.fsync


def blend_of(root, weight):
    pins = tuple(
        blends.PinnedMember(name, members.manifest_sha256(root / name), None, ("identity",), (1.0,), 1.0, part)
        for name, part in (("old-a", weight), ("old-b", 1 - weight))
    )
    return blends.Blend("best", "logit-sum", pins, "auto", ("ant", "bee"), figures={"accuracy": weight})


def prepare(base):
    root = base / "predictions"
    for name in ("old-a", "old-b"):
        store_member(root, name)
    blends.write_blend(base / "blends", blend_of(root, 0.25))
    ledger.append_entry(base / "blends" / "ledger.jsonl", {"configuration": "first"})


def write(base):
    store_member(base / "predictions", "new", seed=5)


def replace_member(base):
    store_member(base / "predictions", "old-a", seed=6, again=True)


def add_view(base):
    more = {split: make_predictions("old-a", split, ("hflip", "five-crop"), 7) for split in ("val", "test")}
    members.add_views(base / "predictions", "old-a", more, {"identity": 0.5, "five-crop": 0.5}, "auto")


def write_blend(base):
    folder = base / "blends"
    blend = blend_of(base / "predictions", 0.75)
    blends.write_blend(folder, blend)
    blends.write_blend(folder, replace(blend, name="second"))
    ledger.append_entry(folder / "ledger.jsonl", {"configuration": "second"})


def remove(base):
    members.remove_member(base / "predictions", "old-a")


def rename(base):
    members.rename_member(base / "predictions", "old-a", "fresh")


WRITERS = {
    "write": write,
    "replace": replace_member,
    "views": add_view,
    "blend": write_blend,
    "remove": remove,
    "rename": rename,
}


def look(base):
    """Return all that readers see, by name; reading raises where anything is not whole."""
    root, seen = base / "predictions", {}
    for name in members.list_members(root):
        manifest = members.read_manifest(root / name)
        read = [members.read_predictions(root / name, split, verify=True) for split in sorted(manifest.files)]
        seen[name] = repr((manifest, [(one.ids, one.views, one.logits.tobytes()) for one in read]))
    for name in blends.list_blends(base / "blends"):
        seen[f"blend {name}"] = repr(blends.read_blend(base / "blends" / f"{name}.json"))
    seen["ledger"] = repr(ledger.read_ledger(base / "blends" / "ledger.jsonl"))
    return seen


def check(base, before, after):
    """Raise unless everything is as it was or as it was to be; return whether all is new."""
    seen = look(base)
    for name in {*before, *after, *seen}:
        got, old, new = (state.get(name) for state in (seen, before, after))
        assert got in (old, new), f"{name} is neither the old nor the new"
    assert {"old-a", "fresh"} & set(seen) or "old-a" not in after, "the member is gone under both names"
    return seen == after


def sweep(base):
    """Write something else, and assert that only named files are left."""
    root = base / "predictions"
    store_member(root, "last")
    blends.write_blend(base / "blends", blend_of_nothing())
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        named = members.read_manifest(folder).file_names() | {"member.json"}
        left = {path.name for path in folder.iterdir()}
        assert left == named, f"{folder.name}: {left ^ named}"
    assert not [path for path in (base / "blends").iterdir() if path.name.startswith(".tmp")]


def blend_of_nothing():
    return blends.Blend("empty", "logit-sum", (), "equal", ("ant",))


def fork(writer, base, traced):
    child = os.fork()
    if child == 0:
        os.fsync = FSYNC
        try:
            if traced:
                if C.ptrace(TRACE_ME, 0, None, None) != 0:
                    os._exit(NOT_ALLOWED)
                os.kill(os.getpid(), signal.SIGSTOP)
            writer(base)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def killed_after_calls(child, calls):
    """Kill the child after so many system calls; return its exit status, or None if it was killed."""
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    C.ptrace(SET_OPTIONS, child, None, ctypes.c_void_p(MARK_SYSTEM_CALLS))
    for _ in range(2 * calls):  # a call stops twice, on entry and on exit
        if C.ptrace(UNTIL_SYSTEM_CALL, child, None, None) != 0:
            break
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def killed_at_random(child, longest_s, rng):
    time.sleep(rng.random() * longest_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def duration_s(writer, base):
    """Return how long a child takes that nobody kills."""
    shutil.copytree(base / "template", base / "timed")
    started = time.perf_counter()
    os.waitpid(fork(writer, base / "timed", traced=False), 0)
    return time.perf_counter() - started


def main(how, what, folder, seed):
    base, rng = Path(folder), random.Random(int(seed))
    prepare(base / "template")
    before = look(base / "template")
    os.fsync = lambda descriptor: None  # here only, for speed; the children that are killed do call it
    shutil.copytree(base / "template", base / "done")
    WRITERS[what](base / "done")
    after = look(base / "done")
    assert before != after
    kills = finished = new = 0
    work = base / "work"
    longest_s = duration_s(WRITERS[what], base)
    while kills < RANDOM_KILLS if how == "random" else not finished:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(base / "template", work)
        child = fork(WRITERS[what], work, traced=how == "every")
        status = killed_at_random(child, longest_s, rng) if how == "random" else killed_after_calls(child, kills)
        if status == NOT_ALLOWED:
            return {"refused": True}
        assert status in (None, 0), f"the writer ended with {status}"
        finished += status == 0
        whole = check(work, before, after)
        assert whole or status is None, "the writer ended, but what it wrote is not there"
        new += whole
        if kills % 3 == 0:
            sweep(work)
        kills += how == "every" or status is None
    return {"kills": kills, "new": new, "finished": finished}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
