"""How a file is replaced and how a folder is locked: the only two ways anything is written.

A reader sees the old file or the new one, whole, whenever the writer is killed. Never
writes in place, never unlinks first. A lock is an flock: it ends with its holder,
however that dies. To store something new, call `replace_file`, within `locked` where
the new content depends on the old.
"""

import errno
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble_kit.disk import listed, refused
from ensemble_kit.errors import LockedError
from ensemble_kit.storage.lock_holders import holder_of
from ensemble_kit.visible import visible

Parts = Iterable[bytes | memoryview]

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # what file systems without hard links say
TEMPORARY_PREFIX = ".tmp-"
LOCK_NAME = ".lock"
WORDLESS_S = 2.0  # waited for a lock without a word


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

    A full disk so leaves all as they were; only a kill between two replacements does not,
    and neither does a reader without the lock see them as one.

    Args:
        files: replaced in this order; as pairs, one may be replaced twice.

    Raises:
        ResourceError: the disk is full, or a folder cannot be written.
    """
    pairs = list(files.items()) if isinstance(files, Mapping) else files
    written: list[tuple[Path, Path]] = []
    try:
        for path, parts in pairs:
            written.append((path, path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"))
            _write_new(written[-1][1], parts, path)
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
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    try:
        _write_new(temporary, parts, path)
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


def _write_new(temporary: Path, parts: Parts, path: Path) -> None:
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
    remove_files(path for path in listed(folder) if path.name.startswith(TEMPORARY_PREFIX))


def sync_folder(folder: Path) -> None:
    """Make renames and removals in the folder durable."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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

    Raises:
        LockedError: another process still holds the lock after that time.
        ResourceError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    with writing(folder):
        make_folder(folder)
    path = folder / LOCK_NAME
    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=min(timeout_s, WORDLESS_S))
        except Timeout:
            if timeout_s <= WORDLESS_S:
                raise
            _say_waiting(folder, holder_of(path), timeout_s)
            lock.acquire(timeout=timeout_s - WORDLESS_S)
    except Timeout:
        raise LockedError(
            f"Wanted to write in {folder}, but {holder_of(path)} has held its lock for {timeout_s:g} s. "
            "Wait until that process ends, then run the command again."
        ) from None
    except OSError as error:
        raise refused(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _say_waiting(folder: Path, holder: str, timeout_s: float) -> None:
    """Say on standard error what is waited for; where nobody reads, in silence."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(
                f"Waiting for '{visible(str(folder))}': {holder} writes there (up to {timeout_s:g} s; Ctrl-C ends it).",
                file=sys.stderr,
                flush=True,
            )
