"""From a pool and the numbers of a blend to scores, probabilities and predictions.

Images are taken tile by tile, and threads share the tiles: however large the
memory-mapped members are, only some tiles are in memory. A tile knows nothing of the
others, so neither its size nor the number of threads can change a bit of a result.
Members and views of weight 0 are never read, labels neither. Sums run in float64, in the
order of members and of their views; see `float32_argmax` for how most of them are spared.
A stack is the exception: it hears every member, and the last bits of its matrix products
may depend on the tile.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining.float32_argmax import Screen, first_guess, screen
from ensemble_kit.ensembling.combining.stacked import stacked
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.combining.voting import Cast, Voting, cast_logit, cast_prob, decide, normalised, softmax
from ensemble_kit.errors import MisalignedError
from ensemble_kit.processors import usable_processors
from ensemble_kit.tables import pick
from ensemble_kit.types import MemberLogits, Pool, Scores, Tuned

TILE_SCORES = 1 << 18  # images times classes of a tile: a megabyte in float32, as caches like it

Rows = slice | Int[np.ndarray, " some"]
EVERY_ROW: Final = slice(None)
ImageLogits = Float[np.ndarray, "images classes"]


class Share(NamedTuple):
    """What one member of weight above 0 brings: its views of weight above 0, each with that weight."""

    views: tuple[tuple[ImageLogits, float], ...]
    temperature: float
    weight: float


def scores(pool: Pool, tuned: Tuned, threads: int | None = None) -> Scores:
    """Return the blend's scores in the unit of its votes; labels are not read.

    Args:
        threads: how many work at once; None: as many as this process has processors.

    Raises:
        MisalignedError: the numbers do not fit the pool's members or views.
    """
    return _scores(pool, tuned, threads, lambda counted: counted)


def probabilities(pool: Pool, tuned: Tuned, threads: int | None = None) -> Scores:
    """Return the probabilities of the classes; for votes the vote shares, which are none.

    Args, Raises: as `scores`.
    """
    if voting_of(tuned.method).unit != "logits":
        return scores(pool, tuned, threads)
    return _scores(pool, tuned, threads, lambda counted: softmax(counted / tuned.blend_temperature))


def predict(pool: Pool, tuned: Tuned, threads: int | None = None) -> Int[np.ndarray, " images"]:
    """Return the winning class of each image; see `voting.decide` for ties.

    Args, Raises: as `scores`.
    """
    voting = voting_of(tuned.method)
    count = _counter(pool, tuned, [voting.cast, cast_prob] if voting.unit == "votes" else [voting.cast])
    _, images, classes = pool.logits[0].shape
    winners, left = np.empty(images, np.int64), np.arange(images)
    if voting.cast is cast_logit and tuned.stack is None and (quick := screen(_terms(_shares(pool, tuned)))):
        winners, left = _screened(quick, images, classes, threads)

    def settle(tile: slice) -> None:
        winners[left[tile]] = decide(*count(left[tile]))

    _each_tile(settle, len(left), classes, threads)
    return winners


def calibrated(pool: Pool, tuned: Tuned, rows: Rows = EVERY_ROW) -> MemberLogits:
    """Return the logits of every member, views merged and divided by its temperature, in float64.

    Raises:
        MisalignedError: the numbers do not fit the pool's members or views.
    """
    every = _shares(pool, replace(tuned, weights=np.ones(len(tuned.weights))))
    return np.stack([_calibrated(share, rows) for share in every])


def voting_of(method: str) -> Voting:
    """Return the voting of that method.

    Raises:
        UnknownNameError: no method has that name.
    """
    voting: Voting = pick(METHODS, method, "method").load()
    return voting


def _scores(pool: Pool, tuned: Tuned, threads: int | None, finish: Callable[[Scores], Scores]) -> Scores:
    """Return what `finish` makes of the scores of each tile."""
    count = _counter(pool, tuned, [voting_of(tuned.method).cast])
    _, images, classes = pool.logits[0].shape
    finished = np.empty((images, classes))

    def fill(tile: slice) -> None:
        finished[tile] = finish(*count(tile))

    _each_tile(fill, images, classes, threads)
    return finished


def _shares(pool: Pool, tuned: Tuned) -> list[Share]:
    """Return what each member brings; those of weight 0 bring nothing, but are checked as well."""
    parts = (tuned.view_weights, tuned.temperatures, tuned.weights)
    if any(len(part) != len(pool.members) for part in parts):
        raise MisalignedError(
            f"The blend was tuned for {len(tuned.weights)} members, the pool has "
            f"{len(pool.members)}; give it the members it was tuned on."
        )
    seen = [
        tuple(
            (view, float(weight))
            for view, weight in zip(np.asarray(logits), normalised(given, len(logits)), strict=True)
            if weight
        )
        for logits, given in zip(pool.logits, tuned.view_weights, strict=True)
    ]
    weights = normalised(tuned.weights, len(pool.members))
    shares = map(Share, seen, map(float, tuned.temperatures), map(float, weights))
    return [share for share in shares if share.weight]


def _screened(
    quick: Screen, images: int, classes: int, threads: int | None
) -> tuple[Int[np.ndarray, " images"], Int[np.ndarray, " left"]]:
    """Return the winners as a float32 sum finds them, and the images that it leaves to be decided."""
    winners, sure = np.empty(images, np.int64), np.empty(images, np.bool_)

    def fill(tile: slice) -> None:
        winners[tile], sure[tile] = first_guess(quick, tile)

    _each_tile(fill, images, classes, threads)
    return winners, np.flatnonzero(~sure)


def _terms(shares: Sequence[Share]) -> list[tuple[ImageLogits, float]]:
    """Return a logit sum as one sum over all views of all members: arrays and factors."""
    return [(view, share.weight * weight / share.temperature) for share in shares for view, weight in share.views]


def _counter(pool: Pool, tuned: Tuned, casts: Sequence[Cast]) -> Callable[[Rows], list[Scores]]:
    """Return what gives the scores of some images, in float64: once for each way to cast, or those of the stack."""
    stack = tuned.stack
    if stack is None:
        shares = _shares(pool, tuned)
        return lambda rows: _counted(shares, rows, casts)
    return lambda rows: [stacked(calibrated(pool, tuned, rows), stack)]


def _counted(shares: Sequence[Share], rows: Rows, casts: Sequence[Cast]) -> list[Scores]:
    """Return the scores of some images, once for each way to cast."""
    sums: list[Scores] = []
    for share in shares:
        calibrated = _calibrated(share, rows)[None]
        votes = [share.weight * cast(calibrated)[0] for cast in casts]
        sums = [total + vote for total, vote in zip(sums, votes, strict=True)] if sums else votes
    return sums


def _calibrated(share: Share, rows: Rows) -> Scores:
    """Return a member's logits of some images in float64: views merged, divided by its temperature."""
    merged = sum(weight * view[rows].astype(np.float64, order="C") for view, weight in share.views)
    calibrated: Scores = np.divide(merged, share.temperature)
    return calibrated


def _each_tile(work: Callable[[slice], None], images: int, classes: int, threads: int | None) -> None:
    """Do the work for every tile of images; a lone tile needs no threads."""
    step = max(1, TILE_SCORES // max(1, classes))
    tiles = [slice(start, min(start + step, images)) for start in range(0, images, step)]
    workers = min(len(tiles), threads or usable_processors())
    if workers <= 1:
        for tile in tiles:
            work(tile)
        return
    with ThreadPoolExecutor(workers) as executor:
        for _ in executor.map(work, tiles):
            pass  # an error in a tile is raised here
