"""Claim: on a CPU, the engine that `auto` takes (fused) is never much slower than plain PyTorch, at whatever size.

Networks of the zoo with random weights, batches of 64 random images, one thread; engines take turns in every repeat.
Shown are CPU milliseconds per image, medians (lowest to highest), and the median of the ratios within a repeat.

    python bench/engines.py
    python bench/engines.py --engines eager fused onnx --repeats 9
"""

import argparse
import statistics
import time

import measuring
import numpy as np
import torch

import models_zoo
from ensemble_kit.inference.engines.start import floats, start

CASES = (
    ("cnn", 28),
    ("cnn-deep", 28),
    ("cnn-deep", 39),
    ("cnn-deep", 64),
    ("resnet18", 28),
    ("resnet18", 112),
    ("vgg11_bn", 32),
    ("timm:tf_efficientnet_lite0", 28),
    ("timm:tf_efficientnet_lite0", 112),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["eager", "fused"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"Batches of {asked.batch_size}, {asked.repeats} repeats; {measuring.machine()}\n")
    print(f"| network | px | {' | '.join(f'{name}, ms' for name in asked.engines)} | times as fast |")
    print(f"|---|---|{'---|' * len(asked.engines)}---|")
    for arch, size_px in CASES:
        taken = compared(arch, size_px, asked)
        cells = [f"{statistics.median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in taken.values()]
        first, *others = taken.values()
        ratios = [statistics.median(a / b for a, b in zip(first, one, strict=True)) for one in others]
        print(f"| {arch} | {size_px} | {' | '.join(cells)} | {', '.join(f'{one:.2f}' for one in ratios)} |", flush=True)


def compared(arch, size_px, asked):
    """CPU milliseconds per image, by engine, one a repeat."""
    network = models_zoo.build(arch, 10, size_px).eval()
    images = np.random.default_rng(0).integers(0, 256, (asked.batch_size, 3, size_px, size_px), dtype=np.uint8)
    engines = {name: start(network, name, "cpu", images[:16]) for name in asked.engines}
    pixels, taken = floats(images, "cpu"), {name: [] for name in engines}
    with torch.inference_mode():
        for repeat in range(-1, asked.repeats):  # the first is not counted
            for name, engine in engines.items():
                began = time.process_time()
                engine.run(pixels)
                if repeat >= 0:
                    taken[name].append(1000 * (time.process_time() - began) / len(images))
    return taken


if __name__ == "__main__":
    main()
