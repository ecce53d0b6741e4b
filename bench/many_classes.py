"""What `ek blend` and the choice of views take where there are thousands of classes.

Draws 4 imported members of 300 labelled val and 500 test images with 3 views; then, each in a process of its own on one
thread, `ek blend --weights auto` and what `ek tta --choose` does once the logits are there. CPU seconds.

    python bench/many_classes.py --work /tmp/many --classes 300 3000
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ensemble_kit.ensembling.tuning.prepare import tune_views
from ensemble_kit.storage.members import members as store
from ensemble_kit.storage.members.read import read_predictions
from ensemble_kit.types import Predictions

VIEWS = ("identity", "hflip", "scale@0.9")
IMAGES = {"val": 300, "test": 500}
SCRIPT = Path(__file__).resolve()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--classes", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--stage", choices=sorted(STAGES), help="what one process measures; for the script itself")
    asked = parser.parse_args()
    if asked.stage:
        os.chdir(asked.work)
        began = time.process_time()
        STAGES[asked.stage]()
        print(f"{time.process_time() - began:.1f}")
        return
    print(f"| classes | {' | '.join(STAGES)} |\n|---{'|---' * len(STAGES)}|")
    for classes in asked.classes:
        folder = asked.work / str(classes)
        make_members(folder / "predictions", classes)
        print(f"| {classes} | {' | '.join(cpu_seconds(folder, stage) for stage in STAGES)} |", flush=True)


def make_members(root, classes):
    """Write the members that are not there yet: noise, and something for the right class."""
    random = np.random.default_rng(0)
    names = tuple(f"class-{one:05d}" for one in range(classes))
    labels = {split: random.integers(0, classes, images) for split, images in IMAGES.items()}
    for name in ("a", "b", "c", "d"):
        splits = {}
        for split, images in IMAGES.items():
            logits = random.normal(size=(len(VIEWS), images, classes)).astype(np.float32)
            logits[:, np.arange(images), labels[split]] += random.normal(4, 2, size=images).astype(np.float32)
            ids, known = (
                tuple(f"{split}/{one:04d}.jpg" for one in range(images)),
                labels[split] if split == "val" else None,
            )
            splits[split] = Predictions(name, split, VIEWS, ids, names, logits, known)
        if name not in store.list_members(root):
            manifest = store.Manifest(
                name, "none", "imported", names, views=VIEWS, view_weights=(1.0, 0.0, 0.0), view_choice="none"
            )
            store.write_member(root, manifest, splits)


def cpu_seconds(folder, stage):
    """Measure a stage in a process of its own, on one thread."""
    command = [sys.executable, str(SCRIPT), "--work", str(folder), "--stage", stage]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def blend():
    import ensemble_kit

    ensemble_kit.blend(weights="auto", quiet=True, replace=True)


def choose(how):
    val = read_predictions(Path("predictions/a"), "val")
    assert val.labels is not None
    tune_views(val.logits, val.labels, val.ids, val.groups, how)


STAGES = {
    "blend auto": blend,
    "views auto": lambda: choose("auto"),
    "views equal": lambda: choose("equal"),
}

if __name__ == "__main__":
    main()
