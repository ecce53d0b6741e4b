"""Claim: with augmentation, `ek train` takes more images a second than timm's script or a plain torchvision loop.

On a CPU, at 128 px: tf_efficientnet_lite0 1.4 times and resnet18 1.1 times their defaults, and never fewer than they
with channels_last. All train the same network on the same JPEG files, and every way has an epoch in every repeat; shown
are medians (lowest to highest), and medians of the ratios within a repeat.

- timm: its public pieces as its train script composes them by default, not the script itself: `create_dataset`,
  `create_loader` with 4 workers and its prefetcher, random resized crop, flip, colour jitter 0.4; SGD, label
  smoothing 0.1, cosine.
- torchvision: `ImageFolder`, v2 transforms (random resized crop, flip, normalise), `DataLoader` with as many workers
  as processors, SGD, as its reference script does by default.
- ours: `fit` as `ek train --recipe strong` calls it, from the cache, which is filled before the clock starts (its
  seconds are printed); in float32, and in the precision that `auto` finds for this processor.

Rates are of three times the convolutions and linear layers of one look; matrix products of the same numbers (float32
or bfloat16) say what the processor can do. `--processor-time` counts the seconds of all processors instead of those of
the clock, workers included: what a way costs where nothing is idle, and on a machine with other work.
`--optimizers sgd muon` has ours with the peers' optimiser and with that of `strong`, a row each.

With `--accuracy EPOCHS` every way trains that long from scratch, all with AdamW, channels_last, the same cosine,
smoothing 0.1 and no running mean; each keeps its own augmentation, and its own look at the images that are evaluated.

    python bench/train.py DATA
    python bench/train.py DATA --networks resnet18 --images 1024 --repeats 9 --batch-size 32
    python bench/train.py DATA --images 64 --batch-size 32 --repeats 2 --processor-time --ours float32
    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 python bench/train.py ...    as on a processor without AVX-512
    python bench/train.py DATA --choices    what `quickest` finds for networks of the zoo
    python bench/train.py DATA --accuracy 20 --labels test-labels.csv --seeds 3    without labels: on val
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import measuring
import timm
import torch
import torchvision
from timm.data import create_dataset, create_loader, resolve_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms import v2

from ensemble_kit.images.augmentation.augment import augment
from ensemble_kit.images.cache import load_images
from ensemble_kit.pipeline.models import arch_options
from ensemble_kit.pipeline.runs.computing import LEAST_IMAGES, STEP_GFLOP, gflop_of, processor
from ensemble_kit.training.computing import computes_in_bfloat16
from ensemble_kit.training.loop import fit, measure
from ensemble_kit.training.recipes import resolve
from ensemble_kit.training.schedules import factor
from ensemble_kit.training.tables import OPTIMIZERS
from ensemble_kit.training.timing import quickest
from models_zoo import Network, build

NETWORKS = {
    "resnet18": lambda classes: torchvision.models.resnet18(num_classes=classes),
    "tf_efficientnet_lite0": lambda classes: timm.create_model("tf_efficientnet_lite0", num_classes=classes),
}
WANTED = {"resnet18": 1.1, "tf_efficientnet_lite0": 1.4}  # times the peers' defaults
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CHOSEN = (
    ("cnn-deep", 28, {}, "strong"),
    ("timm:tf_efficientnet_lite0", 28, {"input_px": 112}, "finetune-far"),
    ("timm:resnet18", 128, {}, "strong"),
)
TIMM_WORKERS = 4
ORDERS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}
RATE, DECAY, SMOOTHING, WARMUP = 2e-3, 0.05, 0.1, 0.1  # of --accuracy; the warm-up is a share of the run


class BlendSets(NamedTuple):
    """What all ways train on: a folder of classes, its classes, and the size in pixels."""

    folder: Path
    classes: list[str]
    size_px: int
    batch_size: int

    def paths(self):
        return [path for name in self.classes for path in sorted((self.folder / name).iterdir())]

    def labels(self):
        counts = [len(list((self.folder / name).iterdir())) for name in self.classes]
        return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="train/CLASS/* and val/CLASS/*, or test/* with --labels")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--size", type=int, default=128, help="side in pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--images", type=int, default=512, help="of train, evenly spaced, for the rates")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS), help="of the peers' memory")
    parser.add_argument("--ours", nargs="+", choices=("float32", "auto"), default=["float32", "auto"])
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=[], help="of ours; without it strong's")
    parser.add_argument("--processor-time", action="store_true", help="seconds of all processes, not of the clock")
    parser.add_argument("--choices", action="store_true", help="measure precisions and layouts, and nothing else")
    parser.add_argument("--accuracy", type=int, default=0, metavar="EPOCHS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--labels", type=Path, help="CSV file,label of test")
    asked = parser.parse_args()
    print(f"{asked.data.name}, {asked.size} px, batches of {asked.batch_size}; {measuring.machine()}, timm ", end="")
    print(f"{timm.__version__}, torchvision {torchvision.__version__}, load {os.getloadavg()[0]:.1f} at the start")
    print(f"{processor()}, torch computes with {torch.backends.cpu.get_cpu_capability()}")
    if asked.choices:
        all_choices(asked)
        return
    with tempfile.TemporaryDirectory() as folder:
        (accuracies if asked.accuracy else rates)(asked, Path(folder))


# rates


def rates(asked, folder):
    sets = gathered(every(asked.data / "train", asked.images), folder / "train", asked)
    begin = time.perf_counter()
    images = decoded(sets, folder / "cache")
    print(f"{len(images)} images, {asked.repeats} repeats; ours decodes once, in {time.perf_counter() - begin:.1f} s\n")
    print(
        "| network | what | images/s | times timm | times torchvision "
        "| times timm, channels_last | times torchvision, channels_last | GFLOP/s | of matmul |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in asked.networks:
        torch.manual_seed(0)
        ways = all_ways(name, sets, images, asked)
        for way in ways.values():
            way()  # starts workers, fills the page cache, lets libraries choose their kernels
        turns = [one_turn(ways, asked) for _ in range(asked.repeats)]
        gflop = 3 * counted(NETWORKS[name](len(sets.classes)), asked.size)
        for what in ways:
            row(name, what, turns, gflop)


def all_ways(name, sets, images, asked):
    """Return what takes turns: each call is one epoch and returns the images that it took."""
    ways = {}
    orders = {order: ORDERS[order] for order in asked.orders}
    for order, memory in orders.items():
        network = NETWORKS[name](len(sets.classes)).to(memory_format=memory)
        ways[f"timm, {order}"] = timm_epochs(network, sets, memory)
    for order, memory in orders.items():
        network = NETWORKS[name](len(sets.classes)).to(memory_format=memory)
        ways[f"torchvision, {order}"] = torchvision_epochs(network, sets, memory)
    for precision, optimizer in itertools.product(asked.ours, asked.optimizers or [None]):
        recipe = resolve(
            "strong", {"epochs": 1, "batch_size": sets.batch_size, "precision": precision, "optimizer": optimizer}
        )
        ways[", ".join(filter(None, ("ours", precision, optimizer)))] = our_epochs(
            normalised(name, sets), sets, images, recipe
        )
    return ways


def one_turn(ways, asked):
    """Return images a second of every way, and the GFLOP/s of matrix products right before."""
    numbers = (torch.float32, torch.bfloat16) if "auto" in asked.ours else (torch.float32,)
    seconds = processor_seconds if asked.processor_time else time.perf_counter
    found = {one: matmul_rate(one, seconds) for one in numbers}
    for name, way in ways.items():
        begin = seconds()
        images = way()
        found[name] = images / (seconds() - begin)
    return found


def row(name, what, turns, gflop):
    numbers = torch.bfloat16 if what == "ours, auto" and computes_in_bfloat16("auto", CPU) else torch.float32
    speed = [turn[what] for turn in turns]
    share = statistics.median(gflop * turn[what] / turn[numbers] for turn in turns)
    ratios = []
    for order in ORDERS:
        for rival in ("timm", "torchvision"):
            if f"{rival}, {order}" not in turns[0]:
                ratios.append("")
                continue
            beside = [turn[what] / turn[f"{rival}, {order}"] for turn in turns]
            wanted = (WANTED[name] if order == "default" else 1.0) if what == "ours, auto" else 0.0
            missed = f" MISSED {wanted}" if statistics.median(beside) < wanted else ""
            ratios.append(f"{statistics.median(beside):.2f} ({min(beside):.2f} to {max(beside):.2f}){missed}")
    print(
        f"| {name} | {what} | {statistics.median(speed):.1f} ({min(speed):.1f} to {max(speed):.1f}) "
        f"| {' | '.join(ratios)} | {gflop * statistics.median(speed):.0f} "
        f"| {share:.0%} of {statistics.median(turn[numbers] for turn in turns):.0f} |",
        flush=True,
    )


# three ways to train


def timm_epochs(network, sets, memory, fitting=None):
    loader = timm_loader(network, sets, sets.folder, training=True)
    loss_of = LabelSmoothingCrossEntropy(0.1)
    optimizer = create_optimizer_v2(network, opt="sgd", lr=0.05, weight_decay=2e-5, momentum=0.9)
    scheduler, _ = create_scheduler_v2(optimizer, sched="cosine", num_epochs=300, updates_per_epoch=len(loader))
    optimizer, after = fitting(network, len(loader)) if fitting else (optimizer, scheduler.step_update)
    return partial(epoch, network, loader, loss_of, optimizer, after, memory)


def timm_loader(network, sets, folder, training):
    look = resolve_data_config({"input_size": (3, sets.size_px, sets.size_px), **known(network)})
    return create_loader(
        create_dataset("", root=str(folder), is_training=training),
        input_size=look["input_size"],
        batch_size=sets.batch_size,
        is_training=training,
        scale=(0.08, 1.0),
        ratio=(3 / 4, 4 / 3),
        color_jitter=0.4,
        interpolation="random" if training else look["interpolation"],
        mean=look["mean"],
        std=look["std"],
        num_workers=TIMM_WORKERS,
        crop_pct=look["crop_pct"],
        device=CPU,
    )


def torchvision_epochs(network, sets, memory, fitting=None):
    loader = torchvision_loader(network, sets, sets.folder, training=True)
    loss_of = nn.CrossEntropyLoss(label_smoothing=SMOOTHING if fitting else 0.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    optimizer, after = fitting(network, len(loader)) if fitting else (optimizer, lambda done: None)
    return partial(epoch, network, loader, loss_of, optimizer, after, memory)


def torchvision_loader(network, sets, folder, training):
    size, look = sets.size_px, known(network)
    cut = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]
    if not training:
        cut = [v2.Resize(round(size / 0.875), antialias=True), v2.CenterCrop(size)]
    end = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(look["mean"], look["std"])]
    return DataLoader(
        torchvision.datasets.ImageFolder(str(folder), v2.Compose([*cut, *end])),
        batch_size=sets.batch_size,
        shuffle=training,
        num_workers=len(os.sched_getaffinity(0)),
        persistent_workers=True,
    )


def epoch(network, loader, loss_of, optimizer, after, memory):
    """Train for one epoch of a loader's and return how many images it gave; `after` gets the steps so far."""
    network.train()
    seen, done = 0, getattr(network, "steps_done", 0)
    for images, labels in loader:
        loss = loss_of(network(images.contiguous(memory_format=memory)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen, done = seen + len(labels), done + 1
        after(done)
    network.steps_done = done
    return seen


def our_epochs(network, sets, images, recipe, seed=0):
    change = partial(augment, strength=recipe.augment, flip=recipe.flip)

    def run():
        fit(network, images, sets.labels(), None, None, recipe, seed, change)
        return len(images) * recipe.epochs

    return run


# what to compute in


def all_choices(asked):
    print("\n| network | px | choice | ms an image, tried to the end | seconds that it took |\n|---|---|---|---|---|")
    for arch, size_px, options, recipe in CHOSEN:
        network = build(arch, 10, size_px, options=arch_options(arch, options, False))
        resolved = resolve(recipe, {"batch_size": min(asked.batch_size, 32)})
        change = partial(augment, strength=resolved.augment, flip=resolved.flip)
        images = min(resolved.batch_size, max(LEAST_IMAGES, round(STEP_GFLOP / gflop_of(network, size_px))))
        begin = time.perf_counter()
        found = quickest(network, resolved, size_px, 10, change, images)
        taken = time.perf_counter() - begin
        tried = "; ".join(f"{one}: {1000 * seconds / images:.2f}" for one, seconds in found.seconds.items())
        print(f"| {arch} | {size_px} | {found.computing} | {tried} | {taken:.1f} |", flush=True)


# equal accuracy after equal epochs


def accuracies(asked, folder):
    sets = gathered(every(asked.data / "train", None), folder / "train", asked)
    scored = gathered(to_evaluate(asked, sets.classes), folder / "evaluated", asked)
    images, unseen = decoded(sets, folder / "cache"), decoded(scored, folder / "cache")
    print(
        f"{len(images)} images, {asked.accuracy} epochs from scratch, evaluated on {len(unseen)} of "
        f"{'test' if asked.labels else 'val'}, seeds {', '.join(map(str, range(asked.seeds)))}\n"
    )
    print("| network | what | accuracy, mean (lowest to highest) | seconds |\n|---|---|---|---|")
    for name in asked.networks:
        for what in ("timm", "torchvision", "ours, float32", "ours, auto"):
            how, *precision = what.split(", ")
            train = {"timm": by_timm, "torchvision": by_torchvision, "ours": by_us}[how]
            right, seconds = [], []
            for seed in range(asked.seeds):
                torch.manual_seed(seed)
                begin = time.perf_counter()
                evaluate = train(name, sets, scored, images, unseen, asked.accuracy, seed, *precision)
                seconds.append(time.perf_counter() - begin)
                right.append(evaluate())
            print(f"| {name} | {what} | {measuring.spread(right)} | {statistics.mean(seconds):.0f} |", flush=True)


def by_timm(name, sets, scored, images, unseen, epochs, seed):
    return by_loader(name, sets, scored, epochs, timm_epochs, timm_loader)


def by_torchvision(name, sets, scored, images, unseen, epochs, seed):
    return by_loader(name, sets, scored, epochs, torchvision_epochs, torchvision_loader)


def by_loader(name, sets, scored, epochs, start, load):
    """Train by a peer's loop and return what evaluates the network, by the peer's own look at the images."""
    network = NETWORKS[name](len(sets.classes)).to(memory_format=torch.channels_last)
    one_epoch = start(network, sets, torch.channels_last, fitting=partial(alike, epochs))
    for _ in range(epochs):
        one_epoch()

    def evaluate():
        network.eval()
        with torch.inference_mode():
            found = [
                (network(images).argmax(dim=1) == labels).float()
                for images, labels in load(network, scored, scored.folder, training=False)
            ]
        return float(torch.cat(found).mean())

    return scored


def by_us(name, sets, scored, images, unseen, epochs, seed, precision):
    same = {
        "lr": RATE,
        "weight_decay": DECAY,
        "label_smoothing": SMOOTHING,
        "warmup_epochs": WARMUP * epochs,
        "ema": 0.0,
    }
    how = {"epochs": epochs, "batch_size": sets.batch_size, "precision": precision}
    recipe = resolve("strong", how | same)
    network = normalised(name, sets)
    our_epochs(network, sets, images, recipe, seed)()
    return lambda: measure(network, unseen, scored.labels()).accuracy


def alike(epochs, network, steps):
    """Return AdamW and what sets its rate after a step, as `fit` does by itself."""
    decays = {True: [], False: []}
    for weight in network.parameters():
        decays[weight.ndim > 1].append(weight)
    groups = [{"params": held, "weight_decay": DECAY if matrix else 0.0} for matrix, held in decays.items()]
    optimizer, total = torch.optim.AdamW(groups, lr=RATE), epochs * steps

    def set_rate(done):
        for group in optimizer.param_groups:
            group["lr"] = RATE * factor("cosine", min(done, total - 1), total, round(WARMUP * total))

    set_rate(0)
    return optimizer, set_rate


# images, networks, the processor

CPU = torch.device("cpu")


def every(folder, count):
    """Return (class, path) of about that many images of a folder of classes, evenly spaced; None: of all."""
    found = [(path.parent.name, path) for path in sorted(folder.glob("*/*"))]
    return found if count is None else [found[place * len(found) // count] for place in range(min(count, len(found)))]


def to_evaluate(asked, classes):
    if asked.labels is None:
        return every(asked.data / "val", None)
    named = measuring.truth(asked.labels)
    return [(named[path.name], path) for path in sorted((asked.data / "test").iterdir()) if named[path.name] in classes]


def gathered(images, folder, asked):
    """Link the images into a folder of classes, so that every loader finds the same."""
    for place, (name, path) in enumerate(images):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{place:06d}{path.suffix}").symlink_to(path.resolve())
    return BlendSets(folder, sorted({name for name, _ in images}), asked.size, asked.batch_size)


def decoded(sets, cache):
    return torch.from_numpy(load_images(sets.paths(), sets.size_px, cache).images.copy())


def known(network):
    """Return the normalisation that a network of timm's was published with, ImageNet's for others."""
    told = getattr(network, "pretrained_cfg", IMAGENET)
    return {"mean": told["mean"], "std": told["std"]}


def normalised(name, sets):
    body = NETWORKS[name](len(sets.classes))
    return Network(body, **known(body), head=())


def counted(network, size_px):
    """GFLOP of convolutions and linear layers for one look at one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, 3, size_px, size_px))
    return counter.get_total_flops() / 1e9


def processor_seconds():
    """Seconds that this process and its living children, such as loaders' workers, have had of all processors."""
    tick, spent = os.sysconf("SC_CLK_TCK"), time.process_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()  # from the state on: its parent is the second
            if int(fields[1]) == os.getpid():
                spent += (int(fields[11]) + int(fields[12])) / tick
    return spent


def matmul_rate(numbers, seconds, side=3072):
    one = torch.ones(side, side, dtype=numbers)
    one[:64] @ one
    begin = seconds()
    one @ one
    return 2e-9 * side**3 / (seconds() - begin)


if __name__ == "__main__":
    main()
