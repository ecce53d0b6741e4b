"""A blend that looks at pictures chunk by chunk, no further than needed.

Chunks begin at multiples of the batch size, so without a cascade a picture stands in its batch
as it does in `ek tta`, and its logits are the same bits. Nothing of a chunk is kept after it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from ensemble_kit.ensembling.selective import Answers, Look, answer, answers, follow
from ensemble_kit.images import Chunk, stream_pictures
from ensemble_kit.pipeline.models import Way
from ensemble_kit.pipeline.predict.cascade import Stop
from ensemble_kit.pipeline.predict.predictor import Asked
from ensemble_kit.reporting import say
from ensemble_kit.types import Pool, Scores, ViewLogits

CHUNK_BATCHES: Final = 16  # looked at together, so that those left after a look still fill batches
CHUNK_BYTES: Final = 1 << 28  # of pixels and logits


class Answered(NamedTuple):
    """A chunk, the rows of it that could be read, and what is said of these after so many looks of the cascade."""

    chunk: Chunk
    rows: np.ndarray
    said: Answers
    looks: np.ndarray


class Eye:
    """One member at work: from pixels to logits in the blend's order of classes."""

    def __init__(self, asked: Asked, place: int, way: Way, quiet: bool) -> None:
        """Know the member; nothing is loaded before there are pictures to look at."""
        self._asked, self._way, self._quiet = asked, way, quiet
        self._model, self._manifest = asked.models[place], asked.members[place].manifest
        own = {name: column for column, name in enumerate(self._manifest.classes)}
        self._columns = [own[name] for name in asked.classes]
        self._running: Any = None
        self._batch_size = way.batch_size

    def look(self, images: np.ndarray, views: Sequence[int]) -> ViewLogits:
        """Return the logits of some views of the member."""
        from ensemble_kit.inference.engines import look, start

        if self._running is None:
            run, way = self._model.load(self._manifest.classes), self._way
            self._running = start(run, way.engine, way.device, images[: way.batch_size], way.precision)
            if self._running.note:
                say(f"{self._manifest.name}: {self._running.note}", self._quiet)
        looked = look(self._running, images, [self._manifest.views[view] for view in views], self._batch_size)
        if looked.batch_size < self._batch_size:
            self._batch_size = looked.batch_size
            say(
                f"{self._manifest.name}: out of memory; going on with {looked.batch_size} pictures at a time.",
                self._quiet,
            )
        return looked.logits if self._columns == list(range(len(self._columns))) else looked.logits[..., self._columns]


def answered_chunks(
    asked: Asked, stop: Stop | None, way: Way, places: Sequence[Path], quiet: bool
) -> Iterator[Answered]:
    """Yield what is said of the pictures, chunk by chunk.

    Raises:
        BadDataError: logits that are not finite, or pictures that are there no more.
        InvalidOptionError: an engine that does not compute what plain PyTorch does.
        ResourceError: memory that is not there.
    """
    eyes = {place: Eye(asked, place, way, quiet) for place in asked.models}
    sizes, whole = {model.size_px for model in asked.models.values()}, asked.whole
    for chunk in stream_pictures(places, sizes, _chunk(asked, way.batch_size, sizes)):
        rows = np.delete(np.arange(len(chunk.ids)), list(chunk.unreadable))
        seen = _unseen(asked, len(chunk.ids))
        if not len(rows):
            said, looks = _nothing(asked), rows
        elif stop is None:
            for look in asked.every:  # unreadable pictures stay in their place, black, as in `ek tta`
                _see(eyes, asked, chunk, seen, look, np.arange(len(chunk.ids)))
            said, looks = answer(whole.pool(seen.rows(rows)), whole.tuned), np.zeros(len(rows), np.int64)
        else:
            looks = _followed(eyes, asked, stop, chunk, seen, rows)
            said = answers(whole, asked.looks, stop.rule, seen.rows(rows), looks)
        yield Answered(chunk, rows, said, looks)


def _followed(eyes: dict[int, Eye], asked: Asked, stop: Stop, chunk: Chunk, seen: Pool, rows: np.ndarray) -> np.ndarray:
    """Ask no further than needed; return how many looks each picture took."""

    def logits_of(place: int, left: np.ndarray) -> Scores:
        _see(eyes, asked, chunk, seen, asked.looks.looks[place], rows[left])
        logits: Scores = asked.looks.only([place]).logits(seen.rows(rows[left]))[0]
        return logits

    return follow(stop.rule, len(rows), logits_of).looks


def _see(eyes: dict[int, Eye], asked: Asked, chunk: Chunk, seen: Pool, look: Look, rows: np.ndarray) -> None:
    """Let a member look at some pictures of a chunk, and keep what it says."""
    images = chunk.images[asked.models[look.member].size_px]
    some = images if len(rows) == len(images) else images[rows]
    seen.logits[look.member][np.ix_(np.array(look.views), rows)] = eyes[look.member].look(some, look.views)


def _unseen(asked: Asked, images: int) -> Pool:
    """Return the blend's pool with room for what will be seen; who has no say takes none."""
    manifests = [member.manifest for member in asked.members]
    shapes = [(len(manifest.views), images, len(asked.classes)) for manifest in manifests]
    return Pool(
        members=tuple(manifest.name for manifest in manifests),
        views=tuple(manifest.views for manifest in manifests),
        logits=tuple(
            np.zeros(shape, np.float32) if place in asked.models else np.broadcast_to(np.float32(0), shape)
            for place, shape in enumerate(shapes)
        ),
        ids=tuple(map(str, range(images))),
        classes=asked.classes,
    )


def _nothing(asked: Asked) -> Answers:
    return Answers(np.zeros(0, np.int64), np.zeros((0, len(asked.classes))), np.zeros(0))


def _chunk(asked: Asked, batch_size: int, sizes: set[int]) -> int:
    """Return how many pictures are in memory at once."""
    views = sum(len(asked.members[place].manifest.views) for place in asked.models)
    each_bytes = 3 * sum(size * size for size in sizes) + 4 * views * len(asked.classes)
    return batch_size * min(max(CHUNK_BYTES // (each_bytes * batch_size), 1), CHUNK_BATCHES)
