"""Claim: at equal processor time, the recipe `strong` with Muon is more accurate than with AdamW.

Trains a network by the clock of CPU seconds of this process, one thread, with each set of overrides and each seed; val
and test accuracy, on images as they are and by the plain mean over views. The schedule follows that clock.

    python bench/equal_time.py simpsons28 --labels simpsons28-test-labels.csv --seconds 240 --seeds 3 \
        --change optimizer=adamw --change optimizer=muon
    python bench/equal_time.py gtsrb-arrows --labels ... --arch timm:tf_efficientnet_lite0 --recipe finetune-far \
        --option input_px=112 --no-flip --change optimizer=adamw --change optimizer=muon,lr=0.001
"""

import argparse
import time
from functools import partial
from pathlib import Path

import measuring
import numpy as np
import torch

from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.images.augmentation import augment
from ensemble_kit.inference.engines import compute_logits, start
from ensemble_kit.inference.views import parse_views
from ensemble_kit.pipeline.inputs import open_images
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.training import fit, resolve

ENDLESS = 1000  # epochs, of which the clock leaves some


def pairs(text):
    """`a=1,b=x` as a mapping, numbers as numbers."""
    found = dict(one.split("=") for one in text.split(",")) if text else {}
    return {name: read(value) for name, value in found.items()}


def read(value):
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--arch", default="cnn-deep")
    parser.add_argument("--option", default="", help="of the architecture, a=1,b=2")
    parser.add_argument("--recipe", default="strong")
    parser.add_argument("--mix", type=float, default=0.5, help="of strong; finetuning has its own")
    parser.add_argument("--size", type=int)
    parser.add_argument("--no-flip", action="store_true")
    parser.add_argument("--change", action="append", default=[], help="fields of the recipe, a=1,b=x; may be repeated")
    parser.add_argument("--cache", type=Path, default=Path(".ek/cache"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    tuned, flip = asked.arch.startswith("timm:"), not asked.no_flip
    decoded = open_images(Source(data=asked.data), asked.size, asked.cache, RunContext(quiet=True))
    classes, truth = decoded.data.classes, measuring.truth(asked.labels)
    labels = {
        "val": np.asarray(decoded.split("val").labels),
        "test": np.array([classes.index(truth[one]) for one in decoded.split("test").ids]),
    }
    images, wanted = (
        torch.from_numpy(np.array(one)) for one in (decoded.images["train"], decoded.split("train").labels)
    )
    views = parse_views("ten-crop,scales" if flip else "five-crop,scales")
    print(f"{asked.data.name}, {asked.arch}, {asked.seconds:g} CPU seconds; {measuring.machine()}\n")
    print("| change | seed | epochs | val | test | test, views | mean of views so far |\n|---|---|---|---|---|---|---|")
    for change in asked.change or [""]:
        reached = []
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            usual = resolve(asked.recipe)
            clocked = {"epochs": ENDLESS, "warmup_epochs": ENDLESS * usual.warmup_epochs / usual.epochs}
            mixed = {} if tuned else {"mix": asked.mix}
            recipe = resolve(asked.recipe, {**clocked, **mixed, "flip": flip, **pairs(change)})
            options = arch_options(asked.arch, pairs(asked.option), tuned)
            network = build_network(
                asked.arch,
                options,
                decoded.size_px,
                classes,
                decoded.images["train"],
                dropout=recipe.dropout,
                pretrained=tuned,
                seed=seed,
            )
            begun = time.process_time()
            fitted = fit(
                network,
                images,
                wanted,
                None,
                None,
                recipe,
                seed,
                partial(augment, strength=recipe.augment, flip=flip),
                time_gone=lambda begun=begun: (time.process_time() - begun) / asked.seconds,
            )
            network.load_state_dict(fitted.state_dict)
            running = start(network, "auto", "cpu", decoded.images["val"][:64])
            seen = {split: compute_logits(running, decoded.images[split], views).logits for split in labels}
            right = {
                (split, way): float((logits.argmax(axis=1) == labels[split]).mean())
                for split in labels
                for way, logits in (("plain", seen[split][0]), ("views", seen[split].mean(axis=0)))
            }
            reached.append(right["test", "views"])
            print(
                f"| {change or '-'} | {seed} | {len(fitted.history)} | {right['val', 'plain']:.3f} | "
                f"{right['test', 'plain']:.3f} | {right['test', 'views']:.3f} | {measuring.spread(reached)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
