"""Claim: `--weights auto` costs next to nothing beside a hopeless member, and keeps its gains among useful ones.

Synthetic members of a wanted accuracy, logits = 2 * (strength * label + noise), part of the noise
common to all; one seed a row of val (100, 300 or 1,000 images) and test (20,000). Shown are mean test
accuracies of the best single member, chosen on val, of equal weights and of auto, what auto gains over
both in points with its standard error over seeds, and the mean weight of the weakest member.

    python bench/hopeless.py [--seeds 200] [--pools hopeless weak ...] [--val 100 300 1000] [--method logit-sum]

One process, one core; 200 seeds of a row take half a minute to two.
"""

import argparse
import os
import time
from functools import cache
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import val_and_test

from ensemble_kit.ensembling.combining import predict
from ensemble_kit.ensembling.tuning import best_single, tune
from ensemble_kit.types import Pool

TEST, DRAWN = 20_000, 20_000


class Recipe(NamedTuple):
    """Members by how often they are right, their classes, and the share of noise that all have in common."""

    right: tuple[float, ...]
    classes: int
    shared: float


POOLS = {
    "hopeless": Recipe((0.12, 0.75), 100, 0.5),
    "hopeless-0.3": Recipe((0.12, 0.75), 100, 0.3),
    "weak": Recipe((0.53, 0.91), 10, 0.5),
    "weak-0.3": Recipe((0.53, 0.91), 10, 0.3),
    "weak-0": Recipe((0.53, 0.91), 10, 0.0),
    "two-similar": Recipe((0.85, 0.85), 10, 0.5),
    "two-close": Recipe((0.82, 0.87), 10, 0.8),
    "five-mixed": Recipe((0.6, 0.7, 0.8, 0.85, 0.9), 10, 0.5),
    "five-similar": Recipe((0.85,) * 5, 10, 0.5),
    "twenty-mixed": Recipe(tuple(np.linspace(0.5, 0.9, 20)), 10, 0.5),
    "twenty-similar": Recipe((0.85,) * 20, 10, 0.5),
}


@cache
def strength(right: float, classes: int) -> float:
    """Return by how many standard deviations the label must lead to win so often."""
    random = np.random.default_rng(0)
    others = random.normal(size=(DRAWN, classes - 1)).max(axis=1)
    return float(np.quantile(others - random.normal(size=DRAWN), right))


def draw(recipe: Recipe, images: int, seed: int) -> tuple[Pool, Pool]:
    """Return val and test of one seed."""
    random = np.random.default_rng([seed, len(recipe.right), recipe.classes])
    shape = (images + TEST, recipe.classes)
    labels = random.integers(recipe.classes, size=shape[0])
    common = np.float32(np.sqrt(recipe.shared)) * random.standard_normal(shape, dtype=np.float32)
    logits = []
    for right in recipe.right:
        noise = common + np.float32(np.sqrt(1 - recipe.shared)) * random.standard_normal(shape, dtype=np.float32)
        noise[np.arange(shape[0]), labels] += strength(right, recipe.classes)
        logits.append(2 * noise)
    return val_and_test(logits, labels, images, seed)


def one_seed(recipe: Recipe, images: int, method: str, seed: int) -> list[float]:
    """Return test accuracy of the best single member, of equal weights and of auto, and the weakest one's weight."""
    val, test = draw(recipe, images, seed)
    choices = ["none"] * len(val.members)
    auto = tune(val, method, "auto", choices)
    tuned = best_single(val, method, choices), tune(val, method, "equal", choices), auto
    return [*(float((predict(test, one) == test.labels).mean()) for one in tuned), float(auto.weights[0])]


def row(pool: str, images: int, seeds: int, method: str) -> str:
    """Return one line of the table."""
    began = time.process_time()
    found = np.array([one_seed(POOLS[pool], images, method, seed) for seed in range(seeds)])
    single, equal, auto, weight = found.T

    def gain(baseline: np.ndarray) -> str:
        difference = 100 * (auto - baseline)
        return f"{difference.mean():+.2f} ({difference.std(ddof=1) / np.sqrt(seeds):.2f})"

    cells = [
        pool,
        f"{images:,}",
        f"{100 * single.mean():.2f} / {100 * equal.mean():.2f} / {100 * auto.mean():.2f}",
        gain(single),
        gain(equal),
        f"{weight.mean():.3f}",
        f"{time.process_time() - began:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--pools", nargs="+", default=list(POOLS), choices=list(POOLS))
    parser.add_argument("--val", nargs="+", type=int, default=[100, 300, 1000])
    parser.add_argument("--method", default="logit-sum")
    asked = parser.parse_args()
    titles = (
        "pool",
        "val",
        "test: single / equal / auto",
        "auto over single (error)",
        "auto over equal (error)",
        "weight of the weakest",
        "CPU s",
    )
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for pool in asked.pools:
        for images in asked.val:
            print(row(pool, images, asked.seeds, asked.method), flush=True)


if __name__ == "__main__":
    main()
