"""Predictions of a blend chunk by chunk, with early exit.

Chunks begin at multiples of the batch size, so without a cascade an image stands in its batch
as it does in `ek tta`, and its logits are the same bits. Nothing of a chunk is kept after it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from ensemble_kit.ensembling.selective import Answers, Step, answer, answers, follow
from ensemble_kit.images import Chunk, stream_images
from ensemble_kit.pipeline.models import PassSettings
from ensemble_kit.pipeline.predict.early_exit import EarlyExit
from ensemble_kit.pipeline.predict.predictor import Predictor
from ensemble_kit.reporting.terminal import say
from ensemble_kit.types import Pool, Scores, ViewLogits

CHUNK_BATCHES: Final = 16  # computed together, so that those left after a step still fill batches
CHUNK_BYTES: Final = 1 << 28  # of pixels and logits


class Answered(NamedTuple):
    """A chunk, the rows of it that could be read, and what is said of these after so many steps of the cascade."""

    chunk: Chunk
    rows: np.ndarray
    said: Answers
    steps: np.ndarray


class Runner:
    """One member at work: from pixels to logits in the blend's order of classes."""

    def __init__(self, predictor: Predictor, place: int, settings: PassSettings, quiet: bool) -> None:
        """Know the member; nothing is loaded before there are images."""
        self._settings, self._quiet = settings, quiet
        self._model, self._manifest = predictor.models[place], predictor.members[place].manifest
        own = {name: column for column, name in enumerate(self._manifest.classes)}
        self._columns = [own[name] for name in predictor.classes]
        self._running: Any = None
        self._batch_size = settings.batch_size

    def run(self, images: np.ndarray, views: Sequence[int]) -> ViewLogits:
        """Return the logits of some views of the member."""
        from ensemble_kit.inference.engines import compute_logits, start

        if self._running is None:
            run, settings = self._model.load(self._manifest.classes), self._settings
            self._running = start(
                run, settings.engine, settings.device, images[: settings.batch_size], settings.precision
            )
            if self._running.note:
                say(f"{self._manifest.name}: {self._running.note}", self._quiet)
        result = compute_logits(self._running, images, [self._manifest.views[view] for view in views], self._batch_size)
        if result.batch_size < self._batch_size:
            self._batch_size = result.batch_size
            say(
                f"{self._manifest.name}: out of memory; going on with {result.batch_size} images at a time.",
                self._quiet,
            )
        return result.logits if self._columns == list(range(len(self._columns))) else result.logits[..., self._columns]


def answered_chunks(
    predictor: Predictor,
    early_exit: EarlyExit | None,
    settings: PassSettings,
    places: Sequence[Path],
    max_px: int | None,
    quiet: bool,
) -> Iterator[Answered]:
    """Yield what is said of the images, chunk by chunk.

    Raises:
        BadDataError: logits that are not finite, or images that are there no more.
        InvalidOptionError: an engine that does not compute what plain PyTorch does.
        ResourceError: memory that is not there.
    """
    runners = {place: Runner(predictor, place, settings, quiet) for place in predictor.models}
    sizes, whole = {model.size_px for model in predictor.models.values()}, predictor.whole
    for chunk in stream_images(places, sizes, _chunk(predictor, settings.batch_size, sizes), max_px):
        rows = np.delete(np.arange(len(chunk.ids)), list(chunk.unreadable))
        computed = _empty_pool(predictor, len(chunk.ids))
        if not len(rows):
            said, steps = _nothing(predictor), rows
        elif early_exit is None:
            for step in predictor.every:  # unreadable images stay in their place, black, as in `ek tta`
                _run(runners, predictor, chunk, computed, step, np.arange(len(chunk.ids)))
            said, steps = answer(whole.pool(computed.rows(rows)), whole.tuned), np.zeros(len(rows), np.int64)
        else:
            steps = _followed(runners, predictor, early_exit, chunk, computed, rows)
            said = answers(whole, predictor.steps, early_exit.rule, computed.rows(rows), steps)
        yield Answered(chunk, rows, said, steps)


def _followed(
    runners: dict[int, Runner],
    predictor: Predictor,
    early_exit: EarlyExit,
    chunk: Chunk,
    computed: Pool,
    rows: np.ndarray,
) -> np.ndarray:
    """Run steps until the class is settled; return how many each image took."""

    def logits_of(place: int, left: np.ndarray) -> Scores:
        _run(runners, predictor, chunk, computed, predictor.steps.steps[place], rows[left])
        logits: Scores = predictor.steps.only([place]).logits(computed.rows(rows[left]))[0]
        return logits

    return follow(early_exit.rule, len(rows), logits_of).steps


def _run(
    runners: dict[int, Runner], predictor: Predictor, chunk: Chunk, computed: Pool, step: Step, rows: np.ndarray
) -> None:
    """Compute the logits of a member on some images of a chunk, and keep them."""
    images = chunk.images[predictor.models[step.member].size_px]
    some = images if len(rows) == len(images) else images[rows]
    computed.logits[step.member][np.ix_(np.array(step.views), rows)] = runners[step.member].run(some, step.views)


def _empty_pool(predictor: Predictor, images: int) -> Pool:
    """Return the blend's pool with room for what will be seen; who has no say takes none."""
    manifests = [member.manifest for member in predictor.members]
    shapes = [(len(manifest.views), images, len(predictor.classes)) for manifest in manifests]
    return Pool(
        members=tuple(manifest.name for manifest in manifests),
        views=tuple(manifest.views for manifest in manifests),
        logits=tuple(
            np.zeros(shape, np.float32) if place in predictor.models else np.broadcast_to(np.float32(0), shape)
            for place, shape in enumerate(shapes)
        ),
        ids=tuple(map(str, range(images))),
        classes=predictor.classes,
    )


def _nothing(predictor: Predictor) -> Answers:
    return Answers(np.zeros(0, np.int64), np.zeros((0, len(predictor.classes))), np.zeros(0))


def _chunk(predictor: Predictor, batch_size: int, sizes: set[int]) -> int:
    """Return how many images are in memory at once."""
    views = sum(len(predictor.members[place].manifest.views) for place in predictor.models)
    each_bytes = 3 * sum(size * size for size in sizes) + 4 * views * len(predictor.classes)
    return batch_size * min(max(CHUNK_BYTES // (each_bytes * batch_size), 1), CHUNK_BATCHES)
