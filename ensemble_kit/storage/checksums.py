"""sha256 of files: checked on first open, then remembered.

A checked file is remembered by path, size, time of change, inode and sha256 as one
empty marker under `<cache>/verified/`. A marker needs no lock, and a cache that
cannot be written costs time, never correctness. Knows nothing of what a file means.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from ensemble_kit.errors import CorruptError


def sha256_of(path: Path) -> str:
    """Return the sha256 of the file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, sha256: str, cache: Path | None = None, verify: bool = False) -> None:
    """Raise unless the file has that sha256.

    Args:
        cache: the folder that remembers (`.ek`); None remembers nothing.
        verify: compute it even where it is remembered.

    Raises:
        CorruptError: the file has another sha256.
        FileNotFoundError: there is no such file; the caller knows what that means.
    """
    marker = None if cache is None else cache / "verified" / _fingerprint(path, sha256)
    if marker is not None and not verify and marker.exists():
        return
    got = sha256_of(path)
    if got != sha256:
        raise CorruptError(
            f"{path} is damaged or was replaced: wanted sha256 {sha256}, got {got}. "
            "Restore it from a copy, or run the command again that wrote it."
        )
    if marker is not None and marker.name == _fingerprint(path, sha256):
        _remember(marker)


def _fingerprint(path: Path, sha256: str) -> str:
    """Return the name under which this state of the file is remembered."""
    status = os.stat(path)
    state = (os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino, sha256)
    return hashlib.sha256(repr(state).encode("utf-8", "backslashreplace")).hexdigest()


def _remember(marker: Path) -> None:
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
