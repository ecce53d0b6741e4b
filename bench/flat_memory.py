"""Claim: to write a member, add views to it and join finished parts takes memory for ids, not for logits.

Writes members of 6 views and 400,000 images of 10 and of 100 classes, and of 20,000 images of 10 classes,
from memory-mapped logits; adds 6 views, in the same order and in another; writes and joins parts. Each in a
fresh process. Memory is the largest RssAnon (anonymous pages: what is not a file's) that /proc shows while the
process runs, looked at every 10 ms, less that of a process that only imports. The first column of the result is
what the logits alone would take if they were whole in memory. Needs Linux and 5 GB of disk; about two minutes.

    python bench/flat_memory.py --work /tmp/flat
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from scale import watched

from ensemble_kit.storage.members import members as store
from ensemble_kit.storage.partial import job as jobs
from ensemble_kit.storage.partial import part as parts
from ensemble_kit.types import Predictions

VIEWS = ("identity", *(f"view-{place}" for place in range(1, 6)))
MORE = tuple(f"more-{place}" for place in range(6))
SIZES = ((20_000, 10), (400_000, 10), (400_000, 100))
BATCH = 128
ROWS_AT_ONCE = 20_000
ROOT = Path("predictions")
MB = 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--stage", nargs=3, metavar=("WHAT", "IMAGES", "CLASSES"), help="for the script itself")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    os.chdir(asked.work)
    if asked.stage:
        what, images, classes = asked.stage
        STAGES[what](int(images), int(classes))
        return
    report()


def draw(images, classes):
    """Put logits on the disk, a few rows at a time."""
    logits = np.lib.format.open_memmap("logits.npy", "w+", np.float32, (len(VIEWS), images, classes))
    rng = np.random.default_rng(0)
    for view in logits:
        for start in range(0, images, ROWS_AT_ONCE):
            rows = view[start : start + ROWS_AT_ONCE]
            rows[:] = rng.standard_normal(rows.shape, np.float32)


def drawn(views, classes, order=1):
    """What `draw` left, mapped, with the rows and classes named in order or backwards."""
    logits = np.load("logits.npy", mmap_mode="r", allow_pickle=False)
    ids = tuple(f"test/{place:07d}.jpg" for place in range(logits.shape[1]))[::order]
    names = tuple(f"class-{place:03d}" for place in range(classes))[::order]
    return Predictions("big", "test", views, ids, names, logits)


# what one process does


def stage_write(dtype):
    def write(_, classes):
        one = drawn(VIEWS, classes)
        weights = (1.0, *(0.0 for _ in VIEWS[1:]))
        manifest = store.Manifest("big", "none", "imported", one.classes, VIEWS, weights)
        store.write_member(ROOT, manifest, {"test": one}, dtype, replace=True)

    return write


def stage_extend(order):
    def extend(_, classes):
        store.add_views(ROOT, "big", {"test": drawn(MORE, classes, order)})

    return extend


def plan(images, classes):
    return parts.plan_parts({"test": images}, BATCH, 4 * len(VIEWS) * classes)


def stage_write_parts(images, classes):
    logits = np.load("logits.npy", mmap_mode="r", allow_pickle=False)
    job = jobs.open_job(Path("parts"), {"images": images, "classes": classes})
    for part in plan(images, classes):
        job.write(part, logits[:, part.rows], [1.0] * len(VIEWS))


def stage_join(images, classes):
    job = jobs.open_job(Path("parts"), {"images": images, "classes": classes})
    job.join(plan(images, classes), "test")
    job.remove()


STAGES = {
    "import": lambda _images, _classes: None,
    "draw": draw,
    "name": lambda _, classes: drawn(VIEWS, classes),
    "write float32": stage_write("float32"),
    "add 6 views": stage_extend(1),
    "write float16": stage_write("float16"),
    "add 6 views in another order": stage_extend(-1),
    "write parts": stage_write_parts,
    "join parts": stage_join,
}
UNSHOWN = ("import", "draw")


# the report


def staged(what, images, classes):
    """Return the seconds of a stage in a process of its own, and its peak of anonymous memory in bytes."""
    command = [sys.executable, str(SCRIPT), "--work", ".", "--stage", what, str(images), str(classes)]
    return watched(command)[1:]


def report():
    measured = {}
    for size in SIZES:
        shutil.rmtree(ROOT, ignore_errors=True)
        for what in STAGES:
            measured[what, size] = staged(what, *size)
    small, large, wide = SIZES
    shown = [f"{images:,} x {classes}" for images, classes in SIZES]
    print(f"{len(VIEWS)} views; RssAnon above that of a process that only imports, MB\n")
    print(f"| images x classes | {' | '.join(shown)} | bytes an image | seconds, {shown[-1]} |\n|{'---|' * 6}")
    whole = [4 * len(VIEWS) * images * classes for images, classes in SIZES]
    print(f"| logits of 6 views, were they in memory | {' | '.join(f'{one / MB:.0f}' for one in whole)} | 240 | |")
    for what in (one for one in STAGES if one not in UNSHOWN):
        above = {size: measured[what, size][1] - measured["import", size][1] for size in SIZES}
        each = (above[large] - above[small]) / (large[0] - small[0])
        cells = " | ".join(f"{above[size] / MB:.0f}" for size in SIZES)
        print(f"| {what} | {cells} | {each:.0f} | {measured[what, wide][0]:.1f} |", flush=True)
    print(f"\n{json.dumps({'numpy': np.__version__, 'python': sys.version.split()[0]})}")


SCRIPT = Path(__file__).resolve()

if __name__ == "__main__":
    main()
