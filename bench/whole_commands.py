"""Whole commands of two checkouts, in turn: CPU seconds of train, tta and blend, as a ratio.

Claim: what was added around the work costs no more than a twentieth of it. Drawn images of 32 px; one thread; the two
take turns, so that a machine that slows down slows both. The earlier checkout needs no installation of its own.

    python bench/whole_commands.py --other CHECKOUT --runs 7
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
DATA = "demo-data data --train 600 --val 300 --test 500 --size 32 --quiet"
TRAIN = "train --data data --arch cnn --recipe assignment --epochs 2 --name NAME --replace --device cpu --quiet"
BEFORE = [DATA, *(TRAIN.replace("NAME", name) for name in ("a", "b")), "blend --quiet"]
COMMANDS = {
    "train": TRAIN.replace("NAME", "c"),
    "tta": "tta --ckpt runs/a --views five-crop --replace --device cpu --quiet",
    "blend": "blend --quiet",
    "members": "members",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=Path, required=True, help="the earlier checkout")
    parser.add_argument("--runs", type=int, default=7, help="of each command and checkout, after one to warm up")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        sides = {side: Path(work, side) for side in ("here", "other")}
        code = {"here": HERE, "other": asked.other.resolve()}
        for side, folder in sides.items():
            folder.mkdir()
            for words in BEFORE:
                cpu_s(words, folder, code[side])
        print("| command | CPU s | CPU s, other | ratio, median | lowest | highest |\n|---|---|---|---|---|---|")
        for name, words in COMMANDS.items():
            seen = [[cpu_s(words, sides[side], code[side]) for side in sides] for _ in range(asked.runs + 1)][1:]
            here, other = (statistics.median(column) for column in zip(*seen, strict=True))
            ratios = sorted(one / two for one, two in seen)
            middle = statistics.median(ratios)
            print(
                f"| {name} | {here:.2f} | {other:.2f} | {middle:.3f} | {ratios[0]:.3f} | {ratios[-1]:.3f} |", flush=True
            )


def cpu_s(words, folder, code):
    """Run a command of a checkout; return its CPU seconds, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "ensemble_kit", *words.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
