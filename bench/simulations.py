"""Claim: intervals of `ek blend` hold the truth in 93 to 99 of 100 val sets, in every metric, of however few groups.

Synthetic members, logits = 2 * (strength * label + what members share + their own noise), 10 classes. A row is a
kind of pool: its size, its groups (of which each has noise of its own and is easier or harder), rare classes (shares
from 25 % down to 0.7 %), members whose logits are in other units, a hopeless member. For each seed one val set is
tuned and cross-fitted as by `ek blend`, and 20,000 fresh images, of fresh groups, tell what is true. Printed: test
accuracy of the best single, of equal weights and of the blend; how often the intervals of the honest score, of the
gain over equal weights and of that over the best single hold the truth, and their mean width (points; 0.01 nats);
and the optimism that is said and that is true.

    python bench/simulations.py [--seeds 200] [--rows mixed-300 groups-6 ...] [--weights auto greedy]

One process, one core; 200 seeds of a row take 1 to 6 minutes.
"""

import argparse
import os
import time
from collections.abc import Sequence
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import blended, val_and_test

from ensemble_kit.ensembling.evaluation import compare_scored
from ensemble_kit.ensembling.statistics.paired_tests import PSEUDO_SHARE
from ensemble_kit.metrics import METRICS
from ensemble_kit.types import Pool

TEST, CLASSES, GROUP = 20_000, 10, 10
RARE = np.array([0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05, 0.03, 0.013, 0.007])


class Row(NamedTuple):
    """Members by strength, what they share, their own noise; groups: 0 for none; units: of logits."""

    strengths: tuple[float, ...]
    shared: float
    own: float
    images: int
    groups: int = 0
    rare: bool = False
    units: tuple[float, ...] = ()


MIXED, SIMILAR = ((1.8, 2.6, 3.6), 0.8, 1.0), ((3.0, 3.0, 3.0), 0.9, 0.9)
ROWS = {
    **{f"mixed-{images}": Row(*MIXED, images) for images in (60, 100, 300, 1000)},
    **{f"similar-{images}": Row(*SIMILAR, images) for images in (60, 100, 300, 1000)},
    **{f"groups-{groups}": Row(*MIXED, 300, groups) for groups in (4, 6, 10, 20, 50, 300)},
    **{f"rare-{images}": Row(*MIXED, images, rare=True) for images in (100, 300)},
    "units-300": Row(*MIXED, 300, units=(100.0, 1e4, 0.005)),
    **{f"hopeless-{images}": Row((0.2, 3.0), 0.5, 1.0, images) for images in (100, 300, 1000)},
}


def draw(row: Row, seed: int) -> tuple[Pool, Pool]:
    """Return val and test of one seed."""
    random = np.random.default_rng([seed, row.images, row.groups, int(row.rare), len(row.strengths)])
    images = row.images + TEST
    labels = random.choice(CLASSES, size=images, p=RARE if row.rare else None)
    noise, strength = row.shared * random.normal(size=(images, CLASSES)), np.tile(row.strengths, (images, 1))
    groups = None
    if row.groups:
        fresh = row.groups + np.repeat(np.arange(TEST // GROUP), GROUP)
        groups = np.concatenate([random.integers(row.groups, size=row.images), fresh])
        noise += 0.6 * random.normal(size=(groups.max() + 1, CLASSES))[groups]
        strength = np.maximum(strength + 0.6 * random.normal(size=groups.max() + 1)[groups, None], 0)
    logits = [
        2 * (strength[:, [m]] * np.eye(CLASSES)[labels] + noise + row.own * random.normal(size=(images, CLASSES)))
        for m in range(len(row.strengths))
    ]
    logits = [unit * each for unit, each in zip(row.units or np.ones(len(logits)), logits, strict=True)]

    return val_and_test(logits, labels, row.images, seed, groups)


class Held(NamedTuple):
    """Whether an interval holds the truth, and how wide it is."""

    holds: bool
    width: float


class Seed(NamedTuple):
    """What one seed shows: test accuracies, intervals by (metric, of what), optimism said and true."""

    tests: dict[str, float]
    held: dict[tuple[str, str], Held]
    optimism: tuple[float, float]


def one_seed(row: Row, weights: str, seed: int) -> Seed:
    """Tune and cross-fit on val as the command does, and see on test what is true."""
    val, test = draw(row, seed)
    seen, honest, true = blended(val, test, weights)
    held = {}
    for metric in METRICS:
        truth = {key: scored.score(metric) for key, scored in true.items()}
        for baseline in ("equal", "single"):
            found = compare_scored(honest["this"], honest[baseline], metric, val.groups, pseudo_share=PSEUDO_SHARE)
            held[metric, baseline] = _held(found.interval, truth["this"] - truth[baseline])
        held[metric, "score"] = _held(honest["this"].score_interval(metric, val.groups), truth["this"])
    optimism = seen - honest["this"].accuracy, seen - true["this"].accuracy
    return Seed({key: scored.accuracy for key, scored in true.items()}, held, optimism)


def _held(interval: tuple[float, float], truth: float) -> Held:
    return Held(interval[0] - 1e-12 <= truth <= interval[1] + 1e-12, interval[1] - interval[0])


def line(name: str, weights: str, seeds: int) -> str:
    """Return one line of the table."""
    began = time.process_time()
    found = [one_seed(ROWS[name], weights, seed) for seed in range(seeds)]
    tests = [100 * float(np.mean([one.tests[key] for one in found])) for key in ("single", "equal", "this")]
    cells = [name, weights, " / ".join(f"{each:.2f}" for each in tests)]
    cells += [
        _shares([[one.held[metric, of] for one in found] for of in ("score", "equal", "single")]) for metric in METRICS
    ]
    said, true = (100 * float(np.mean([one.optimism[side] for one in found])) for side in (0, 1))
    cells += [f"{said:.2f} / {true:.2f}", f"{time.process_time() - began:.0f}"]
    return f"| {' | '.join(cells)} |"


def _shares(columns: Sequence[Sequence[Held]]) -> str:
    """Return how many of 100 intervals hold, and their width: of the score, the gains over equal and single."""
    holds = " ".join(f"{100 * np.mean([one.holds for one in column]):.0f}" for column in columns)
    return f"{holds} ({' '.join(f'{100 * np.mean([one.width for one in column]):.1f}' for column in columns)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--weights", nargs="+", default=["auto"])
    asked = parser.parse_args()
    titles = ("row", "weights", "test: single / equal / this", *METRICS, "optimism said / true", "CPU s")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for name in asked.rows:
        for weights in asked.weights:
            print(line(name, weights, asked.seeds), flush=True)


if __name__ == "__main__":
    main()
