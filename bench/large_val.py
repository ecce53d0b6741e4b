"""Claim: a blend is tuned, with honest figures, on 50,000 val images of 1000 classes without holding all logits.

20 members in float16 (2 GB), made through the project's own storage; then `ek blend` in a
fresh process, its seconds and its largest resident memory, mapped files included.

    python bench/large_val.py --work /tmp/large [--weights auto greedy]
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ensemble_kit.storage.members import members as store
from ensemble_kit.types import Predictions

MEMBERS, IMAGES, CLASSES, AT_ONCE = 20, 50_000, 1000, 5000


def make(root):
    """Write the members: 54 to 86 % right, half of the noise shared."""
    labels = np.random.default_rng(7).integers(CLASSES, size=IMAGES)
    ids = tuple(f"val-{place:05d}.jpg" for place in range(IMAGES))
    classes = tuple(f"class-{place:04d}" for place in range(CLASSES))
    for member, strength in enumerate(np.linspace(5.0, 6.5, MEMBERS)):
        shared, own = np.random.default_rng(7), np.random.default_rng(100 + member)
        logits = np.empty((1, IMAGES, CLASSES), np.float16)
        for begin in range(0, IMAGES, AT_ONCE):
            part = 1.1 * shared.standard_normal((AT_ONCE, CLASSES), np.float32)
            part += own.standard_normal((AT_ONCE, CLASSES), np.float32)
            part[np.arange(AT_ONCE), labels[begin : begin + AT_ONCE]] += strength
            logits[0, begin : begin + AT_ONCE] = 1.3 * part
        name = f"member-{member:02d}"
        manifest = store.Manifest(name=name, arch="imported", source="imported", classes=classes)
        brought = Predictions(name, "val", ("identity",), ids, classes, logits, labels)
        store.write_member(root, manifest, {"val": brought}, dtype="float16")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", default=["auto", "greedy"])
    asked = parser.parse_args()
    root = asked.work / "predictions"
    if not root.exists():
        make(root)
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    print("| weights | seconds | resident memory at most, GB |\n|---|---|---|")
    for weights in asked.weights:
        began = time.perf_counter()
        command = [sys.executable, "-m", "ensemble_kit", "blend", "--quiet", "--weights", weights]
        subprocess.run(command, cwd=asked.work, env=here, check=True, stdout=subprocess.DEVNULL)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        print(f"| {weights} | {time.perf_counter() - began:.0f} | {memory:.1f} |", flush=True)


if __name__ == "__main__":
    main()
