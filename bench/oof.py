"""Claim: with train alone, the honest figure on held-out folds is near, and not above, what test gives.

Folds all of train (val is left out), blends on oof, and looks at the truth about test last. One member comes
in as a competitor would bring it: oof.csv and test.csv of ids and classes, labels in train.csv. The figure is
of one network a family, test has the mean of all folds, so it is to be a little modest.

    python bench/oof.py images/simpsons28 images/simpsons28-test-labels.csv
    python bench/oof.py images/simpsons28 images/simpsons28-test-labels.csv --epochs 4 --seeds 3
"""

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import measuring
import numpy as np

import ensemble_kit as ek
from ensemble_kit.ensembling.combining.voting import softmax
from ensemble_kit.ensembling.statistics.intervals import wilson
from ensemble_kit.storage.members.commit import list_members
from ensemble_kit.storage.members.read import read_members

OWN: dict[str, dict[str, Any]] = {"mlp": {}, "cnn": {}}
THEIRS: dict[str, Any] = {"arch": "mlp", "arch_option": {"width": 256}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train/CLASS/* and test/*; val/ is not looked at")
    parser.add_argument("truth", type=Path, help="CSV of two columns: file, label")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    print(f"{asked.folds} folds, recipe strong, {asked.epochs} epochs; {measuring.machine()}\n")
    print("| seed | blend on oof | honest % (95 %) | test % (95 %) | best single, honest | equal, honest | s |")
    print("|---|---|---|---|---|---|---|")
    data, truth = asked.data.resolve(), dict(rows(asked.truth))
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("data").mkdir()
            for part in ("train", "test"):
                Path("data", part).symlink_to(data / part)
            began = time.perf_counter()
            make(asked, seed)
            for members in (["cnn"], ["mlp"], ["theirs"], ["cnn", "mlp"], []):
                show(seed, ek.blend(members, quiet=True), truth, time.perf_counter() - began)
            os.chdir("/")


def make(asked, seed):
    """Train two families here, and bring what a third says, as files."""
    how: dict[str, Any] = {
        "folds": asked.folds,
        "recipe": "strong",
        "epochs": asked.epochs,
        "seed": seed,
        "quiet": True,
    }
    for arch, options in OWN.items():
        ek.train("data", arch, arch_option=options, **how)
    ek.train("data", name="third", predictions="elsewhere", runs="elsewhere-runs", **THEIRS, **how)
    export()
    ek.members_add("theirs", kind="probabilities", oof="oof.csv", test="test.csv", labels="train.csv")


def export():
    """Write what the third family says, rows shuffled, as competitors keep it."""
    held = read_members(Path("elsewhere"), list_members(Path("elsewhere")))
    oof = [one.splits["oof"] for one in held]
    tests = [one.splits["test"] for one in held]
    said = np.concatenate([softmax(one.logits[0]) for one in oof])
    ids = [image_id for one in oof for image_id in one.ids]
    labels = [one.classes[label] for one in oof for label in one.labels]
    order = np.random.default_rng(0).permutation(len(ids))
    columns = [f"prob_{name}" for name in oof[0].classes]
    write("oof.csv", ["id", *columns], [[ids[row], *said[row]] for row in order])
    write("train.csv", ["id", "target"], zip(ids, labels, strict=True))
    mean = np.mean([softmax(one.logits[0]) for one in tests], axis=0)
    write("test.csv", ["id", *columns], [[one, *row] for one, row in zip(tests[0].ids, mean, strict=True)])


def write(path, header, lines):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *lines])


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from list(csv.reader(file))[1:]


def show(seed, blend, truth, seconds):
    """A line of the table; the truth about test is looked at here alone."""
    right = np.array([truth[image_id] == label for image_id, label in rows(blend.submission_path)])
    low, high = wilson(int(right.sum()), len(right))
    families = " + ".join(one.family for one in blend.numbers.families)
    print(
        f"| {seed} | {families} | {percent(blend.honest_accuracy, blend.honest_interval)} | "
        f"{percent(right.mean(), (low, high))} | {100 * blend.best_single.honest_accuracy:.1f} | "
        f"{100 * blend.equal.honest_accuracy:.1f} | {seconds:.0f} |",
        flush=True,
    )


def percent(share, bounds):
    return f"{100 * share:.1f} ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})"


if __name__ == "__main__":
    main()
