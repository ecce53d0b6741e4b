"""Claim: ten views of an image cost 1.4 times less than with ttach by PyTorch alone, 1.6 times less by ONNX Runtime.

Two networks with random weights look at images of 112 px through the ten-crop: five crops of an image
enlarged to 128 px, and their mirror images. ttach's wrapper gets the images as floats and enlarged already, ours as
bytes at 112 px; mean logits must agree. From JPEG files: ours decodes each once, into a fresh cache;
the loop beside it decodes once a view, as fastai's `tta` does, by as many threads. Everything takes turns in every
repeat; shown are medians of ratios (lowest to highest). Matrix products of 4096 x 4096 say what the processor can do.

    python bench/tta.py                              resnet18 and tf_efficientnet_lite0, 500 images
    python bench/tta.py --images 128 --repeats 9 --compiled --bfloat16
    python bench/tta.py --device cuda --batch-size 256
"""

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import measuring
import numpy as np
import timm
import torch
import torchvision
import ttach
from PIL import Image, ImageFilter
from torch.nn.functional import interpolate
from torch.utils.flop_counter import FlopCounterMode

from ensemble_kit.images.cache import load_images
from ensemble_kit.inference.engines.agreement import tolerance_of
from ensemble_kit.inference.engines.forward import compute_logits
from ensemble_kit.inference.engines.start import start

SIZE_PX, ENLARGED_PX, FILE_PX, CLASSES = 112, 128, (500, 375), 10
CROPS = tuple(f"crop@0.875:{place}" for place in ("center", "tl", "tr", "bl", "br"))
VIEWS = (*CROPS, *(f"{crop}*hflip" for crop in CROPS))
CORNERS = {"center": (8, 8), "tl": (0, 0), "tr": (16, 0), "bl": (0, 16), "br": (16, 16)}  # left, upper
NETWORKS = {
    "resnet18": lambda: torchvision.models.resnet18(num_classes=CLASSES),
    "tf_efficientnet_lite0": lambda: timm.create_model("tf_efficientnet_lite0", num_classes=CLASSES),
}
WANTED = {"fused": 1.4, "onnx": 1.6, "from files, fused": 1.5}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compiled", action="store_true", help="torch.compile too")
    parser.add_argument("--bfloat16", action="store_true", help="bfloat16 too")
    asked = parser.parse_args()
    torch.manual_seed(0)
    print(
        f"{asked.images} images, {len(VIEWS)} views of {SIZE_PX} px, batches of {asked.batch_size}, "
        f"{asked.repeats} repeats; {asked.device}, load {os.getloadavg()[0]:.1f} at the start; {measuring.machine()}\n"
    )
    print(
        "| network | what | ms per image and view | times as fast | wanted | GFLOP/s | of matmul | differs from eager |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.networks:
        compare(name, trained_looking(NETWORKS[name]()), asked)


def trained_looking(network):
    """Give normalisations numbers of their own, as training would."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


# what takes turns


def compare(name, network, asked):
    network = network.to(asked.device)
    images = np.stack([drawn(seed, (SIZE_PX, SIZE_PX)) for seed in range(asked.images)])
    images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    runners = {label: start(network, *how) for label, how in engines(asked, images).items()}
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), asked.images)
        ways = {
            "ttach": by_ttach(network_as_built(name, network), images, asked),
            "ttach, channels last": by_ttach(network, images, asked, torch.channels_last),
        }
        ways |= {label: partial(ours, running, images, asked) for label, running in runners.items()}
        ways["from files, a view at a time"] = by_decoding(network_as_built(name, network), paths, asked)
        best = runners.get("fused", runners["eager"])
        ways["from files, fused"] = partial(ours_from_files, best, paths, Path(folder), asked)
        check(ways, asked.device)
        turns = [one_turn(ways, asked.device) for _ in range(asked.repeats)]
    rates, gflop = [turn["matmul"] for turn in turns], counted(network, asked.device)
    for what in ways:
        rival = "from files, a view at a time" if what.startswith("from files") else "ttach"
        error = f"{runners[what].relative_error:.0e}" if what in runners else ""
        row(name, what, [turn[what] for turn in turns], [turn[rival] for turn in turns], rates, gflop, error, asked)


def engines(asked, images):
    sample, cpu = images[:64], asked.device == "cpu"
    found = {name: (name, asked.device, sample) for name in ("eager", "fused", "onnx") if cpu or name != "onnx"}
    if asked.compiled:
        found["compiled"] = ("compiled", asked.device, sample)
    if asked.bfloat16:
        found |= {f"{name}, bfloat16": (name, asked.device, sample, "bfloat16") for name in ("eager", "fused")}
    return found


def network_as_built(name, network):
    """Return the network with its weights in PyTorch's own order: an engine reorders those that it is given."""
    plain = NETWORKS[name]().eval()
    plain.load_state_dict(network.state_dict())
    return plain.to(asked_device(network))


def asked_device(network):
    return next(network.parameters()).device


def one_turn(ways, device):
    """Return seconds of every way, and the GFLOP/s of matrix products right before."""
    found = {"matmul": matmul_rate(device)}
    for name, way in ways.items():
        begin = time.perf_counter()
        way()
        found[name] = time.perf_counter() - begin
    return found


def ours(running, images, asked):
    return compute_logits(running, images, VIEWS, asked.batch_size).logits.mean(axis=0)


def ours_from_files(running, paths, folder, asked):
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        return ours(running, load_images(paths, SIZE_PX, Path(cache)).images, asked)


def by_ttach(network, images, asked, order=torch.contiguous_format):
    """Return what looks by ttach; the images are floats and enlarged before the clock starts."""
    pixels = interpolate(
        torch.from_numpy(images / np.float32(255)), (ENLARGED_PX,) * 2, mode="bilinear", antialias=True
    ).contiguous(memory_format=order)
    views = ttach.Compose([ttach.HorizontalFlip(), ttach.FiveCrops(SIZE_PX, SIZE_PX)])
    wrapper = ttach.ClassificationTTAWrapper(network, views, merge_mode="mean").eval()

    def run():
        with torch.inference_mode():
            batches = pixels.split(asked.batch_size)
            return torch.cat([wrapper(batch.to(asked.device)).cpu() for batch in batches]).numpy()

    return run


def by_decoding(network, paths, asked):
    """Return what decodes every file anew for every view."""

    def seen(view, path):
        with Image.open(path) as image:
            small = image.convert("RGB").resize((ENLARGED_PX,) * 2, Image.Resampling.BILINEAR)
        place, _, mirrored = view.removeprefix("crop@0.875:").partition("*")
        left, upper = CORNERS[place]
        cut = np.asarray(small.crop((left, upper, left + SIZE_PX, upper + SIZE_PX)))
        return cut[:, ::-1] if mirrored else cut

    def run():
        mean = 0
        with ThreadPoolExecutor() as pool, torch.inference_mode():
            for view in VIEWS:
                found = []
                for first in range(0, len(paths), asked.batch_size):
                    images = list(pool.map(partial(seen, view), paths[first : first + asked.batch_size]))
                    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous().to(asked.device)
                    found.append(network(batch.float() / 255).cpu())
                mean = mean + torch.cat(found).numpy() / len(VIEWS)
        return mean

    return run


def check(ways, device):
    """Run everything once, and see that mean logits agree; from files the resizing differs."""
    found = {name: way() for name, way in ways.items()}
    scale = np.abs(found["ttach"]).max()
    for name, logits in found.items():
        if not name.startswith("from files"):
            error = np.abs(logits - found["ttach"]).max() / scale
            allowed = tolerance_of(device, "bfloat16" if "bfloat16" in name else "float32")
            assert error < allowed, f"{name} computes something else than ttach: {error:.2g}"


# images, rates, rows


def drawn(seed, size):
    """Return an image of blurred noise, (height, width, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(3)))


def written(folder, count):
    paths = [folder / f"{place:04d}.jpg" for place in range(count)]
    for seed, path in enumerate(paths):
        Image.fromarray(drawn(seed, FILE_PX)).save(path, quality=90)
    return paths


def matmul_rate(device, side=4096):
    one = torch.ones(side, side, device=device)
    float((one @ one)[0, 0])
    begin = time.perf_counter()
    float((one @ one)[0, 0])
    return 2e-9 * side**3 / (time.perf_counter() - begin)


def counted(network, device):
    """GFLOP of convolutions and linear layers for one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, SIZE_PX, SIZE_PX, device=device))
    return counter.get_total_flops() / 1e9


def row(name, what, seconds, rivals, rates, gflop, error, asked):
    looks = asked.images * len(VIEWS)
    ratios = [rival / own for rival, own in zip(rivals, seconds, strict=True)]
    ratio, wanted = statistics.median(ratios), WANTED.get(what)
    rate = [gflop * looks / own for own in seconds]
    share = statistics.median(one / whole for one, whole in zip(rate, rates, strict=True))
    print(
        f"| {name} | {what} | {1000 * statistics.median(seconds) / looks:.2f} "
        f"| {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
        f"| {'' if wanted is None else f'{wanted}' + (' MISSED' if ratio < wanted else '')} "
        f"| {statistics.median(rate):.0f} | {share:.0%} of {statistics.median(rates):.0f} | {error} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
