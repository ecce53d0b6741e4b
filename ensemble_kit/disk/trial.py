"""Whether files can be written in a place, tried before long work: rights, names, room. It leaves nothing behind."""

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from ensemble_kit.disk.access import BLOCK_BYTES, may, refused, standing_folder

NO_UNNAMED: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
"""What opening a file without a name gives where a system or its file system has none."""


def check_writable(folder: Path, path: Path | None = None, needed_bytes: int = 0) -> None:
    """Raise unless files can be made in a folder, or the folder itself where it is not there: before long work.

    Args:
        path: the file that is to be written there.
        needed_bytes: of all that is to be written, as far as it is known.

    Raises:
        ResourceError: they cannot: no right, a file where a folder was wanted, a name too long, or no room.
    """
    standing = standing_folder(folder)
    names = folder.relative_to(standing).parts if folder != standing else ()
    try:
        if names and os.path.lexists(standing / names[0]):
            raise _error(errno.ENOTDIR)
        for name in (*names, *(() if path is None else (path.name,))):
            _check_name(standing / name)
        _check_name(path or folder)  # all of it may be too long though no part is
        if not may(standing, os.W_OK | os.X_OK):
            raise _error(errno.EACCES)
        _write_unnamed(standing)
        if shutil.disk_usage(standing).free < needed_bytes:
            raise _error(errno.ENOSPC)
    except OSError as error:
        raise refused(path or folder, error, needed_bytes) from error


def _check_name(path: Path) -> None:
    """Raise where no file can bear the name."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return


def _write_unnamed(folder: Path) -> None:
    """Write a block into a file that never gets a name, so that no kill leaves it; nothing where there are none."""
    if not hasattr(os, "O_TMPFILE"):
        return
    try:
        file = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError as error:
        if error.errno in NO_UNNAMED:
            return
        raise
    try:
        os.write(file, bytes(BLOCK_BYTES))
    finally:
        os.close(file)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
