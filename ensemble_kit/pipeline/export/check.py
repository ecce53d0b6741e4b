"""The graph of a blend against PyTorch, on images.

Each file is decoded once and kept only as squares of the members' sizes. Never lets a graph
pass that gives other probabilities than PyTorch on the same pixels. Where it resizes, a value half-way
between two whole numbers may be rounded otherwise, which moves some images a little.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble_kit.ensembling.combining import apply as applying
from ensemble_kit.errors import BadDataError
from ensemble_kit.images import decode, read_file, resize
from ensemble_kit.reporting.terminal import Watch
from ensemble_kit.types import Pool, Tuned

IMAGES = 100
BATCH = 16
TOLERANCE = 1e-4  # of a probability
ROUNDED = 1e-2  # likewise, for the few images of which a half is rounded otherwise
TIE = 1e-5  # of a member's largest logit: nearer ones may change places between two ways to compute
TIE_ROUNDED = 1e-3  # likewise, where a half may be rounded otherwise


class Checked(NamedTuple):
    """See `ExportReport` for what these are."""

    images: int
    largest_difference: float
    near_ties: int
    squares_px: int
    squares_changed: int
    ms_graph: float
    ms_torch: float


class Said(NamedTuple):
    """What one way says of images: probabilities or vote shares, and places of classes."""

    probabilities: np.ndarray
    labels: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Sequence[np.ndarray]]) -> "Said":
        """Return what was said of several batches."""
        return cls(*(np.concatenate(each) for each in zip(*parts, strict=True)))


class Torch(NamedTuple):
    """The blend in PyTorch: member graphs of `inference.blend_graph`, and the numbers for their pool."""

    graphs: Sequence[Any]
    tuned: Tuned
    classes: tuple[str, ...]

    @property
    def sizes_px(self) -> list[int]:
        """Every input size of a member."""
        return sorted({graph.size_px for graph in self.graphs})


def check(graph: bytes, side_px: int | None, blend: Torch, paths: Sequence[Path], quiet: bool) -> Checked:
    """Compare a graph with PyTorch on up to 100 images, evenly spaced.

    Args:
        side_px: of the images that the graph takes; None: any.

    Raises:
        BadDataError: no image can be read, or the graph says something else than PyTorch.
    """
    from ensemble_kit.inference.engines import open_session

    session = open_session(graph)
    squares_px = side_px or blend.sizes_px[-1]
    squares, as_they_are = _seen(session if side_px is None else None, {*blend.sizes_px, squares_px}, paths, quiet)
    batches = np.split(squares[squares_px], range(BATCH, len(squares[squares_px]), BATCH))
    started = time.perf_counter()
    given = Said.joined([run(session, batch) for batch in batches])
    ms_graph = 1000 * (time.perf_counter() - started) / len(given.labels)
    files, pool, ms_torch = _through_torch(blend, squares)
    found, expected = as_they_are, files
    if found is None:
        twice = {size: _resized(squares[squares_px], size) for size in blend.sizes_px}
        found = given
        if any(size != squares_px for size in blend.sizes_px):
            expected, pool, _ = _through_torch(blend, twice)
    resizes = blend.sizes_px != [side_px]
    sure = _sure(pool, blend.tuned, TIE_ROUNDED if resizes else TIE)
    return Checked(
        images=len(files.labels),
        largest_difference=compare(found, expected, sure, ROUNDED if resizes else TOLERANCE),
        near_ties=int((~sure).sum()),
        squares_px=squares_px,
        squares_changed=int((given.labels != files.labels).sum()),
        ms_graph=ms_graph,
        ms_torch=ms_torch,
    )


def compare(found: Said, expected: Said, sure: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """Return the largest difference between probabilities, over the images that are sure.

    Args:
        tolerance: of any image; that of most is 1e-4.

    Raises:
        BadDataError: the difference is above that, or a class differs although the best two are further apart.
    """
    if not sure.any():
        return 0.0
    apart = np.abs(found.probabilities - expected.probabilities)[sure].max(axis=1)
    best = np.sort(expected.probabilities, axis=1)[:, -2:]
    clear = sure & (best[:, -1] - best[:, 0] > tolerance)
    changed = int((found.labels != expected.labels)[clear].sum())
    largest, usual = (float(one) if np.isfinite(one) else float("inf") for one in (apart.max(), np.median(apart)))
    if changed or largest > tolerance or usual > TOLERANCE:
        raise BadDataError(
            f"The graph differs from PyTorch: on {int(sure.sum())} images the largest difference is "
            f"{largest:.1g} of a probability, the median {usual:.1g}, wanted {tolerance:.0e} and {TOLERANCE:.0e} at "
            f"most, and {changed} change their class. Nothing was written. Use PyTorch: ek predict."
        )
    return largest


def run(session: Any, images: np.ndarray) -> Sequence[np.ndarray]:
    """Return what the graph says of a batch."""
    said: Sequence[np.ndarray] = session.run(None, {session.get_inputs()[0].name: images})
    return said


def _seen(
    session: Any, sizes_px: set[int], paths: Sequence[Path], quiet: bool
) -> tuple[Mapping[int, np.ndarray], Said | None]:
    """Return the images as squares of each size, and what a graph says of them as they are, where there is one."""
    rows = np.unique(np.linspace(0, len(paths) - 1, min(IMAGES, len(paths))).round().astype(int))
    squares, said = defaultdict[int, list[np.ndarray]](list), []
    with Watch("check", len(rows), quiet) as watch:
        for row in rows:
            watch.advance()
            with suppress(BadDataError):  # members may have been made without it, too
                image = decode(read_file(paths[row]), paths[row])
                for size in sizes_px:
                    squares[size].append(resize(image, size))
                if session is not None:
                    said.append(run(session, np.ascontiguousarray(image.transpose(2, 0, 1))[None]))
    if not squares:
        raise BadDataError(
            f"None of {len(rows)} images can be read, first '{paths[0]}'. Name others: --check-on FOLDER."
        )
    return {size: np.stack(some) for size, some in squares.items()}, Said.joined(said) if said else None


def _resized(squares: np.ndarray, size_px: int) -> np.ndarray:
    return np.stack([resize(square.transpose(1, 2, 0), size_px) for square in squares])


def _through_torch(blend: Torch, squares: Mapping[int, np.ndarray]) -> tuple[Said, Pool, float]:
    """Return what plain PyTorch says of squares, by the way of `ek tta`, the pool, and milliseconds per image."""
    from ensemble_kit.inference.engines import compute_logits, start

    logits, ms = [], 0.0
    for graph in blend.graphs:
        images = squares[graph.size_px]
        running = start(graph.network, "eager", "cpu", images[:BATCH])
        compute_logits(running, images[:1], graph.views[:1], BATCH)  # the first pass costs more
        result = compute_logits(running, images, graph.views, BATCH)
        logits.append(result.logits)
        ms += float(result.ms_by_view.sum())
    names = tuple(map(str, range(len(logits))))
    ids = tuple(map(str, range(logits[0].shape[1])))
    pool = Pool(names, tuple(graph.views for graph in blend.graphs), tuple(logits), ids, blend.classes)
    return Said(applying.probabilities(pool, blend.tuned), applying.predict(pool, blend.tuned)), pool, ms


def _sure(pool: Pool, tuned: Tuned, tie: float) -> np.ndarray:
    """Return which images no rounding can change the votes on; all of them where no votes are counted."""
    logits = np.sort(applying.calibrated(pool, tuned), axis=-1)
    voting = applying.voting_of(tuned.method)
    if voting.unit != "votes" or logits.shape[-1] < 2:
        return np.ones(logits.shape[1], dtype=np.bool_)
    gaps = np.diff(logits, axis=-1)
    nearest = gaps[..., -1] if voting.best_only else gaps.min(axis=-1)
    sure: np.ndarray = (nearest > tie * np.abs(logits).max(axis=(1, 2), keepdims=True)[..., 0]).all(axis=0)
    return sure
