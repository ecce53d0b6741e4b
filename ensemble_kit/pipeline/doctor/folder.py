"""Whether the working folder can be relied on: room, locks, durability, file names, the cache.

Everything is tried in a folder of its own beside the real ones, which is removed again.
"""

import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ensemble_kit.errors import LockedError, ResourceError
from ensemble_kit.results import Diagnosis
from ensemble_kit.storage.files import locked, replace_file

LITTLE_BYTES, TOO_LITTLE_BYTES = 2 << 30, 200 << 20
SLOW_S = 0.5
ELSEWHERE = "Work on a local disk."


def check_folder(folder: Path) -> list[Diagnosis]:
    """Say whether the folder is writable and, if so, all else about it."""
    try:
        with _trial(folder) as trial:
            return [check_disk(folder), check_locks(trial), check_durability(trial), check_file_names(trial)]
    except OSError as error:
        found = f"{folder} cannot be written: {error.strerror or error}"
        return [Diagnosis("folder", "problem", found, "Work in a folder of your own, or make this one writable.")]


def check_disk(folder: Path) -> Diagnosis:
    """Say how much room there is."""
    usage = shutil.disk_usage(folder)
    found = f"{size(usage.free)} free of {size(usage.total)} in the working folder"
    return by_amount("disk", usage.free, (LITTLE_BYTES, TOO_LITTLE_BYTES), found, "Free some space.")


def check_locks(trial: Path) -> Diagnosis:
    """Say whether a lock that is held keeps others out, and is free again afterwards."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with locked(trial, timeout_s=0):
                shut_out = _is_locked(trial)
            free_again = not _is_locked(trial)
        except (ResourceError, LockedError) as error:
            return Diagnosis("locks", "problem", f"no lock can be taken: {error}", ELSEWHERE)
    if not shut_out or not free_again:
        return Diagnosis(
            "locks", "problem", "a held lock does not keep others out", f"{ELSEWHERE} One process at a time."
        )
    if any("flock" in str(one.message) for one in said):
        return Diagnosis(
            "locks",
            "note",
            "this file system has no flock (some NFS); lock files stand in for it",
            f"{ELSEWHERE} Here, after a crash, remove the .lock files that are left.",
        )
    return Diagnosis("locks", "ok", "taken, kept and released; they end with their process")


def _is_locked(folder: Path) -> bool:
    try:
        with locked(folder, timeout_s=0):
            return False
    except LockedError:
        return True


def check_durability(trial: Path) -> Diagnosis:
    """Say whether what is written is on the disk when the command ends, and how long that takes."""
    started = time.perf_counter()
    try:
        for content in (b"old", b"new"):
            replace_file(trial / "file", content)
    except ResourceError as error:
        return Diagnosis("durability", "problem", str(error), ELSEWHERE)
    seconds = (time.perf_counter() - started) / 2
    found = f"a file is replaced whole and synced in {1000 * seconds:.0f} ms"
    if seconds > SLOW_S:
        return Diagnosis("durability", "note", found, f"That is slow. {ELSEWHERE}")
    return Diagnosis("durability", "ok", found)


def check_file_names(trial: Path) -> Diagnosis:
    """Say whether file names come back byte for byte."""
    encoding = sys.getfilesystemencoding()
    names = {"caf\u00e9 \u65e5\u672c.png", "cafe\u0301.png"}  # composed and decomposed
    if encoding.lower() != "utf-8":
        return Diagnosis("file names", "problem", f"read as {encoding}", "Set a UTF-8 locale: export LC_ALL=C.UTF-8")
    folder = trial / "names"
    folder.mkdir()
    try:
        for name in names:
            (folder / name).touch()
    except (OSError, UnicodeError) as error:
        return Diagnosis("file names", "problem", f"a name in UTF-8 is refused: {error}", ELSEWHERE)
    if set(os.listdir(folder)) != names:
        return Diagnosis(
            "file names",
            "note",
            "this file system changes accents in names (NFC, NFD)",
            "Make lists of image ids on this machine, or use names in ASCII.",
        )
    return Diagnosis("file names", "ok", "UTF-8, byte for byte")


def check_cache(cache: Path) -> Diagnosis:
    """Say how large the cache is and whether it can be written."""
    if not cache.is_dir():
        return Diagnosis("cache", "ok", f"{cache}: not there yet")
    used = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    found = f"{cache}: {size(used)}; may be deleted at any time"
    if not os.access(cache, os.W_OK | os.X_OK):
        return Diagnosis("cache", "problem", f"{found}; not writable", f"chmod u+rwx {cache}, or give --cache another.")
    return Diagnosis("cache", "ok", found)


def by_amount(subject: str, free_bytes: int, limits: tuple[int, int], found: str, remedy: str) -> Diagnosis:
    """Return a diagnosis by how much is left: ok, a note below the first limit, a problem below the second.

    Example:
        >>> by_amount("disk", 5, (7, 3), "5 bytes", "Free some.").status
        'note'
    """
    little, too_little = limits
    if free_bytes >= little:
        return Diagnosis(subject, "ok", found)
    return Diagnosis(subject, "problem" if free_bytes < too_little else "note", found, remedy)


def size(count_bytes: int) -> str:
    """Return a number of bytes for people.

    Example:
        >>> size(2_500_000_000)
        '2.5 GB'
    """
    return f"{count_bytes / 1e9:.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:.1f} MB"


@contextmanager
def _trial(folder: Path) -> Iterator[Path]:
    """Give a folder to try things in, and take it away."""
    trial = Path(tempfile.mkdtemp(prefix=".ek-doctor-", dir=folder))
    try:
        yield trial
    finally:
        shutil.rmtree(trial, ignore_errors=True)
