"""Claim: of two that are equally good `ek compare` calls one better in at most 5 of 100 val sets.

Drawn members, all of one strength, 10 classes, 300 val images; both sides are cross-fitted as `ek compare` does. Shown:
how often a side is called better at 5 % (p below 0.05 and an interval without 0), how often the 95 % interval holds 0,
and its mean width (points; 0.01 nats).

    python bench/equally_good.py [--seeds 200]

One process, one core; about ten minutes for 200 seeds.
"""

import argparse
import os
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import val_and_test

from ensemble_kit.ensembling.evaluation import Scored, compare_scored, cross_fit
from ensemble_kit.ensembling.tuning import tune

IMAGES, CLASSES = 300, 10


class Row(NamedTuple):
    """Two sides of so many members each, how their weights are found, the metric, and groups; 0: none."""

    members: int
    weights: str
    metric: str = "accuracy"
    groups: int = 0


ROWS = {
    "member and member": Row(1, "equal"),
    "the same, 60 groups": Row(1, "equal", groups=60),
    "the same, 20 groups": Row(1, "equal", groups=20),
    "the same, 6 groups": Row(1, "equal", groups=6),
    "member and member, macro F1": Row(1, "equal", "macro-f1"),
    "member and member, log loss": Row(1, "equal", "log-loss"),
    "auto of 4 and auto of 4 others": Row(4, "auto"),
    "greedy of 4 and greedy of 4 others": Row(4, "greedy"),
    "auto of 2 and auto of 2 others, log loss": Row(2, "auto", "log-loss"),
}


def sides(row: Row, seed: int) -> tuple[Scored, Scored, tuple[str, ...] | None]:
    """Return both sides, cross-fitted on the same folds, and the groups of the images."""
    random = np.random.default_rng([seed, *map(ord, row.weights + row.metric), row.members, row.groups])
    labels, groups = random.integers(CLASSES, size=IMAGES), None
    noise = 0.8 * random.normal(size=(IMAGES, CLASSES))
    logits = [noise + random.normal(size=noise.shape) + 2.5 * np.eye(CLASSES)[labels] for _ in range(2 * row.members)]
    if row.groups:  # images of a group are mistaken together, by each member otherwise
        groups = random.integers(row.groups, size=IMAGES)
        logits = [each + 0.8 * random.normal(size=(row.groups, CLASSES))[groups] for each in logits]
    scored = []
    for half in (logits[: row.members], logits[row.members :]):
        val = val_and_test([2 * each for each in half], labels, IMAGES, seed, groups)[0]
        made = cross_fit(val, {"it": lambda pool: tune(pool, "logit-sum", row.weights, ["none"] * row.members)})
        scored.append(made["it"])
    return scored[0], scored[1], val.groups


def line(name: str, seeds: int) -> str:
    """Return one line of the table."""
    row, found = ROWS[name], []
    for seed in range(seeds):
        first, second, groups = sides(row, seed)
        found.append(compare_scored(first, second, row.metric, groups))
    held = [one.interval[0] <= 0 <= one.interval[1] for one in found]
    better = [one.p < 0.05 and not holds for one, holds in zip(found, held, strict=True)]
    width = np.mean([one.interval[1] - one.interval[0] for one in found])
    return f"| {name} | {seeds} | {100 * np.mean(better):.1f} % | {100 * np.mean(held):.1f} % | {100 * width:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print("| sides | seeds | called better | interval holds 0 | width |\n|---|---|---|---|---|")
    for name in ROWS:
        print(line(name, seeds), flush=True)


if __name__ == "__main__":
    main()
