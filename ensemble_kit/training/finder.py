"""The learning-rate range test: rates rise step by step until the loss no longer follows.

Training with a rate that grows a little every step shows, in one short run, from where on a
network learns, how fast, and where it breaks. Never reads or writes files; what was trained
on the way is worth nothing. `sweep` knows no network: any function of a step and a rate that
returns a loss will do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.recipes import Recipe, check
from ensemble_kit.training.step import Augment, batches, take_step, work_of

TakeStep = Callable[[int, float], float]
"""(step from 0, learning rate) -> the loss before that step was taken."""

LOWEST: Final = 1e-7
HIGHEST: Final = 1.0
KEPT: Final = 0.9  # share of the smoothed loss that each step keeps
DIVERGED: Final = 4.0  # times the lowest smoothed loss
LEAST_STEPS: Final = 20
_LEAST_FALL = 0.03  # share of the first losses by which the smoothed loss must fall
_STRETCH = 4.0


@dataclass(frozen=True)
class Sweep:
    """What a range test saw: one rate, loss and smoothed loss a step; losses are finite.

    diverged: the loss grew out of bounds before the rates were through.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: bool


class Suggestion(NamedTuple):
    """Learning rates that a sweep speaks for.

    steepest: where the smoothed loss falls fastest, per factor of the rate.
    lowest: where it is lowest; the network is about to break there.
    tenth: a tenth of that.
    """

    steepest: float
    lowest: float
    tenth: float


def rising_rates(steps: int, low: float = LOWEST, high: float = HIGHEST) -> tuple[float, ...]:
    """Return rates from `low` to `high`, each the same factor above the one before.

    Raises:
        InvalidOptionError: too few steps to see anything.

    Example:
        >>> [round(rate, 3) for rate in rising_rates(21, 0.01, 1.0)[::10]]
        [0.01, 0.1, 1.0]
    """
    if steps < LEAST_STEPS:
        raise InvalidOptionError(f"--steps is {steps}; wanted a whole number from {LEAST_STEPS}.")
    return tuple(np.geomspace(low, high, steps).tolist())


def sweep(take_step: TakeStep, rates: Sequence[float], on_step: Callable[[], None] = lambda: None) -> Sweep:
    """Take a step with each rate in turn, until the loss diverges.

    It does where it is no finite number, or its smoothed value exceeds four times the lowest so far.

    Args:
        on_step: called after every step.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017.
    """
    losses: list[float] = []
    smoothed: list[float] = []
    mean, lowest = 0.0, math.inf
    for step, rate in enumerate(rates):
        loss = take_step(step, rate)
        on_step()
        if not math.isfinite(loss):
            return Sweep(tuple(rates[:step]), tuple(losses), tuple(smoothed), True)
        mean = KEPT * mean + (1.0 - KEPT) * loss
        losses.append(loss)
        smoothed.append(mean / (1.0 - KEPT ** (step + 1)))
        lowest = min(lowest, smoothed[-1])
        if smoothed[-1] > DIVERGED * lowest:
            return Sweep(tuple(rates[: step + 1]), tuple(losses), tuple(smoothed), True)
    return Sweep(tuple(rates), tuple(losses), tuple(smoothed), False)


def suggest(seen: Sweep) -> Suggestion:
    """Return the rates that a sweep speaks for.

    Raises:
        InvalidOptionError: the loss never fell, so that no rate can be told from another.

    Example:
        >>> rates = rising_rates(29)  # four steps to a factor of 10
        >>> curve = (2.0,) * 13 + (1.8, 1.4, 0.8, 0.5, 0.2, 0.1, 0.2, 0.4, 0.8)
        >>> found = suggest(Sweep(rates[:22], curve, curve, True))
        >>> [f"{rate:.1e}" for rate in found]
        ['3.2e-04', '3.2e-03', '3.2e-04']
    """
    smoothed = np.array(seen.smoothed)
    start = np.median(smoothed[: LEAST_STEPS // 2]) if len(smoothed) else 0.0
    place = int(smoothed.argmin()) if len(smoothed) else 0
    if place < 2 or smoothed[place] > (1.0 - _LEAST_FALL) * start:
        raise InvalidOptionError(
            f"The loss did not fall at any learning rate from {LOWEST:g} on, in {len(smoothed)} steps; wanted a "
            f"fall by {_LEAST_FALL:.0%}. Raise --steps or --batch-size, or check the labels: ek data check."
        )
    lowest = seen.rates[place]
    return Suggestion(_steepest(smoothed[: place + 1], np.array(seen.rates[: place + 1])), lowest, lowest / 10)


def _steepest(smoothed: Float[np.ndarray, " steps"], rates: Float[np.ndarray, " steps"]) -> float:
    """Return the middle of the stretch, a factor of 4 long, over which the loss falls most; single steps are noise."""
    width = max(1, round(math.log(_STRETCH) / math.log(rates[1] / rates[0])))
    first = min(LEAST_STEPS // 2, len(rates) - width - 1)  # the mean of the first few losses is noise too
    if first < 0:
        return float(math.sqrt(rates[0] * rates[-1]))
    falls = smoothed[first + width :] - smoothed[first:-width]
    start = first + int(falls.argmin())
    return float(math.sqrt(rates[start] * rates[start + width]))


def stepper(
    module: nn.Module,
    images: UInt8[Tensor, "images 3 side side"],
    labels: Int[Tensor, " labels"],
    classes: int,
    recipe: Recipe,
    seed: int,
    augment: Augment,
    device: str | torch.device = "cpu",
) -> TakeStep:
    """Return a function that trains the module, in place, one step at the rate it is told.

    All layers learn, whatever the recipe's `head_epochs`; its schedule, epochs and running mean
    play no part.

    Args:
        module: takes float images in [0, 1], gives a logit for each of the `classes`.
        augment: as in `loop.fit`.

    Raises:
        InvalidOptionError: a recipe out of its range, or not one label per image.
    """
    check(recipe)
    if len(images) != len(labels) or not len(images):
        raise InvalidOptionError(f"Wanted one label per image, got {len(images)} images and {len(labels)} labels.")
    place = torch.device(device)
    module.to(place, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    images, labels = images.to(place), labels.to(place)
    optimizer = make_optimizer(module, recipe)
    work = work_of(module, images, labels, recipe, seed, augment)
    endless = ((epoch, index) for epoch in count() for index in batches(work, epoch))

    def next_step(step: int, rate: float) -> float:
        epoch, index = next(endless)
        return float(take_step(module, optimizer, work, torch.from_numpy(index).to(place), epoch, step, rate))

    return next_step
