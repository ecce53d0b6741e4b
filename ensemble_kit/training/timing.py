"""How fast this machine trains a network: a few real steps on noise. Never keeps anything that was learnt."""

import copy
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Final, NamedTuple

import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from ensemble_kit.training.computing import LAYOUTS, choices
from ensemble_kit.training.loop import Step, fit
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.recipes import Computing, Recipe
from ensemble_kit.training.step import Augment, take_step, work_of

CLEARLY: Final = 1.05  # times as fast as the usual is what takes its place
ROUNDS: Final = 5  # in which choices take turns
_CAREFUL = 1e-4  # learning rate, so that no loss ceases to be a number
_TICK = 1e-9  # seconds; a coarse clock may say none
_HOPELESS = 3.0  # times the usual's seconds in its first step, which chooses kernels, or
_SLOWER = 1.1  # in the first round, and a choice has no further turn
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
    computing: Computing | None = None,
) -> float:
    """Return how long training takes, in seconds per image, as the median of some steps.

    Args:
        module: its weights are spoilt.
        size_px: side of the images.
        at_least_s: how long to measure; at least two steps are, whatever they take.
        computing: what to compute in; None: the usual.
    """
    images, labels = _noise(recipe.batch_size, size_px, classes)
    ends: list[float] = []

    def on_step(step: Step) -> None:
        float(step.loss)  # waits for the device
        ends.append(time.perf_counter())

    def time_gone() -> float:
        return float(len(ends) >= _WARM_UP + _LEAST and ends[-1] - ends[_WARM_UP - 1] > at_least_s)

    endless = replace(recipe, epochs=10_000, cycles=1, head_epochs=0)
    fit(
        *(module, images, labels, None, None, endless, 0, augment),
        device=device,
        on_step=on_step,
        time_gone=time_gone,
        computing=computing,
    )
    steps = [later - earlier for earlier, later in zip(ends[_WARM_UP - 1 :], ends[_WARM_UP:], strict=False)]
    return statistics.median(steps) / recipe.batch_size


class Quickest(NamedTuple):
    """What to compute in, and what a step took in each choice that was tried to the end: seconds, the usual first."""

    computing: Computing
    seconds: Mapping[Computing, float]


def quickest(module: nn.Module, recipe: Recipe, size_px: int, classes: int, augment: Augment, images: int) -> Quickest:
    """Return what a CPU trains this module fastest in: the usual, unless another is clearly faster.

    Choices take turns, a step each in every round, and are compared within a round: so a machine that is slower for
    a while is so for all. One thread is timed by its processor time, several are by the clock. The optimiser, whose
    steps cost the same whatever is chosen, is a cheap one, so that few images tell.

    Args:
        module: on the CPU; it stays as it is.
        images: of a step.
    """
    usual, *others = choices(recipe.precision, torch.device("cpu"))
    pixels, labels, recipe = *_noise(images, size_px, classes), replace(recipe, optimizer="sgd", lr=_CAREFUL)
    steps = {usual: _stepper(module, pixels, labels, recipe, augment, usual)}
    most = _HOPELESS * steps[usual]()
    for one in others:
        step = _stepper(module, pixels, labels, recipe, augment, one)
        if step() <= most:
            steps[one] = step
    taken: dict[Computing, list[float]] = {one: [] for one in steps}
    for _ in range(ROUNDS):
        for one in taken:
            taken[one].append(steps[one]())
        taken = {one: seconds for one, seconds in taken.items() if seconds[0] <= _SLOWER * taken[usual][0]}
        if len(taken) == 1:
            break
    gains = {
        one: statistics.median(slow / max(fast, _TICK) for slow, fast in zip(taken[usual], seconds, strict=True))
        for one, seconds in taken.items()
    }
    best = max(gains, key=gains.__getitem__)  # ties: the usual, which is first
    seconds = {one: statistics.median(each) for one, each in taken.items()}
    return Quickest(best if gains[best] >= CLEARLY else usual, seconds)


def _stepper(
    module: nn.Module,
    images: UInt8[Tensor, "images 3 side side"],
    labels: Int[Tensor, " images"],
    recipe: Recipe,
    augment: Augment,
    computing: Computing,
) -> Callable[[], float]:
    """Return a function that takes a step on all images, with a copy of the module, and returns its seconds."""
    learner = copy.deepcopy(module).train()
    work = work_of(learner, images, labels, recipe, 0, augment, computing)
    learner.to(memory_format=LAYOUTS[computing.layout])
    optimizer, rows, numbers = make_optimizer(learner, recipe), torch.arange(len(images)), count()
    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter

    def step() -> float:
        begin = now()
        take_step(learner, optimizer, work, rows, 0, next(numbers), recipe.lr)
        return now() - begin

    return step


def _noise(images: int, size_px: int, classes: int) -> tuple[Tensor, Tensor]:
    """Return images of noise, and labels."""
    noise = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, size_px, size_px), dtype=torch.uint8, generator=noise)
    return pixels, torch.randint(0, classes, (images,), generator=noise)
