"""How fast this machine trains a network: a few real steps on noise. Never keeps anything that was learnt."""

import statistics
import time
from dataclasses import replace

import torch
from torch import nn

from ensemble_kit.training.loop import Step, fit
from ensemble_kit.training.recipes import Recipe
from ensemble_kit.training.step import Augment

_WARM_UP = 1  # steps that are not timed: kernels are chosen and memory is fetched
_LEAST = 2  # steps that are


def seconds_per_pass(module: nn.Module, size_px: int, device: str = "cpu", images: int = 32) -> float:
    """Return how long a forward pass of an image takes, in seconds, as the faster of two batches."""
    module.to(torch.device(device), memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    batch = torch.rand(images, 3, size_px, size_px).to(device, memory_format=torch.channels_last)
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        with torch.inference_mode():
            module(batch).cpu()  # waits for the device
        taken.append(time.perf_counter() - start)
    return min(taken) / images


def seconds_per_image(
    module: nn.Module,
    recipe: Recipe,
    size_px: int,
    classes: int,
    augment: Augment,
    device: str = "cpu",
    at_least_s: float = 0.7,
) -> float:
    """Return how long training takes, in seconds per image, as the median of some steps.

    Args:
        module: its weights are spoilt.
        size_px: side of the images.
        at_least_s: how long to measure; at least two steps are, whatever they take.
    """
    noise = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (recipe.batch_size, 3, size_px, size_px), dtype=torch.uint8, generator=noise)
    labels = torch.randint(0, classes, (recipe.batch_size,), generator=noise)
    ends: list[float] = []

    def on_step(step: Step) -> None:
        float(step.loss)  # waits for the device
        ends.append(time.perf_counter())

    def time_gone() -> float:
        return float(len(ends) >= _WARM_UP + _LEAST and ends[-1] - ends[_WARM_UP - 1] > at_least_s)

    endless = replace(recipe, epochs=10_000, cycles=1, head_epochs=0)
    fit(module, images, labels, None, None, endless, 0, augment, device=device, on_step=on_step, time_gone=time_gone)
    steps = [later - earlier for earlier, later in zip(ends[_WARM_UP - 1 :], ends[_WARM_UP:], strict=False)]
    return statistics.median(steps) / recipe.batch_size
