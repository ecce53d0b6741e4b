"""Fewer classes an image, where a pool has too many numbers to tune on.

Of a thousand classes an image has a few dozen in question; the others hold next to none of
the probability of any member. So a large pool is read tile by tile, and only the likeliest
classes of each image are kept, the label among them. What is tuned on them (view weights,
temperatures, weights) names no class, so it holds for the pool as it was. Log losses leave
out what the dropped classes hold; which image is right does not change unless a class wins
that no 64 others trail in mean probability.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.processors import usable_processors
from ensemble_kit.types import Labels, Pool

KEPT: Final = 64
LARGE: Final = 200_000_000  # numbers of a pool: views of all members * images * classes
_TILE: Final = 250  # images


def condensed(pool: Pool, large: int = LARGE, kept: int = KEPT) -> Pool:
    """Return a large labelled pool with only the likeliest classes of each image; a small one as it is.

    The label of an image stands at place `label % kept` of its kept classes, so that images
    of one class still share a label; the other places are in no order.

    Args:
        large: more numbers than this are too many.
        kept: how many classes of each image stay.
    """
    numbers = sum(logits.size for logits in pool.logits)
    if pool.labels is None or numbers <= large or len(pool.classes) <= kept:
        return pool
    images = len(pool.ids)
    fewer = tuple(np.empty((len(logits), images, kept), dtype=np.float32) for logits in pool.logits)

    def fill(begin: int) -> None:
        rows = slice(begin, min(begin + _TILE, images))
        labels = pool.labels[rows] if pool.labels is not None else np.empty(0, dtype=np.int64)
        tile = [np.asarray(logits[:, rows], dtype=np.float32) for logits in pool.logits]
        column = _likeliest(tile, labels, kept)
        for small, whole in zip(fewer, tile, strict=True):
            small[:, rows] = np.take_along_axis(whole, column[None], axis=2)

    with ThreadPoolExecutor(usable_processors()) as executor:
        for _ in executor.map(fill, range(0, images, _TILE)):
            pass  # an error in a tile is raised here
    places = tuple(f"place {place}" for place in range(kept))
    return replace(pool, logits=fewer, classes=places, labels=pool.labels % kept)


def _likeliest(
    tile: list[Float[np.ndarray, "_ images classes"]], labels: Labels, kept: int
) -> Int[np.ndarray, "images kept"]:
    """Return the classes of largest mean probability over members' first views, the label at its place."""
    mean = np.zeros(tile[0].shape[1:], dtype=np.float32)
    for logits in tile:
        chances = np.exp(logits[0] - logits[0].max(axis=1, keepdims=True))
        mean += chances / chances.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    mean[rows, labels] = np.inf
    column = np.argpartition(-mean, kept - 1, axis=1)[:, :kept]
    at = (column == labels[:, None]).argmax(axis=1)
    place = labels % kept
    column[rows, at] = column[rows, place]
    column[rows, place] = labels
    return column
