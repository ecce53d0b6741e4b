"""How a file is replaced and how a folder is locked: the only two ways anything is written.

A reader sees the old file or the new one, whole, whenever the writer is killed. Never
writes in place, never unlinks first. A lock is an flock: it ends with its holder,
however that dies. To store something new, call `replace_file`, within `locked` where
the new content depends on the old.
"""

import errno
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_kit.disk import PREFIX, is_abandoned, listed, mark_in, refused, temporary_name
from ensemble_kit.errors import LockedError
from ensemble_kit.storage.files.intents import intended, settle, sync_folder, waiting_in
from ensemble_kit.storage.files.lock_holders import holder_of
from ensemble_kit.storage.files.receipts import note, state_of
from ensemble_kit.visible import visible

if TYPE_CHECKING:
    from filelock import FileLock

Parts = Iterable[bytes | memoryview]

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # what file systems without hard links say
LOCK_NAME = ".lock"
WORDLESS_S = 2.0  # waited for a lock without a word
FOLDER_MADE = 3  # times, before its absence is an error


def replace_file(path: Path, data: bytes) -> None:
    """Replace the file, or create it, whole; its folder is created too.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written.
    """
    replace_file_in_parts(path, [data])


def replace_file_in_parts(path: Path, parts: Parts) -> None:
    """Replace the file by the parts, one after the other, without joining them in memory.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written.
    """
    replace_files({path: parts})


def replace_files(files: Mapping[Path, Parts] | Sequence[tuple[Path, Parts]]) -> None:
    """Replace files that belong together: each is written whole before the first is replaced.

    A full disk so leaves all as they were. After a kill between two replacements the next who locks
    or clears their folder carries out the rest; a reader without the lock does not see them as one.

    Args:
        files: replaced in this order; as pairs, one may be replaced twice.

    Raises:
        ResourceError: the disk is full, or a folder cannot be written.
    """
    pairs = list(files.items()) if isinstance(files, Mapping) else files
    written: list[tuple[Path, Path]] = []
    try:
        for path, parts in pairs:
            written.append((path, path.parent / temporary_name()))
            write_new(written[-1][1], parts, path)
        for path, temporary in written:
            note(path, state_of(temporary))
        with _as_one(written):
            for path, temporary in written:
                with writing(path):
                    os.replace(temporary, path)
        for folder in {path.parent for path, _ in written}:
            with writing(folder):
                sync_folder(folder)
    except BaseException:
        for _, temporary in written:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise


def create_file_in_parts(path: Path, parts: Parts) -> None:
    """Create the file, whole, unless there is one when its parts are written.

    Raises:
        FileExistsError: there is one, maybe made meanwhile; it stays as it is.
        ResourceError: the disk is full, or the folder cannot be written.
    """
    temporary = path.parent / temporary_name()
    try:
        write_new(temporary, parts, path)
        note(path, state_of(temporary))
        try:
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.replace(temporary, path)
        with writing(path):
            sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise refused(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _as_one(written: Sequence[tuple[Path, Path]]) -> Iterator[None]:
    """See that renames inside the block are carried out all, where they are several in one folder."""
    folders = {path.parent for path, _ in written}
    if len(written) < 2 or len(folders) > 1:
        yield
        return
    with intended(folders.pop(), renames=[(temporary, path) for path, temporary in written]):
        yield


def write_new(temporary: Path, parts: Parts, path: Path) -> None:
    """Write a new file durably; errors name the path that it will have."""
    needed_bytes = 0
    try:
        make_folder(path.parent)
        with open(temporary, "xb") as file:
            for part in parts:
                needed_bytes += memoryview(part).nbytes
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise refused(path, error, needed_bytes) from error


def make_folder(folder: Path) -> None:
    """Create the folder and its parents, durably, where they are missing."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def remove_files(paths: Iterable[Path]) -> None:
    """Unlink the files that are there, and make that durable folder by folder."""
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        sync_folder(folder)


def remove_temporaries(folder: Path) -> None:
    """Remove what killed writers left in the folder; call it under the folder's lock only."""
    remove_files(abandoned(folder))


def abandoned(folder: Path) -> list[Path]:
    """Return the temporary files that killed writers left in the folder whose lock is held."""
    now, there = time.time(), []
    for path in [one for one in listed(folder) if one.name.startswith(PREFIX)]:
        with suppress(FileNotFoundError):
            if is_abandoned(path.name, now, path.stat().st_mtime):
                there.append(path)
    waiting = waiting_in(folder) if there else set()
    return [path for path in there if mark_in(path.name) not in waiting]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into a `ResourceError` that names the path."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from error


@contextmanager
def locked(folder: Path, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the folder's lock; writers of other processes and threads wait, with a word after two seconds.

    Args:
        folder: created where it is missing; the lock is its file `.lock`.
        timeout_s: how long to wait for another holder.

    What a dead process had only half done in the folder is ended first, see `intents`.

    Raises:
        LockedError: another process still holds the lock after that time.
        ResourceError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK_NAME
    lock = FileLock(path)
    try:
        try:
            _acquire(lock, folder, min(timeout_s, WORDLESS_S))
        except Timeout:
            if timeout_s <= WORDLESS_S:
                raise
            _say_waiting(folder, holder_of(path), timeout_s)
            _acquire(lock, folder, timeout_s - WORDLESS_S)
    except Timeout:
        raise LockedError(
            f"Wanted to write in {folder}, but {holder_of(path)} has held its lock for {timeout_s:g} s. "
            "Wait until that process ends, then run the command again."
        ) from None
    except OSError as error:
        raise refused(path, error) from error
    try:
        settle(folder)
        yield
    finally:
        lock.release()


def _acquire(lock: "FileLock", folder: Path, timeout_s: float) -> None:
    """Take the lock; the folder is made, and made again where another command just took it away as empty."""
    for _ in range(FOLDER_MADE):
        with writing(folder):
            make_folder(folder)
        with suppress(FileNotFoundError):
            lock.acquire(timeout=timeout_s)
            return
    lock.acquire(timeout=timeout_s)


def _say_waiting(folder: Path, holder: str, timeout_s: float) -> None:
    """Say on standard error what is waited for; where nobody reads, in silence."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(
                f"Waiting for '{visible(str(folder))}': {holder} writes there (up to {timeout_s:g} s; Ctrl-C ends it).",
                file=sys.stderr,
                flush=True,
            )
