"""Claim: intervals of `ek blend` hold on predictions of networks too, with temperatures or without.

Members are trained on a set (or are there already); their labelled val and test are one pool, of which 300 images are
drawn as val again and again, and the rest is the truth. Since the rest is a sample too, an interval holds where the
score of the rest is within it, widened by the standard error of the rest. Shown for blends by auto, by equal weights
with temperatures and without, and for the best single member: how often the interval of the honest accuracy and that
of the gain over the best single hold, and the mean of what the rest has right beyond the honest estimate (points).

    python bench/real_coverage.py /data/simpsons28 --labels simpsons28-test-labels.csv --work FOLDER [--draws 200]

Training takes about five minutes on two cores, 200 draws two.
"""

import argparse
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from measuring import machine, trained, truth, work_in
from pools import val_and_test

from ensemble_kit.ensembling.evaluation import compare_scored, cross_fit, evaluate
from ensemble_kit.ensembling.statistics import PSEUDO_SHARE, SURE
from ensemble_kit.ensembling.tuning import best_single, tune
from ensemble_kit.storage.members import read_predictions

IMAGES = 300
MEMBERS = {
    "mlp": {"arch": "mlp", "epochs": 15},
    "cnn-plain": {"arch": "cnn", "recipe": "assignment", "epochs": 15},
    "cnn-strong": {"arch": "cnn", "epochs": 15},
    "cnn-strong-2": {"arch": "cnn", "epochs": 15, "seed": 1},
}


def predictions(name: str, labels: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the member's logits of val and test, identity alone, and the labels as places."""
    val, test = (read_predictions(Path("predictions", name), split) for split in ("val", "test"))
    assert val.labels is not None
    places = [val.classes.index(labels[image]) for image in test.ids]
    return np.concatenate([val.logits[0], test.logits[0]]), np.concatenate([val.labels, places])


def one_draw(logits: list[np.ndarray], labels: np.ndarray, seed: int) -> dict[str, tuple[bool, bool, float]]:
    """Return for each way whether the intervals of accuracy and of the gain hold, and what the rest has more."""
    order = np.random.default_rng(seed).permutation(len(labels))
    val, rest = val_and_test([each[order] for each in logits], labels[order], IMAGES, seed)
    views = ["none"] * len(logits)
    ways = {
        "auto": partial(tune, method="logit-sum", weights="auto", view_choices=views),
        "equal": partial(tune, method="logit-sum", weights="equal", view_choices=views),
        "equal, no temperatures": partial(
            tune, method="logit-sum", weights="equal", view_choices=views, temperatures="none"
        ),
        "best single": partial(best_single, method="logit-sum", view_choices=views),
    }
    honest, true = cross_fit(val, ways), {way: evaluate(rest, made(val)) for way, made in ways.items()}
    single, found = true["best single"], {}
    for way in ways:
        gain = compare_scored(honest[way], honest["best single"], "accuracy", pseudo_share=PSEUDO_SHARE)
        nets = (true[way].correct.astype(float) - single.correct)[0]
        found[way] = (
            holds(honest[way].interval(), true[way].correct[0].astype(float)),
            holds(gain.interval, nets),
            true[way].accuracy - honest[way].accuracy,
        )
    return found


def holds(interval: tuple[float, float], rest: np.ndarray) -> bool:
    """Return whether the mean of the rest is where 95 of 100 means of such a rest are, of an interval that holds."""
    middle, half = sum(interval) / 2, (interval[1] - interval[0]) / 2
    return bool(abs(rest.mean() - middle) <= np.hypot(half, SURE * rest.std() / np.sqrt(len(rest))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=200)
    asked = parser.parse_args()
    data, known = asked.data.resolve(), truth(asked.labels)
    work_in(asked.work)
    for name, how in MEMBERS.items():
        trained(data, name, size=28, quiet=True, **how)
    both = [predictions(name, known) for name in MEMBERS]
    logits, labels = [each for each, _ in both], both[0][1]
    draws = [one_draw(logits, labels, seed) for seed in range(asked.draws)]
    print(machine())
    print(
        f"| of {IMAGES} of {len(labels)} | accuracy held | gain held | rest beyond honest, points |\n|---|---|---|---|"
    )
    for way in draws[0]:
        accuracy, gain, beyond = np.array([draw[way] for draw in draws], dtype=float).T
        cells = f"{accuracy.sum():.0f} of {len(draws)} | {gain.sum():.0f} of {len(draws)} | {100 * beyond.mean():+.2f}"
        print(f"| {way} | {cells} |")


if __name__ == "__main__":
    main()
