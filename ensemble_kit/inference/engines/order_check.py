"""Proof that the logits of an image depend on that image alone.

They do not where a network is left in training mode (batch statistics), and then every figure
hangs on the order of the files. Never evaluates the logits themselves. To add an arrangement: a line in `_arranged`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ensemble_kit.inference.engines.agreement import Agreement, compare, tolerance_of
from ensemble_kit.inference.engines.memory import is_out_of_memory
from ensemble_kit.inference.engines.start import Run, Running, floats, start

IMAGES: Final = 32
BLACK: Final = -1  # the row of a black image


@dataclass(frozen=True)
class OrderCheck:
    """How little the order matters.

    images: how many images were compared.
    relative_difference: the largest, divided by the largest absolute logit of the whole batch in
        order; infinite where the model fails on some arrangement.
    changed: the most images that change their class in one arrangement, ties apart.
    worst: the arrangement of the largest difference.
    holds: whether the difference is within the tolerance and no class changes.
    """

    images: int
    relative_difference: float
    changed: int
    worst: str
    holds: bool


def check_order(
    running: Running | Callable[..., Any], images: UInt8[np.ndarray, "images 3 size size"], device: str = "cpu"
) -> OrderCheck:
    """Compare the logits of images as one batch with those in other orders, batches and company.

    Args:
        running: an engine at work, or any callable, float pixels in [0, 1] -> logits.
        images: the first 32 are taken.
        device: of a callable; an engine knows its own.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (5, 3, 2, 2), dtype=np.uint8)
        >>> check_order(lambda pixels: pixels.mean((2, 3)), images).holds
        True
        >>> check_order(lambda pixels: (pixels - pixels.mean(0)).mean((2, 3)), images).holds
        False
    """
    images = np.array(images[:IMAGES])
    if not isinstance(running, Running):
        forward = running.forward if isinstance(running, torch.nn.Module) else running  # in the mode it is in
        running = start(forward, "eager", device, images)
    tolerance = tolerance_of(running.device, running.precision)
    black = np.zeros_like(images[:1])
    pixels = floats(np.concatenate([images, black]), running.device)
    with torch.inference_mode():
        whole = running.run(pixels[:BLACK])
        found = {
            name: _agreement(running.run, pixels, batches, whole, tolerance)
            for name, batches in _arranged(len(images)).items()
        }
    worst = max(found, key=lambda name: found[name].relative_error)
    difference = found[worst].relative_error
    changed = max(one.changed for one in found.values())
    return OrderCheck(len(images), difference, changed, worst, changed == 0 and difference <= tolerance)


def _arranged(count: int) -> Mapping[str, list[Int[np.ndarray, " _"]]]:
    """Return, for each arrangement, the rows of its batches."""
    rows = np.arange(count)
    return {
        "reversed": [rows[::-1]],
        "shuffled": [np.random.default_rng(0).permutation(count)],
        "in batches of 7": np.split(rows, range(7, count, 7)),
        "in batches of 1": np.split(rows, count),
        "beside black images": [np.stack([rows, np.full(count, BLACK)], axis=1).ravel()],
    }


def _agreement(
    run: Run,
    pixels: Float[Tensor, "_ 3 size size"],
    batches: list[Int[np.ndarray, " _"]],
    whole: Float[Tensor, "images classes"],
    tolerance: float,
) -> Agreement:
    """Return how well an arrangement's logits fit those of the whole batch, image by image."""
    logits = torch.empty_like(whole)
    for rows in batches:
        try:
            seen = run(pixels[rows.tolist()])
        except (RuntimeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            return Agreement(float("inf"), len(whole))
        kept = rows != BLACK
        logits[rows[kept].tolist()] = seen[kept.tolist()]
    return compare(logits, whole, tolerance)
