"""Claim: `ek auto` mirrors images only where its trial shows that little is lost.

Where left and right tell classes apart, it never does. Runs the trial on all of train or so many images a class,
drawn anew each seed, and on drawn shapes: six classes that are three left/right pairs.

    python bench/flip_trial.py simpsons28 gtsrb-arrows imagenette --seeds 3
"""

import argparse
from pathlib import Path

import measuring
import numpy as np

from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.images.splits import DataSet, Split
from ensemble_kit.pipeline.auto.flip_test import try_flips
from ensemble_kit.pipeline.inputs import DecodedImages, open_images

SIDE_PX, SECONDS = 28, 600.0


def shape(kind, random):
    """An arrow, an L or an open circle that points to the right, in a colour, somewhere, on noise."""
    down, along = np.mgrid[:SIDE_PX, :SIDE_PX] - random.integers(10, 18, size=2)[:, None, None]
    size = random.integers(6, 9)
    if kind == 0:
        seen = (abs(down) <= 2) & (abs(along) <= size) | (along >= 0) & (along + abs(down) <= size)
    elif kind == 1:
        seen = (abs(down) <= size) & (abs(along + size // 2) <= 1) | (abs(down - size) <= 1) & (abs(along) <= size // 2)
    else:
        seen = (down**2 + along**2 <= size**2) & ((along < 0) | (abs(down) > along))
    colour = random.integers(120, 256, 3)[:, None, None]
    return np.where(seen, colour, random.integers(0, 120, (3, SIDE_PX, SIDE_PX))).astype(np.uint8)


def pairs(each, seed):
    """Six classes: each of the three shapes as it is, and mirrored."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), each)
    pixels = np.stack([shape(label // 2, random)[..., :: 1 - 2 * (label % 2)] for label in labels])
    return decoded(
        pixels, labels, [f"{row:05d}" for row in range(len(labels))], [f"class {place}" for place in range(6)]
    )


def some(whole, each, seed):
    """So many images of each class; 0: all."""
    train = whole.split("train")
    if not each:
        return whole
    random = np.random.default_rng(seed)
    rows = np.concatenate(
        [random.permutation(np.flatnonzero(train.labels == label))[:each] for label in np.unique(train.labels)]
    )
    return decoded(
        whole.images["train"][rows], train.labels[rows], [train.ids[row] for row in rows], whole.data.classes
    )


def decoded(pixels, labels, ids, classes):
    split = Split(tuple(ids), tuple(map(Path, ids)), labels, None)
    return DecodedImages(DataSet(tuple(classes), {"train": split}), SIDE_PX, {"train": pixels}, {})


def row(title, sets):
    """One line: all seeds of one set."""
    found = [try_flips(each, SECONDS, "cpu") for each in sets]
    accuracy, mirrored = ([one[place] for one in found] for place in (1, 2))
    bounds = " ".join("-" if one.lost_at_most is None else f"{one.lost_at_most:.2f}" for one in found)
    verdicts = " ".join(one.verdict for one in found)
    print(
        f"| {title} | {found[0].images} | {measuring.spread(accuracy)} | {measuring.spread(mirrored)} | {bounds} | "
        f"{verdicts} | {sum(one.verdict == 'harmless' for one in found)} of {len(found)} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--each", type=int, nargs="+", default=[8, 0], help="Images a class; 0: all.")
    asked = parser.parse_args()
    print(f"{measuring.machine()}\n")
    print("| set | held out | right | right, mirrored | lost at most | verdict | mirrored |")
    print("|---|---|---|---|---|---|---|")
    row("drawn pairs, 8 a class", [pairs(8, seed) for seed in range(asked.seeds)])
    for folder in asked.data:
        whole = open_images(Source(data=folder), SIDE_PX, Path(".ek/cache"), RunContext(quiet=True))
        for each in asked.each:
            title = f"{folder.name}, {f'{each} a class' if each else 'all'}"
            row(title, [some(whole, each, seed) for seed in range(asked.seeds if each else 1)])


if __name__ == "__main__":
    main()
