"""Claim: greedy selection here takes a small part of the time of its peers, and picks the same members.

CPU time (`time.process_time`, all threads; one thread each, as OMP_NUM_THREADS=1) of selecting members
from probabilities in memory, ours with all its set-up. In every repeat the peer runs once, then ours as
often as fits into half a second, and their ratio is taken; shown are the median and (lowest to highest).
Pools: members 75 to 90 % right, their errors correlated by noise that all members of an image share.

    python bench/blend.py                                    every peer that is installed
    python bench/blend.py --peers autogluon --dtype float32
    python bench/blend.py --command                          `ek blend` whole, from start to CSV: under 8 s

The peers want other versions of things than the kit does, so they get an environment of their own:

    python3 -m venv ../peers
    ../peers/bin/pip install jaxtyping autogluon.core==1.6.3 hillclimbers==0.1.4
    ../peers/bin/pip install --no-deps phem==0.0.0.2       (what it pins is old, and not needed to select)
    ../peers/bin/python bench/blend.py
"""

import argparse
import contextlib
import functools
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from ensemble_kit.ensembling.weights.greedy import select
from ensemble_kit.metrics import measure

ROUNDS = 50
METRICS = ("accuracy", "log-loss")
SHAPES = {  # members, images, classes: how many times as fast as AutoGluon we want to be
    (20, 300, 10): {"accuracy": 100, "log-loss": 300},
    (100, 5_000, 10): {"accuracy": 40, "log-loss": 100},
    (20, 50_000, 10): {"accuracy": 20, "log-loss": 60},
    (20, 5_000, 1_000): {"accuracy": 50, "log-loss": 1_000},
}
OTHERS_WANTED = 25  # how many times as fast as hillclimbers and phem
BINARY = ((20, 300), (20, 5_000))  # hillclimbers blends columns: one probability a member and image
OURS_S = 0.5
TEST_AND_VAL = {"val": 300, "test": 500}


def pool(members, images, classes, dtype, seed=0, shared=0.7):
    """Probabilities (members, images, classes) and labels; `shared` of the noise is common to all members."""
    random = np.random.default_rng(seed)
    labels, rows = random.integers(classes, size=images), np.arange(images)
    common = random.normal(size=(images, classes))
    probabilities = np.empty((members, images, classes), dtype=dtype)
    for member, right in enumerate(random.permutation(np.linspace(0.75, 0.90, members))):
        logits = np.sqrt(shared) * common + np.sqrt(1 - shared) * random.normal(size=(images, classes))
        at_label = logits[rows, labels]
        logits[rows, labels] = -np.inf
        lacks = logits.max(axis=1) - at_label  # what the label needs to win; enough for so many images
        logits[rows, labels] = at_label + np.quantile(lacks, right)
        odds = np.exp(2.5 * (logits - logits.max(axis=1, keepdims=True)))
        probabilities[member] = odds / odds.sum(axis=1, keepdims=True)
    return probabilities, labels


def timed(work):
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found


def compare(theirs, ours, repeats):
    """Seconds of both (medians), the ratios, and what both found."""
    times = []
    for _ in range(repeats):
        their_s, their_picks = timed(theirs)
        our_s, our_picks = timed(ours)
        again = max(0, min(200, int(OURS_S / max(our_s, 1e-9))) - 1)
        our_s = statistics.mean([our_s, *(timed(ours)[0] for _ in range(again))])
        times.append((their_s, our_s))
    ratios = [their_s / our_s for their_s, our_s in times]
    theirs_s, ours_s = (statistics.median(column) for column in zip(*times, strict=True))
    return theirs_s, ours_s, ratios, their_picks, our_picks


def row(shape, metric, rounds, wanted, measured, result):
    theirs_s, ours_s, ratios, *_ = measured
    enough = "" if statistics.median(ratios) >= wanted else " MISSED"
    spread = f"{statistics.median(ratios):,.0f} ({min(ratios):,.0f} to {max(ratios):,.0f})"
    cells = (" x ".join(f"{axis:,}" for axis in shape), metric, rounds, f"{theirs_s:.3f}", f"{1000 * ours_s:.2f}")
    print("| " + " | ".join(map(str, cells)), spread, f"{wanted:,}{enough}", result, sep=" | ", end=" |\n", flush=True)


def heading(peer, result):
    print(f"\n### {peer}\n\n| members x images x classes | metric | rounds | {peer} s | ours ms ", end="")
    print(f"| times as fast | wanted | {result} |\n|---|---|---|---|---|---|---|---|", flush=True)


def agreement(theirs, ours):
    """Whether both picked the same members in the same order, up to the best blend."""
    if theirs == ours:
        return f"yes, {len(ours)}"
    alike = next((place for place, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), None)
    return f"no, the first {min(len(theirs), len(ours)) if alike is None else alike}"


def against_autogluon(asked):
    """Same rule, same ties: the first of those that AutoGluon would draw from. Picks must agree."""
    from autogluon.core import metrics
    from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection

    class First:
        def choice(self, options):
            return options[0]

    def picks(probabilities, labels, metric):
        scorer = metrics.log_loss if metric == "log-loss" else metrics.accuracy
        chosen = EnsembleSelection(ROUNDS, "multiclass", scorer, random_state=First())
        return [int(member) for member in chosen.fit(list(probabilities), labels).indices_]

    heading("AutoGluon", "same picks")
    for shape, wanted in SHAPES.items():
        probabilities, labels = pool(*shape, asked.dtype)
        for metric in METRICS:
            measured = compare(
                functools.partial(picks, probabilities, labels, metric),
                functools.partial(select, probabilities, labels, metric, ROUNDS),
                asked.repeats,
            )
            row(shape, metric, ROUNDS, wanted[metric], measured, agreement(*measured[3:]))
            if measured[3] != measured[4]:
                sys.exit(f"Other members than AutoGluon's:\n{measured[3]}\n{measured[4]}")


def against_phem(asked):
    """Same search; of ties it takes any (here the first), in the blend or not, and it rounds nothing."""
    from phem.base_utils.metrics import make_metric
    from phem.methods.ensemble_selection import EnsembleSelection
    from sklearn import metrics

    class First(np.random.RandomState):
        def choice(self, options):
            return options[0]

    def picks(probabilities, labels, metric):
        if metric == "accuracy":
            scorer = make_metric(metrics.accuracy_score, metric, True, True, True, 1)
        else:
            loss = functools.partial(metrics.log_loss, labels=np.arange(probabilities.shape[2]))
            scorer = make_metric(loss, metric, False, True, False, 0, requires_confidences=True)
        chosen = EnsembleSelection([None] * len(probabilities), ROUNDS, scorer, n_jobs=1, random_state=First(0))
        return [int(member) for member in chosen.ensemble_fit(list(probabilities), labels).indices_]

    heading("phem", "same picks")
    for shape in SHAPES:
        probabilities, labels = pool(*shape, asked.dtype)
        for metric in METRICS:
            measured = compare(
                functools.partial(picks, probabilities, labels, metric),
                functools.partial(select, probabilities, labels, metric, ROUNDS),
                asked.repeats,
            )
            row(shape, metric, ROUNDS, OTHERS_WANTED, measured, agreement(*measured[3:]))


def against_hillclimbers(asked):
    """Another search: 50 weights a member, each member once; ours gets as many rounds as try as many blends."""
    import pandas as pd
    from hillclimbers import climb_hill
    from sklearn import metrics

    tried = 0

    def accuracy_score(labels, chances):
        nonlocal tried
        tried += 1
        return metrics.accuracy_score(labels, chances > 0.5)

    def log_loss(labels, chances):
        nonlocal tried
        tried += 1
        return metrics.log_loss(labels, chances)

    def climb(frame, truth, metric):
        nonlocal tried
        tried = 0
        rule, objective = (log_loss, "minimize") if metric == "log-loss" else (accuracy_score, "maximize")
        with contextlib.redirect_stdout(io.StringIO()):
            _, blend = climb_hill(
                truth, frame, frame, "label", objective, functools.partial(rule), plot_hill=False, return_oof_preds=True
            )
        return blend

    heading("hillclimbers", "blends tried, metric reached by it / by us")
    for members, images in BINARY:
        probabilities, labels = pool(members, images, 2, asked.dtype)
        frame = pd.DataFrame(probabilities[:, :, 1].T, columns=[f"member-{place}" for place in range(members)])
        truth = pd.DataFrame({"label": labels})
        for metric in METRICS:
            climb(frame, truth, metric)
            rounds = -(-tried // members)
            measured = compare(
                functools.partial(climb, frame, truth, metric),
                functools.partial(select, probabilities, labels, metric, rounds),
                asked.repeats,
            )
            *_, theirs, picks = measured
            blends = np.stack([1 - theirs, theirs], axis=1), probabilities[picks].mean(axis=0, dtype=np.float64)
            reached = " / ".join(f"{measure(metric, blend, labels):.4f}" for blend in blends)
            row((members, images, 2), metric, rounds, OTHERS_WANTED, measured, f"{tried:,}, {reached}")


def the_command(repeats):
    """Time `ek blend` on 20 members x 300 val and 500 test images, honest figures included, in fresh processes."""
    from ensemble_kit.storage.members import members as store
    from ensemble_kit.types import Predictions

    parts = {split: pool(20, images, 10, np.float32, seed) for seed, (split, images) in enumerate(TEST_AND_VAL.items())}
    classes = tuple(f"class-{place}" for place in range(10))
    with tempfile.TemporaryDirectory() as folder:
        for member in range(20):
            name = f"member-{member:02d}"
            brought = {
                split: Predictions(
                    name,
                    split,
                    ("identity",),
                    tuple(f"{split}-{place:03d}.png" for place in range(len(labels))),
                    classes,
                    np.log(probabilities[member])[None],
                    labels if split == "val" else None,
                )
                for split, (probabilities, labels) in parts.items()
            }
            manifest = store.Manifest(name=name, arch="imported", source="imported", classes=classes)
            store.write_member(Path(folder, "predictions"), manifest, brought)
        command = [sys.executable, "-m", "ensemble_kit", "blend", "--quiet"]
        here = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            subprocess.run(command, cwd=folder, env=here, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - began)
    print(
        f"\n`ek blend`, 20 members x 300 val images, start to CSV: median {statistics.median(seconds):.1f} s ", end=""
    )
    print(f"({min(seconds):.1f} to {max(seconds):.1f})")


PEERS = {"autogluon": against_autogluon, "phem": against_phem, "hillclimbers": against_hillclimbers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64", help="of the probabilities")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--command", action="store_true", help="time the whole command instead")
    asked = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, one thread, numpy {np.__version__}, {asked.dtype}, ", end="")
    print(f"{asked.repeats} repeats, Python {platform.python_version()}")
    if asked.command:
        the_command(asked.repeats)
        return
    for name in asked.peers:
        try:
            PEERS[name](asked)
        except ImportError as error:
            print(f"\n{name} is left out: {error}. The head of this file says how to install it.")


if __name__ == "__main__":
    main()
