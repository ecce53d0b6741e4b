"""Claim: `ek auto` never mirrors images where mirrored ones mean another class, and mirrors where training on them
costs nothing, unless the mirror images of two classes look like each other's, or there is too little to tell.

Runs the trial, in the time that it has of a budget of ten minutes, on so many images a class, taken anew each seed, and
on drawn images: capital letters, whose mirror images are none of the others, always drawn one way round and lit from
the left, so that a network which never saw a mirrored one errs on many; those letters beside S and Z, each of which
mirrored looks like the other, and beside one left/right pair, b and d; and six classes that are three such pairs.

    python bench/flip_trial.py simpsons28 gtsrb-arrows imagenette --seeds 10
"""

import argparse
from pathlib import Path

import measuring
import numpy as np

from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.images.splits import DataSet, Split
from ensemble_kit.pipeline.auto import flip_test
from ensemble_kit.pipeline.inputs import DecodedImages, open_images

SIDE_PX, SECONDS = 28, 24.0  # 4 % of ten minutes
LETTERS = {  # rows of five dots
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "G": "01110 10001 10000 10111 10001 10001 01110",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
    "b": "10000 10000 10110 11001 10001 10001 11110",
    "d": "00001 00001 01101 10011 10001 10001 01111",
}


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


def letter(name, random):
    """A letter three dots thick in a colour, somewhere, lit from the left, on noise."""
    dots = np.kron([[dot == "1" for dot in row] for row in LETTERS[name].split()], np.ones((3, 3))).astype(bool)
    top, left = (random.integers(0, SIDE_PX - side + 1) for side in dots.shape)
    seen = np.zeros((SIDE_PX, SIDE_PX), bool)
    seen[top : top + dots.shape[0], left : left + dots.shape[1]] = dots
    pixels = np.where(seen, random.integers(100, 256, 3)[:, None, None], 60) * np.linspace(1.2, 0.5, SIDE_PX)
    return np.clip(pixels + random.normal(0, 60, (3, SIDE_PX, SIDE_PX)), 0, 255).astype(np.uint8)


def pairs(each, seed):
    """Six classes: each of the three shapes as it is, and mirrored."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), each)
    pixels = np.stack([shape(label // 2, random)[..., :: 1 - 2 * (label % 2)] for label in labels])
    return numbered(pixels, labels, [f"class {place}" for place in range(6)])


def letters(names, each, seed):
    """So many images of each letter."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(names)), each)
    return numbered(np.stack([letter(names[label], random) for label in labels]), labels, names)


def some(whole, each, seed):
    """So many images of each class."""
    train, random = whole.split("train"), np.random.default_rng(seed)
    rows = np.concatenate(
        [random.permutation(np.flatnonzero(train.labels == label))[:each] for label in np.unique(train.labels)]
    )
    return decoded(
        whole.images["train"][rows], train.labels[rows], [train.ids[row] for row in rows], whole.data.classes
    )


def numbered(pixels, labels, classes):
    return decoded(pixels, labels, [f"{row:05d}" for row in range(len(labels))], classes)


def decoded(pixels, labels, ids, classes):
    split = Split(tuple(ids), tuple(map(Path, ids)), labels, None)
    return DecodedImages(DataSet(tuple(classes), {"train": split}), SIDE_PX, {"train": pixels}, {})


def row(title, sets):
    """One line: all seeds of one set."""
    found, turned = [], []

    def note(without, mirrored, mirror_images, labels, *more):
        turned.append(float((mirror_images.argmax(axis=1) == labels).mean()))
        return genuine(without, mirrored, mirror_images, labels, *more)

    genuine, flip_test.read_trial = flip_test.read_trial, note
    for seed, each in enumerate(sets):
        found.append(flip_test.try_flips(each, SECONDS, "cpu", seed=seed))
    flip_test.read_trial = genuine
    without, mirrored = ([one[place] for one in found] for place in (1, 2))
    bounds = " ".join("-" if one.lost_at_most is None else f"{one.lost_at_most:.2f}" for one in found)
    verdicts = [one.verdict for one in found]
    told = ", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts)))
    print(
        f"| {title} | {found[0].images} | {measuring.spread(without)} | {measuring.spread(mirrored)} | "
        f"{measuring.spread(turned)} | {bounds} | {sum(one.swapped is not None for one in found)} | {told} | "
        f"{verdicts.count('harmless')} of {len(found)} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--few-seeds", type=int, default=3, help="Of S and Z, of drawn pairs, and of 8 images a class.")
    asked = parser.parse_args()
    print(f"{measuring.machine()}\n")
    print("| set | held out | without | with | without, mirror images | lost at most | swapped | verdict | mirrored |")
    print("|---|---|---|---|---|---|---|---|---|")
    few, many = range(asked.few_seeds), range(asked.seeds)
    wholes = [
        (folder.name, open_images(Source(data=folder), SIDE_PX, Path(".ek/cache"), RunContext(quiet=True)))
        for folder in asked.data
    ]
    for name, whole in wholes:
        row(f"{name}, 140 a class", [some(whole, 140, seed) for seed in many])
    row("letters, 220 a class", [letters("EFGKPR", 220, seed) for seed in many])
    row("letters, S and Z, 140 a class", [letters("EFGKPRSZ", 140, seed) for seed in few])
    row("letters, b and d, 160 a class", [letters("EFGKPRbd", 160, seed) for seed in many])
    row("drawn pairs, 60 a class", [pairs(60, seed) for seed in few])
    row("drawn pairs, 8 a class", [pairs(8, seed) for seed in few])
    for name, whole in wholes:
        row(f"{name}, 8 a class", [some(whole, 8, seed) for seed in few])


if __name__ == "__main__":
    main()
