"""Claim: of the labels named as many are wrong as is said, and where none can be shown to be, none is named.

Flips a known share of val's labels to any other class and looks for them, 20 draws a row. Synthetic: chances that mean
what they say, of networks that are right so often, 300 images, 10 classes; members: cross-fitted blends of what lies
in a folder of members. "cleanlab" is its confident learning on the same chances. Means over draws.

    python bench/label_errors.py --members predictions/toy cnn,cnn-augmented mlp
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from scipy.special import softmax

from ensemble_kit.ensembling.diagnostics.label_errors import find_label_errors
from ensemble_kit.ensembling.evaluation.cross_fitting import cross_fit_one
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.storage.members import members as store
from ensemble_kit.types import align

IMAGES, CLASSES = 300, 10
SHARPNESS = {0.6: 2.5, 0.7: 3.5, 0.8: 5.2, 0.9: 10.5, 0.95: 21.0, 0.98: 52.0}
NOISE = (0.0, 0.02, 0.05, 0.1)


def flip(labels, noise, classes, random):
    """The labels with a share of them moved to any other class, and which."""
    flipped = np.zeros(len(labels), dtype=bool)
    flipped[random.permutation(len(labels))[: round(noise * len(labels))]] = True
    return np.where(flipped, (labels + random.integers(1, classes, len(labels))) % classes, labels), flipped


def synthetic(accuracy, noise, seed):
    random = np.random.default_rng([seed, int(100 * accuracy)])
    chances = softmax(SHARPNESS[accuracy] * random.normal(size=(IMAGES, CLASSES)), axis=1)
    truth = (random.uniform(size=(IMAGES, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, CLASSES - 1)
    return chances, *flip(truth, noise, CLASSES, random)


def blended(folder, names, noise, seed):
    """What a blend of members says of val whose labels were flipped: weights and temperatures see the flips too."""
    held = store.read_members(folder, names, Path(".ek"), False)
    pool = align([member.split("val") for member in held])
    labels, flipped = flip(pool.labels, noise, len(pool.classes), np.random.default_rng(seed))
    views = [member.manifest.view_choice for member in held]
    procedure = partial(tune, method="logit-sum", weights="auto", view_choices=views)
    said = cross_fit_one(replace(pool, labels=labels), procedure, repeats=1)
    return said.shares, labels, flipped


def row(title, noise, draws):
    figures = []
    for chances, labels, flipped in draws:
        found = find_label_errors(chances, labels)
        peer = find_label_issues(labels, chances, filter_by="confident_learning", n_jobs=1)
        low, high = found.noise_interval
        right = (chances.argmax(axis=1) == labels).mean()
        ours = len(found.rows) > 0, len(found.rows), flipped[found.rows].sum(), found.expected
        figures.append((right, *ours, found.noise, low <= noise <= high, peer.sum(), (peer & flipped).sum()))
    right, speaks, named, wrong, expected, share, held, theirs, their_wrong = np.mean(figures, axis=0)
    print(
        f"| {title} | {100 * right:.0f} % | {100 * noise:.0f} % | {100 * speaks:.0f} % | {named:.1f} | {wrong:.1f} | "
        f"{expected:.1f} | {100 * share:.1f} % | {100 * held:.0f} % | {theirs:.1f} | {their_wrong:.1f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--members", nargs="+", default=[], metavar="FOLDER NAMES", help="a folder, then names of blends"
    )
    parser.add_argument("--draws", type=int, default=20)
    asked = parser.parse_args()
    print(
        "| of | right | flipped | speaks | named | of them wrong | expected | share found | held | cleanlab | wrong |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for accuracy in SHARPNESS:
        for noise in NOISE:
            row("synthetic", noise, [synthetic(accuracy, noise, seed) for seed in range(asked.draws)])
    folder, *blends = asked.members or [None]
    for names in blends:
        for noise in NOISE:
            draws = range(asked.draws if noise else 1)  # nothing is drawn where nothing is flipped
            row(names, noise, [blended(Path(folder), names.split(","), noise, seed) for seed in draws])


if __name__ == "__main__":
    main()
