"""Claim: a member that learns from test images too, by soft labels, is better on test than one that does not.

Two teachers, then for each seed two students of equal work (images learnt from over all epochs): one of train alone,
one of train and test (`--unlabelled test`). Accuracy of each on val and test; how often it says what its teachers say
on either; and what each is worth in a blend with its teachers: honest estimate on val, accuracy on test.

    python bench/unlabelled.py DATA --labels test-labels.csv --work /tmp/unlabelled --epochs 12 --seeds 1
"""

import argparse
import time
from pathlib import Path

import measuring
import numpy as np

import ensemble_kit as ek
from ensemble_kit.storage.members import members as store

HOW = {"arch": "cnn-deep", "recipe": "strong", "optimizer": "muon", "mix": 0.5}
TEACHERS = ("teacher-0", "teacher-1")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12, help="of a student of train alone, and of the teachers")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--no-flip", action="store_true", help="train and look without flips")
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    how = {**HOW, "threads": 1, **({"flip": False} if asked.no_flip else {})}
    views = "scale@1.1" if asked.no_flip else "flips"
    for seed, name in enumerate(TEACHERS):
        made(data, name, views, seed=seed, epochs=asked.epochs, **how)
    train, test = (sum(1 for one in (data / split).rglob("*") if one.is_file()) for split in ("train", "test"))
    fewer = round(asked.epochs * train / (train + test))

    print(f"{data.name}; {measuring.machine()}\n")
    for name in TEACHERS:
        print(f"{name}: val {accuracy_on_val(name):.3f}, test {measuring.accuracy_on_test(name, labels):.3f}")
    print("\n| seed | learns from | epochs | CPU s | val | test | as teachers, val | test | blend, honest | test |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    tests = {"train": [], "train and test": []}
    for seed in range(10, 10 + asked.seeds):
        for what in tests:
            is_taught = what != "train"
            name, epochs = f"{'taught' if is_taught else 'plain'}-{seed}", fewer if is_taught else asked.epochs
            more = {"unlabelled": "test", "teacher": TEACHERS} if is_taught else {}
            cpu_s = made(data, name, views, seed=seed, epochs=epochs, **how, **more)
            blend = ek.blend([*TEACHERS, name], name=f"with-{name}", replace=True, quiet=True)
            tests[what].append(measuring.accuracy_on_test(name, labels))
            blended = measuring.submission_accuracy(blend.submission_path, labels)
            print(
                f"| {seed} | {what} | {epochs} | {cpu_s:.0f} | {accuracy_on_val(name):.3f} | {tests[what][-1]:.3f} "
                f"| {agreement(name, 'val'):.3f} | {agreement(name, 'test'):.3f} "
                f"| {blend.honest_accuracy:.3f} | {blended:.3f} |",
                flush=True,
            )
    print("\n" + "; ".join(f"{what}: test {measuring.spread(found)}" for what, found in tests.items()))


def made(data, name, views, **how):
    """Train a member and compute its views unless it is there; return the CPU seconds of training, 0 if it was."""
    if name in store.list_members(Path("predictions")):
        return 0.0
    began = time.process_time()
    ek.train(data, name=name, quiet=True, **how)
    cpu_s = time.process_time() - began
    ek.tta(f"runs/{name}", views, choose="equal", quiet=True)
    return cpu_s


def accuracy_on_val(name):
    """Accuracy of one member on val, views equally."""
    val = store.read_predictions(Path("predictions", name), "val")
    return float(np.mean(val.logits.astype(float).mean(axis=0).argmax(axis=1) == val.labels))


def agreement(name, split):
    """Share of a split's images that a member gives the class that its teachers' mean probabilities give."""
    logits = [store.read_predictions(Path("predictions", one), split).logits for one in (name, *TEACHERS)]
    logs = [one.astype(float).mean(axis=0) for one in logits]
    chances = [np.exp(one - one.max(axis=1, keepdims=True)) for one in logs]
    mine, *theirs = (one / one.sum(axis=1, keepdims=True) for one in chances)
    return float(np.mean(mine.argmax(axis=1) == np.mean(theirs, axis=0).argmax(axis=1)))


if __name__ == "__main__":
    main()
