"""Long forward passes in parts: how it is cut, who computes what, and the file of one part.

A part is some consecutive rows of one split. Where it begins and ends depends on the
images and the batch size alone, never on how many machines share the work; so whoever
computes a part computes the same bits. Its file is one line of sealed JSON, then the
logits as they lie in memory (float32, little-endian). Never opens a file: `jobs` does.
To put more into that file: a line in `_Head`.
"""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from ensemble_kit.disk import seal, unseal
from ensemble_kit.errors import CorruptError, InvalidOptionError, MisalignedError
from ensemble_kit.storage.files import build

PARTS_A_SPLIT = 64
LARGEST_PART_BYTES = 64 << 20
PART_FILE = re.compile(r"([^/]+)-([0-9]+)-([0-9]+)\.part")


@dataclass(frozen=True, order=True)
class Part:
    """The rows of a split from `first` up to, and without, `last`; both count from 0."""

    split: str
    first: int
    last: int

    @property
    def rows(self) -> slice:
        """What picks these rows from an array of all the split's images."""
        return slice(self.first, self.last)

    @property
    def images(self) -> int:
        """How many images these are."""
        return self.last - self.first

    @property
    def file(self) -> str:
        """The name of the file that holds the part."""
        return f"{self.split}-{self.first}-{self.last}.part"


class Finished(NamedTuple):
    """What was computed: logits, and milliseconds per image for each view."""

    logits: Float32[np.ndarray, "views rows classes"]
    ms_by_view: tuple[float, ...]


@dataclass(frozen=True)
class _Head:
    """What the first line of a part's file says."""

    job: str
    split: str
    first: int
    last: int
    views: int
    classes: int
    ms_by_view: tuple[float, ...]
    logits_sha256: str


def plan_parts(counts: Mapping[str, int], batch_size: int, bytes_per_image: int) -> tuple[Part, ...]:
    """Return the parts of all splits, split by split, each of whole batches but the last of a split.

    Args:
        counts: images by split; a split without any has no part.
        batch_size: at least 1.
        bytes_per_image: of the logits of all views: views * classes * 4.

    Returns:
        About 64 parts a split, fewer where there are fewer batches, and more where a part
        would be larger than 64 MiB; one batch is the least.

    Example:
        >>> plan_parts({"val": 5, "test": 3}, batch_size=2, bytes_per_image=40)[:3]
        (Part(split='val', first=0, last=2), Part(split='val', first=2, last=4), Part(split='val', first=4, last=5))
    """
    most_batches = max(1, LARGEST_PART_BYTES // (batch_size * bytes_per_image))
    parts = []
    for split, images in counts.items():
        batches = math.ceil(images / batch_size / PARTS_A_SPLIT)
        step = batch_size * max(1, min(batches, most_batches))
        parts += [Part(split, first, min(first + step, images)) for first in range(0, images, step)]
    return tuple(parts)


def share(parts: Sequence[Part], index: int, count: int) -> tuple[Part, ...]:
    """Return the parts that shard `index` of `count` computes: every count-th, so that each has as many.

    Args:
        index: from 1 to count; all shards together have each part once.

    Raises:
        InvalidOptionError: there is no such shard.

    Example:
        >>> [part.first for part in share(plan_parts({"val": 11}, 2, 40), 2, 4)]
        [2, 10]
    """
    if not 1 <= index <= count:
        raise InvalidOptionError(f"There is no shard {index} of {count}; wanted I/N with I from 1 to N, as in 1/4.")
    return tuple(parts[index - 1 :: count])


def part_named(file: str) -> Part | None:
    """Return the part that a file of that name holds; None where it is no name of ours.

    Example:
        >>> part_named("val-0-128.part"), part_named("val-00-128.part")
        (Part(split='val', first=0, last=128), None)
    """
    matched = PART_FILE.fullmatch(file)
    part = matched and Part(matched[1], int(matched[2]), int(matched[3]))
    return part if part and part.file == file else None


def render_part(
    part: Part, job: str, logits: Float32[np.ndarray, "views rows classes"], ms_by_view: Sequence[float]
) -> list[bytes | memoryview]:
    """Return the content of a part's file, in pieces.

    Args:
        job: the key of the job that the part belongs to.

    Raises:
        MisalignedError: logits of other rows than the part's, or not one number a view.
        BadDataError: a number of milliseconds is not finite.
    """
    views, rows, classes = logits.shape
    if rows != part.images or len(ms_by_view) != views or not logits.size:
        raise MisalignedError(
            f"{part.file}: wanted logits of shape (views, images, classes) with {part.images} images, and "
            f"milliseconds for each view; got logits {logits.shape} and {len(ms_by_view)} milliseconds."
        )
    body = np.ascontiguousarray(logits, "<f4").reshape(-1).view(np.uint8).data
    sha256 = hashlib.sha256(body).hexdigest()
    head = _Head(job, part.split, part.first, part.last, views, classes, tuple(map(float, ms_by_view)), sha256)
    return [seal(asdict(head), one_line=True), body]


def parse_part(data: bytes, part: Part, job: str, path: Path) -> Finished:
    """Return what the content of a part's file holds.

    Args:
        job: the key of the job that it must belong to, or how that begins.

    Raises:
        CorruptError: damaged, cut short, of another job, or of other rows.
    """
    end = data.find(b"\n") + 1
    body = memoryview(data)[end:]
    try:
        head = build(_Head, unseal(data[:end], path, one_line=True))
    except (CorruptError, TypeError):
        raise _damaged(path, "its first line was changed, or is none that ensemble_kit wrote") from None
    if not head.job.startswith(job):
        raise _damaged(path, f"it belongs to job {head.job[:12]}, not to {job[:12]}")
    if (head.split, head.first, head.last) != (part.split, part.first, part.last):
        raise _damaged(path, f"it holds rows {head.first} to {head.last - 1} of {head.split}")
    fits = len(body) == 4 * head.views * part.images * head.classes and 0 < head.views == len(head.ms_by_view)
    if not fits or hashlib.sha256(body).hexdigest() != head.logits_sha256:
        raise _damaged(path, f"its {len(body)} bytes of logits are not those that were written")
    logits = np.frombuffer(body, "<f4").reshape(head.views, part.images, head.classes)
    return Finished(logits, head.ms_by_view)


def _damaged(path: Path, how: str) -> CorruptError:
    return CorruptError(
        f"{path} is damaged or was replaced: {how}. Remove that file and run the command again; "
        "of what is finished, only this part is computed anew."
    )
