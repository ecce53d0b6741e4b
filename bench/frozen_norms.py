"""Whether frozen batch norms pay in fine-tuning: what they save of a step, and accuracy after equal processor time.

A frozen norm uses, and keeps, the statistics of the weights that training starts from; its scale and shift still learn.
EfficientNet-Lite0 from its installed ImageNet weights, recipe `finetune-far` in the precision that it takes here, one
thread. Steps are timed in turns, each network in every repeat, by processor time: medians (lowest to highest). Then
each is trained for so many seconds of processor time, its schedule with it, and evaluated on val and test.

    python bench/frozen_norms.py simpsons28 --labels simpsons28-test-labels.csv --seconds 60 --seeds 1
    python bench/frozen_norms.py simpsons28 --labels simpsons28-test-labels.csv --norms frozen --lr 5e-4 --seeds 1
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import measuring
import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.images.augmentation import augment
from ensemble_kit.pipeline.inputs import open_images
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.training import fit, measure, resolve, stepper

ARCH, REPEATS = "timm:tf_efficientnet_lite0", 7
NORMS = ("learning", "frozen")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--px", type=int, default=112, help="side that images are enlarged to")
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time, of each training")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--lr", type=float, default=None, help="peak learning rate; without it the recipe's")
    parser.add_argument("--norms", nargs="+", choices=NORMS, default=list(NORMS), help="that are trained")
    parser.add_argument("--no-flip", action="store_true", help="train without flips")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    recipe = resolve("finetune-far", {"lr": asked.lr, "flip": False if asked.no_flip else None})
    change = partial(augment, strength=recipe.augment, flip=recipe.flip)
    with tempfile.TemporaryDirectory() as cache:
        decoded = open_images(Source(data=asked.data), None, Path(cache), RunContext(quiet=True))
        images = {split: torch.from_numpy(np.array(decoded.images[split])) for split in ("train", "val", "test")}
    labels = {split: torch.from_numpy(np.array(decoded.split(split).labels)) for split in ("train", "val")}
    named = measuring.truth(asked.labels)
    classes = decoded.data.classes
    labels["test"] = torch.tensor([classes.index(named[Path(one).name]) for one in decoded.split("test").ids])

    def network(frozen, seed=0):
        options = arch_options(ARCH, {"input_px": asked.px}, True)
        size_px, train = decoded.size_px, decoded.images["train"]
        made = build_network(ARCH, options, size_px, classes, train, dropout=recipe.dropout, pretrained=True, seed=seed)
        return freeze(made) if frozen else made

    print(f"{asked.data.name} at {asked.px} px, batches of {recipe.batch_size}; {measuring.machine()}\n")
    steps = {
        frozen: stepper(network(frozen), images["train"], labels["train"], len(classes), recipe, 0, change)
        for frozen in (False, True)
    }
    taken = {frozen: [] for frozen in steps}
    for place in range(REPEATS + 1):
        for frozen, step in steps.items():
            begin = time.process_time()
            step(place, 0.0)
            taken[frozen] += [time.process_time() - begin] if place else []
    saved = [1 - after / before for before, after in zip(taken[False], taken[True], strict=True)]
    for frozen, seconds in taken.items():
        print(f"{called(frozen)}: {1000 * statistics.median(seconds) / recipe.batch_size:.2f} ms an image")
    print(f"saved of a step: {statistics.median(saved):.1%} ({min(saved):.1%} to {max(saved):.1%})\n")

    print("| norms | seed | steps | val | test |\n|---|---|---|---|---|")
    for seed in range(asked.seeds):
        for frozen in (name == "frozen" for name in asked.norms):
            one, begin, count = network(frozen, seed), time.process_time(), []
            fitted = fit(
                *(one, images["train"], labels["train"], None, None, recipe, seed, change),
                on_step=count.append,
                time_gone=lambda begin=begin: (time.process_time() - begin) / asked.seconds,
            )
            one.load_state_dict(fitted.state_dict)
            val, test = (measure(one, images[split], labels[split]).accuracy for split in ("val", "test"))
            print(f"| {called(frozen)} | {seed} | {len(count)} | {val:.3f} | {test:.3f} |", flush=True)


def freeze(network):
    """Let no batch norm of the network go into training mode; return the network."""
    for norm in network.modules():
        if isinstance(norm, _BatchNorm):
            norm.eval()
            norm.train = partial(stay, norm)
    return network


def stay(norm, mode=True):
    return norm


def called(frozen):
    return NORMS[frozen]


if __name__ == "__main__":
    main()
