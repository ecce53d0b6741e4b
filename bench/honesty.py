"""Claim: what `ek blend` says of a blend on 300 val images is true of 20,000 it has not seen.

Synthetic members, logits = strength * label + what members share + their own noise, 10
classes, one seed a row of val and test. Counted over seeds, for each pool and way: how often
the 95 % intervals of honest accuracy and of the gain over equal weights hold the truth, how
wide they are (mean width) against Wilson's and against the paired Wald interval, of the same
predictions and at the true rates, and the mean optimism that is printed and that is true.

    python bench/honesty.py [--seeds 200] [--pools mixed noise ...] [--ways auto greedy ...]

One process, one core; 200 seeds of a pool and way take 1 to 10 minutes.
"""

import argparse
import os
import time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import blended, val_and_test

from ensemble_kit.ensembling.evaluation import Scored, compare_scored
from ensemble_kit.ensembling.statistics.intervals import wilson
from ensemble_kit.ensembling.statistics.paired_tests import PSEUDO_SHARE, SURE
from ensemble_kit.types import Pool

VAL, TEST, CLASSES = 300, 20_000, 10


class Recipe(NamedTuple):
    """Members by their strengths, how much they share, and how much noise is their own."""

    strengths: tuple[float, ...]
    shared: float
    own: float


POOLS = {
    "mixed": Recipe(tuple(np.linspace(1.5, 3.6, 8)), 0.8, 1.0),
    "similar": Recipe((3.0,) * 8, 0.9, 0.9),
    "noise": Recipe((3.2,) * 50, 1.3, 0.5),
    "weak-strong": Recipe((1.3, 3.9), 0.5, 1.0),
}


def draw(recipe: Recipe, seed: int) -> tuple[Pool, Pool]:
    """Return val and test of one seed."""
    random = np.random.default_rng([seed, len(recipe.strengths), int(1000 * recipe.shared)])
    images = VAL + TEST
    labels = random.integers(CLASSES, size=images)
    truth, shared = np.eye(CLASSES)[labels], random.normal(size=(images, CLASSES))
    logits = [
        (2 * (s * truth + recipe.shared * shared + recipe.own * random.normal(size=(images, CLASSES)))).astype("f4")
        for s in recipe.strengths
    ]
    return val_and_test(logits, labels, VAL, seed)


class Seed(NamedTuple):
    """What one seed says, and what is true."""

    honest_holds: bool
    honest_width: float
    gain_holds: bool
    gain_width: float
    wald_width: float
    true_wald_width: float
    optimism: float
    true_optimism: float
    significant: bool
    tests: dict[str, float]


def one_seed(recipe: Recipe, way: str, seed: int) -> Seed:
    """Tune on val as the command does, and see on test what is true."""
    val, test = draw(recipe, seed)
    seen, honest, true = blended(val, test, way)
    low, high = honest["this"].interval()
    gain = compare_scored(honest["this"], honest["equal"], "accuracy", pseudo_share=PSEUDO_SHARE)
    true_gain = true["this"].accuracy - true["equal"].accuracy
    plain = wilson(honest["this"].accuracy * VAL, VAL)
    return Seed(
        honest_holds=low <= true["this"].accuracy <= high,
        honest_width=(high - low) / (plain[1] - plain[0]),
        gain_holds=gain.interval[0] <= true_gain <= gain.interval[1],
        gain_width=gain.interval[1] - gain.interval[0],
        wald_width=_wald_width(honest["this"], honest["equal"]),
        true_wald_width=_wald_width(true["this"], true["equal"]),
        optimism=seen - honest["this"].accuracy,
        true_optimism=seen - true["this"].accuracy,
        significant=gain.p < 0.05,
        tests={key: scored.accuracy for key, scored in true.items()},
    )


def _wald_width(first: Scored, second: Scored) -> float:
    """Return the width of the paired Wald interval of 300 images, at the rates of these predictions."""
    only_first = float((first.correct & ~second.correct).mean())
    only_second = float((second.correct & ~first.correct).mean())
    spread = only_first + only_second - (only_first - only_second) ** 2
    return float(2 * SURE * np.sqrt(spread / VAL))


def row(pool: str, way: str, seeds: int) -> str:
    """Return one line of the table."""
    began = time.process_time()
    found = [one_seed(POOLS[pool], way, seed) for seed in range(seeds)]

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in found]))

    holds = sum(one.honest_holds for one in found), sum(one.gain_holds for one in found)
    tests = {key: 100 * float(np.mean([one.tests[key] for one in found])) for key in ("single", "equal", "this")}
    gain = mean("gain_width")
    cells = [
        pool,
        way,
        f"{tests['single']:.2f} / {tests['equal']:.2f} / {tests['this']:.2f}",
        f"{holds[0]} of {seeds}",
        f"{mean('honest_width'):.2f}",
        f"{holds[1]} of {seeds}",
        f"{gain / mean('wald_width'):.2f}, {gain / mean('true_wald_width'):.2f}",
        f"{100 * mean('optimism'):.2f} / {100 * mean('true_optimism'):.2f}",
        f"{100 * mean('significant'):.1f} %",
        f"{time.process_time() - began:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--pools", nargs="+", default=list(POOLS), choices=list(POOLS))
    parser.add_argument("--ways", nargs="+", default=["auto", "greedy", "accuracy"])
    asked = parser.parse_args()
    titles = (
        "pool",
        "weights",
        "test: single / equal / this",
        "accuracy held",
        "width / Wilson",
        "gain held",
        "width / Wald: same, true",
        "optimism said / true, points",
        "p < 0.05",
        "CPU s",
    )
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for pool in asked.pools:
        for way in asked.ways:
            print(row(pool, way, asked.seeds), flush=True)


if __name__ == "__main__":
    main()
