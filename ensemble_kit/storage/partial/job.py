"""Finished parts on disk: what long forward passes go on from.

A job is a folder named by what is computed: `job.json`, which says so, and one file a
finished part. Any process may write any part at any time; a part is there whole or not at
all, and one that is written twice is the same part. Folders of one job, filled on several
machines, may be copied together. Knows nothing of networks, views or members. What the
file of a part holds, `parts` says.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np

from ensemble_kit.disk import SEAL, refused, seal, temporary_name
from ensemble_kit.errors import CorruptError, MisalignedError, ResourceError
from ensemble_kit.storage.files import (
    intended,
    locked,
    remove_files,
    remove_temporaries,
    replace_file,
    replace_file_in_parts,
    sha256_before,
    sync_folder,
    writing,
)
from ensemble_kit.storage.partial.part import Finished, Part, parse_part, part_named, render_part
from ensemble_kit.types import ViewLogits

JOB_NAME = "job.json"
JOB_SCHEMA = 1


class Joined(NamedTuple):
    """A whole split: its logits, memory-mapped, and milliseconds per image for each view."""

    logits: ViewLogits
    ms_by_view: tuple[float, ...]


@dataclass(frozen=True)
class Job:
    """The folder of one job; `open_job` makes it.

    key: sha256 over the description; every part carries it.

    Example:
        >>> import tempfile
        >>> from ensemble_kit.storage.partial.part import plan_parts
        >>> parts = plan_parts({"val": 3}, batch_size=2, bytes_per_image=20)
        >>> with tempfile.TemporaryDirectory() as root:
        ...     job = open_job(Path(root), {"checkpoint": "0f3a", "views": ["identity"]})
        ...     for part in job.missing(parts):
        ...         job.write(part, np.full((1, part.images, 5), part.first, np.float32), [1.5])
        ...     job.join(parts, "val").logits[0, :, 0].tolist()
        [0.0, 0.0, 2.0]
    """

    folder: Path
    key: str

    def there(self) -> frozenset[Part]:
        """Return the parts that are finished, by the names of their files; `join` looks into them."""
        if not self.folder.is_dir():
            return frozenset()
        return frozenset(part for path in self.folder.iterdir() if (part := part_named(path.name)))

    def missing(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """Return those of the parts that are not finished, in their order."""
        there = self.there()
        return tuple(part for part in parts if part not in there)

    def drop_damaged(self, parts: Sequence[Part]) -> tuple[Path, ...]:
        """Remove those of the parts that are not as they were written, and return where they lay.

        Raises:
            LockedError, ResourceError: the folder cannot be locked or written, or a part cannot be read.
        """
        there, damaged = self.there(), []
        for part in parts:
            try:
                if part in there:
                    self._read(part)
            except CorruptError:
                damaged.append(self.folder / part.file)
        if damaged:
            with locked(self.folder.parent), writing(self.folder):
                remove_files(damaged)
        return tuple(damaged)

    def write(self, part: Part, logits: ViewLogits, ms_by_view: Sequence[float]) -> None:
        """Write one part whole, in place of the same part if another process was quicker.

        Args:
            logits: float32, the rows of the part alone.
            ms_by_view: milliseconds per image for each view.

        Raises:
            MisalignedError: logits of other rows than the part's, or not one number a view.
            LockedError, ResourceError: the folder cannot be locked or written.
        """
        content = render_part(part, self.key, logits, ms_by_view)
        with locked(self.folder.parent):
            with writing(self.folder):
                remove_temporaries(self.folder)
            replace_file_in_parts(self.folder / part.file, content)

    def join(self, parts: Sequence[Part], split: str) -> Joined:
        """Return a split whole, in a mapped file that ends with the array; a part at a time is in memory.

        Args:
            parts: all of the plan; those of other splits are passed over.

        Returns:
            Logits of the bits that were written, and milliseconds averaged over the images.

        Raises:
            MisalignedError: parts that are missing, or that do not make a whole split.
            CorruptError: a part is damaged, belongs to another job, or has another shape.
            ResourceError: the disk is full, or a part cannot be read.
        """
        wanted = sorted(part for part in parts if part.split == split)
        self._check_whole(wanted, split)
        images, total_ms = wanted[-1].last, np.zeros(())
        views, _, classes = self._read(wanted[0]).logits.shape
        needed_bytes = 4 * views * images * classes
        try:
            with TemporaryFile(prefix=temporary_name("-"), dir=self.folder) as file:
                for part in wanted:
                    finished = self._read(part, (views, part.images, classes))
                    total_ms = total_ms + part.images * np.array(finished.ms_by_view)
                    for view, scores in enumerate(finished.logits):
                        file.seek(4 * classes * (view * images + part.first))
                        file.write(scores.data)
                file.flush()
                logits = np.memmap(file, "<f4", mode="r", shape=(views, images, classes))
        except OSError as error:
            raise refused(self.folder / split, error, needed_bytes) from error
        return Joined(logits, tuple((total_ms / images).tolist()))

    def remove(self) -> None:
        """Remove all parts and the folder, unless there is something in it that is not ours.

        Raises:
            LockedError, ResourceError: the folder cannot be locked or written.
        """
        if not self.folder.is_dir():
            return
        with locked(self.folder.parent), writing(self.folder):
            remove_temporaries(self.folder)
            remove_files([self.folder / JOB_NAME])
            remove_headless(self.folder)

    def ended_by(self, commit: Path) -> AbstractContextManager[None]:
        """Return a block in which that file is replaced; then nobody needs the parts, and they go, after a kill too.

        Raises:
            ResourceError: the folder cannot be written.
        """
        files = (JOB_NAME, *(part.file for part in self.there()))
        then = [*(self.folder / name for name in files), self.folder]
        return intended(self.folder.parent, once=commit, was=sha256_before(commit), then=then)

    def _read(self, part: Part, shape: tuple[int, ...] | None = None) -> Finished:
        """Return a part, of that shape where one is asked for."""
        path = self.folder / part.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ResourceError(f"Cannot read {path}: {error.strerror}. Run the command again.") from error
        finished = parse_part(data, part, self.key, path)
        if shape not in (None, finished.logits.shape):
            raise CorruptError(
                f"{path} holds logits {finished.logits.shape}, wanted {shape} as in the first part. "
                "Remove that file and run the command again."
            )
        return finished

    def _check_whole(self, wanted: Sequence[Part], split: str) -> None:
        """Raise unless the parts make a split without a gap, and all are there."""
        if not wanted or [part.first for part in wanted] != [0, *(part.last for part in wanted[:-1])]:
            raise MisalignedError(f"Wanted all parts of {split} to join, got {len(wanted)} that leave rows out.")
        missing = self.missing(wanted)
        if missing:
            raise MisalignedError(
                f"{self.folder} lacks {len(missing)} of {len(wanted)} parts of {split}: rows {_ranges(missing)}. "
                "Let the shards that compute them finish, copy their parts into that folder, and give --merge again; "
                "or run `ek tta` without --shard and --merge, which computes what is missing."
            )


def open_job(root: Path, description: Mapping[str, Any]) -> Job:
    """Return the job of that description, its folder made where there is none.

    Args:
        root: holds the folders of all jobs, and their lock.
        description: all that decides about a bit of the result, as JSON can hold it.

    Raises:
        BadDataError: the description holds a number that is not finite.
        CorruptError: the folder's job.json is damaged, or describes another job.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    data = seal({"schema": JOB_SCHEMA, "description": description})
    key: str = json.loads(data)[SEAL]
    path = root / key[:12] / JOB_NAME
    with locked(root):
        with writing(path):
            remove_temporaries(path.parent)
            held = path.read_bytes() if path.exists() else None
        if held is None:
            replace_file(path, data)
        elif held != data:
            raise CorruptError(
                f"{path} is damaged or describes another job; wanted sha256 {key}. Remove that file and run the "
                "command again: its parts stay, each is checked by itself."
            )
    return Job(path.parent, key)


def remove_headless(folder: Path) -> None:
    """Remove the parts that lie without a job, and their folder; the caller holds the lock of the root."""
    if not (folder / JOB_NAME).exists():
        remove_files(path for path in folder.iterdir() if part_named(path.name))
        with suppress(OSError):
            folder.rmdir()
            sync_folder(folder.parent)


def check_part(path: Path) -> None:
    """Raise unless the file of a part is as it was written, for the job whose folder it lies in.

    Raises:
        CorruptError: it is not.
        FileNotFoundError: it is gone.
    """
    part = part_named(path.name)
    if part is not None:
        parse_part(path.read_bytes(), part, path.parent.name, path)


def _ranges(parts: Sequence[Part]) -> str:
    """Return the rows of parts in order, neighbours together, the first five ranges at most."""
    ranges: list[list[int]] = []
    for part in parts:
        if ranges and ranges[-1][1] == part.first:
            ranges[-1][1] = part.last
        else:
            ranges.append([part.first, part.last])
    shown = ", ".join(f"{first} to {last - 1}" for first, last in ranges[:5])
    return shown + (f" and {len(ranges) - 5} more ranges" if len(ranges) > 5 else "")
