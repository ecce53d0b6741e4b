"""Claim: applying a blend to 4 GB of logits takes under 1 GB of memory and at most twice the time of reading them.

Makes 20 members of 1,000,000 test images and 100 classes in float16 (and 300 labelled val images)
through the project's own storage. Then, each in a fresh process, with the files in the page cache:
reading the 20 files raw, applying blends, opening for the first time, and `ek blend` from end to end.
Raw reading and applying take turns. Ratios are medians over the turns, of how fast a line is against raw
reading: 0.5 is half as fast. Memory is the largest RssAnon that /proc shows while the process runs.
Needs Linux, 4.5 GB of disk and 6 GB of memory.

    python bench/scale.py --work /tmp/scale
"""

import argparse
import json
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ensemble_kit.ensembling.combining.apply import predict
from ensemble_kit.processors import usable_processors
from ensemble_kit.storage.members import members as store
from ensemble_kit.types import Predictions, Tuned, align

VAL_IMAGES = 300
IMAGES_AT_ONCE = 20_000
SMALL_BYTES = 1 << 20  # a buffer that stays in the processor's cache
MB = 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--stage", nargs="+", help="what one process measures; for the script itself")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    os.chdir(asked.work)
    if asked.stage:
        print(json.dumps(STAGES[asked.stage[0]](*asked.stage[1:])))
        return
    make_members(asked.members, asked.images, asked.classes)
    report(asked)


def make_members(members, images, classes):
    """Write the members that are not there yet."""
    for place in range(members):
        name = f"member-{place:02d}"
        if name in store.list_members(Path("predictions")):
            continue
        manifest = store.Manifest(name, "none", "imported", tuple(f"class-{one:03d}" for one in range(classes)))
        splits = {
            "val": drawn(name, place, "val", VAL_IMAGES, classes),
            "test": drawn(name, place, "test", images, classes),
        }
        store.write_member(Path("predictions"), manifest, splits, dtype="float16")


def drawn(name, place, split, images, classes):
    """Return logits that are right rather often, chunk by chunk so that only float16 is ever whole."""
    own, common = np.random.default_rng([place, len(split)]), np.random.default_rng(len(split))
    labels = np.arange(images) % classes
    logits = np.empty((1, images, classes), np.float16)
    for start in range(0, images, IMAGES_AT_ONCE):
        rows = slice(start, min(start + IMAGES_AT_ONCE, images))
        chunk = own.standard_normal((rows.stop - start, classes), np.float32)
        chunk += common.standard_normal(chunk.shape, np.float32)  # images that are hard for every member
        chunk[np.arange(len(chunk)), labels[rows]] += 2 + 0.1 * place
        logits[0, rows] = (1 + 0.1 * place) * chunk
    ids = tuple(f"{split}/{one:07d}.jpg" for one in range(images))
    known = {"labels": labels} if split == "val" else {}
    return Predictions(
        name, split, ("identity",), ids, tuple(f"class-{one:03d}" for one in range(classes)), logits, **known
    )


# what one process measures


def test_files():
    return sorted(Path("predictions").glob("*/test-*.npy"))


def stage_raw(buffer, threads):
    """Read every test file into one reused buffer a thread."""
    files = test_files()
    buffers = [BUFFERS[buffer](max(path.stat().st_size for path in files)) for _ in range(int(threads))]

    def read(place):
        for path in files[place :: len(buffers)]:
            with open(path, "rb", buffering=0) as file:
                while file.readinto(buffers[place]):
                    pass

    with ThreadPoolExecutor(len(buffers)) as executor:
        return timed(lambda: list(executor.map(read, range(len(buffers)))))[1]


BUFFERS = {
    "plain": lambda _: bytearray(b"x") * SMALL_BYTES,
    "aligned": lambda _: mmap.mmap(-1, SMALL_BYTES),  # starts with a page, which the kernel fills twice as quickly
    "whole": lambda file_bytes: bytearray(b"x") * file_bytes,
}


def stage_apply(method, threads):
    """Open the members and predict, as the end of `ek blend` does; right is the share of right winners."""
    test, opening = timed(opened)
    tuned = numbers(method, len(test.members))
    winners, applying = timed(lambda: predict(test, tuned, int(threads)))
    right = float((winners == np.arange(len(winners)) % len(test.classes)).mean())
    return {**applying, "opening": opening, "right": right}


def stage_open():
    return timed(opened)[1]


def opened():
    return align([member.split("test") for member in store.read_members(Path("predictions"), cache=Path(".ek"))])


def timed(work):
    """What the work returns; seconds by the clock, and of all its processors together."""
    start, start_cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - start_cpu}


STAGES = {"raw": stage_raw, "apply": stage_apply, "open": stage_open}


def numbers(method, members):
    """A blend with unequal weights and temperatures."""
    weights = np.linspace(1, 3, members)
    return Tuned(method, (np.ones(1),) * members, np.linspace(0.5, 2, members), weights / weights.sum())


# the report


def watched(command):
    """Run a command; what it printed, its seconds, and the most anonymous memory it held, in bytes."""
    start, peak_bytes = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak_bytes = max(peak_bytes, anonymous_bytes(process.pid))
            time.sleep(0.01)
        printed = process.stdout.read()
    if process.returncode:
        sys.exit(f"{command} failed")
    return printed, time.perf_counter() - start, peak_bytes


def anonymous_bytes(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def staged(*stage):
    """Measure a stage in a process of its own."""
    command = [sys.executable, str(SCRIPT), "--work", ".", "--stage", *map(str, stage)]
    printed, _, peak_bytes = watched(command)
    return {**json.loads(printed), "peak_bytes": peak_bytes}


def report(asked):
    import measuring  # imports torch, which no measured process should

    threads, size_bytes = usable_processors(), sum(path.stat().st_size for path in test_files())
    print(
        f"{asked.members} members x {asked.images:,} images x {asked.classes} classes, {size_bytes / 1e9:.2f} GB; ",
        end="",
    )
    print(
        f"{threads} processors, load {os.getloadavg()[0]:.1f} at the start; {measuring.machine()}; {asked.runs} runs\n"
    )
    shutil.rmtree(".ek", ignore_errors=True)
    first = staged("open")
    turns = [one_turn(threads) for _ in range(asked.runs)]
    print(
        "| what | seconds | CPU seconds | raw / this | raw, aligned / this | RssAnon, MB |\n|---|---|---|---|---|---|"
    )
    for what in turns[0]:
        line(what, [turn[what] for turn in turns], [ratio(turns, raw, what) for raw in (RAW, ALIGNED)])
    line("opening the first time: sha256 and finiteness", [first])
    for method in ("prob-mean", "majority-vote"):
        line(f"{method}, {threads} threads", [staged("apply", method, threads)])
    ek = shutil.which("ek", path=str(Path(sys.executable).parent))
    for weights in ("equal", "auto"):
        _, seconds, peak_bytes = watched([ek, "blend", "--weights", weights, "--quiet"])
        line(f"`ek blend --weights {weights}`, tuning, CSV and all", [{"seconds": seconds, "peak_bytes": peak_bytes}])
    print(f"\nRight by logit-sum: {turns[0]['logit-sum, 1 thread']['right']:.3f}.")


RAW, ALIGNED = "raw, plain buffer of 1 MB, 1 thread", "raw, the same aligned to a page, 1 thread"


def one_turn(threads):
    """Measure raw reading and applying, one after the other."""
    turn = {RAW: staged("raw", "plain", 1), ALIGNED: staged("raw", "aligned", 1)}
    turn[f"raw, aligned, {threads} threads"] = staged("raw", "aligned", threads)
    turn["raw, buffer as large as a file, 1 thread"] = staged("raw", "whole", 1)
    turn["logit-sum, 1 thread"] = staged("apply", "logit-sum", 1)
    applied = turn[f"logit-sum, {threads} threads"] = staged("apply", "logit-sum", threads)
    turn["opening again, ids and all"] = {**applied["opening"], "peak_bytes": applied["peak_bytes"]}
    both = {key: applied[key] + applied["opening"][key] for key in ("seconds", "cpu_s")}
    turn[f"opening again and logit-sum, {threads} threads"] = {**both, "peak_bytes": applied["peak_bytes"]}
    return turn


def ratio(turns, raw, what):
    return f"{statistics.median(turn[raw]['seconds'] / turn[what]['seconds'] for turn in turns):.2f}"


def line(what, measured, ratios=("", "")):
    """Print one line of the table: medians, and of memory the largest."""
    seconds = [one["seconds"] for one in measured]
    shown = f"{statistics.median(seconds):.2f}"
    if len(seconds) > 1:
        shown += f" ({min(seconds):.2f} to {max(seconds):.2f})"
    cpu = f"{statistics.median(one['cpu_s'] for one in measured):.2f}" if "cpu_s" in measured[0] else ""
    peak_mb = max(one["peak_bytes"] for one in measured) / MB
    print(f"| {what} | {shown} | {cpu} | {ratios[0]} | {ratios[1]} | {peak_mb:.0f} |", flush=True)


SCRIPT = Path(__file__).resolve()

if __name__ == "__main__":
    main()
