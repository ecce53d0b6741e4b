"""How a file is replaced and how a folder is locked: the only two ways anything is written.

A reader sees the old file or the new one, whole, whenever the writer is killed. Never
writes in place, never unlinks first. A lock is an flock: it ends with its holder,
however that dies. To store something new, call `replace_file`, within `locked` where
the new content depends on the old.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble_kit.errors import LockedError, ResourceError

TEMPORARY_PREFIX = ".tmp-"
LOCK_NAME = ".lock"
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def replace_file(path: Path, data: bytes) -> None:
    """Replace the file, or create it, whole; its folder is created too.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written.
    """
    replace_file_in_parts(path, [data])


def replace_file_in_parts(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Replace the file by the parts, one after the other, without joining them in memory.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    wanted_bytes = 0
    with writing(path):
        make_folder(path.parent)
        try:
            with open(temporary, "xb") as file:
                for part in parts:
                    wanted_bytes += memoryview(part).nbytes
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in FULL_DISK:
                raise ResourceError(_full_disk_text(path, wanted_bytes)) from error
            raise
        sync_folder(path.parent)


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
    remove_files(folder.glob(f"{TEMPORARY_PREFIX}*"))


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
        raise _refused(path, error) from error


@contextmanager
def locked(folder: Path, timeout_s: float = 10.0) -> Iterator[None]:
    """Hold the folder's lock; writers of other processes and threads wait.

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
    lock = FileLock(folder / LOCK_NAME, timeout=timeout_s)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(
            f"Wanted to write in {folder}, but another process has held its lock for {timeout_s:g} s. "
            "Wait until that process ends, then run the command again."
        ) from None
    except OSError as error:
        raise _refused(lock.lock_file, error) from error
    try:
        yield
    finally:
        lock.release()


def _refused(path: Path | str, error: OSError) -> ResourceError:
    return ResourceError(
        f"Cannot write {path}: {error.strerror or error}. Make the folder writable, or choose another."
    )


def _full_disk_text(path: Path, wanted_bytes: int) -> str:
    free_bytes = shutil.disk_usage(path.parent).free
    return (
        f"The disk is full: {path} needs at least {wanted_bytes:,} bytes, {free_bytes:,} are free in "
        f"{path.parent}. Free some space and run the command again; what was there before is unharmed."
    )
