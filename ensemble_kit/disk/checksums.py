"""sha256 of files, and whatever else is checked on first open and then remembered.

What was checked of a file is remembered by path, size, both times of change, inode and
sha256 as one empty marker under `<cache>/verified/`: what restores a file's own time of
change cannot restore that of its inode. A marker needs no lock, and a cache that cannot
be written costs time, never correctness. Knows nothing of what a file means.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from ensemble_kit.errors import CorruptError
from ensemble_kit.remedies import remedy

if TYPE_CHECKING:
    from io import BufferedReader


def sha256_of(path: Path) -> str:
    """Return the sha256 of the file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(
    path: Path, sha256: str, cache: Path | None = None, verify: bool = False, file: BinaryIO | None = None
) -> None:
    """Raise unless the file has that sha256.

    Args:
        cache: the folder that remembers (`.ek`); None remembers nothing.
        verify: compute it even where it is remembered.
        file: opened at that path; it is looked at, whatever lies at the path by now.

    Raises:
        CorruptError: the file has another sha256.
        FileNotFoundError: there is no such file; the caller knows what that means.
    """
    check_once(path, sha256, "sha256", partial(_compare, path, sha256, file), cache, verify, file)


def check_once(
    path: Path,
    sha256: str,
    what: str,
    inspect: Callable[[], None],
    cache: Path | None = None,
    verify: bool = False,
    file: BinaryIO | None = None,
) -> None:
    """Look at a file of that sha256, unless that was done before and is remembered.

    Args:
        what: the name of what is looked at; each is remembered by itself.
        look: raises where the file is not as it must be; then nothing is remembered.
        cache, verify, file: see `check`.

    Raises:
        FileNotFoundError: there is no such file; the caller knows what that means.
    """
    marker = None if cache is None else _marker(cache, path, sha256, what, file)
    if marker is not None and not verify and _is_there(marker):
        return
    inspect()
    if cache is not None and marker == _marker(cache, path, sha256, what, file):
        _remember(marker)


def remember_written(path: Path, sha256: str, cache: Path, file: BinaryIO) -> None:
    """Remember that a file holds what this process has just written into it, and renamed to that path."""
    _remember(_marker(cache, path, sha256, "sha256", file))


def _compare(path: Path, sha256: str, file: BinaryIO | None) -> None:
    got = sha256_of(path) if file is None else hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
    if got != sha256:
        raise CorruptError(
            f"{path} is damaged or was replaced: wanted sha256 {sha256[:12]}, got {got[:12]}. {remedy(path)}"
        )


def _marker(cache: Path, path: Path, sha256: str, what: str, file: BinaryIO | None) -> Path:
    """Return the marker by which it is remembered what was checked of this state of the file."""
    status = os.stat(path if file is None else file.fileno())
    times = (status.st_mtime_ns, status.st_ctime_ns)
    state = (os.path.abspath(path), status.st_size, *times, status.st_ino, sha256, what)
    return cache / "verified" / hashlib.sha256(repr(state).encode("utf-8", "backslashreplace")).hexdigest()


def _is_there(marker: Path) -> bool:
    with suppress(OSError):  # another's cache remembers nothing for us
        return marker.exists()
    return False


def _remember(marker: Path) -> None:
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
