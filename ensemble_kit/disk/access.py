"""What the system refuses, as one sentence with the path, the owner and the remedy.

Whoever writes says so by `refused`; what nobody else said, `pipeline.entry` around every command
says by `unreachable`. A full disk names the path, what is needed and what is free. To say
more of a kind of error: a line in REMEDIES. Nothing here writes.
"""

import errno
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

from ensemble_kit.errors import ResourceError

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
BLOCK_BYTES = 4096  # what the name of a new file or folder may take
NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""Nothing of that kind bears the name: the name is wrong, not the system."""

_AWAY: Final = "Connect the disk or the share that holds it again, then run the command again."
_LOCKLESS: Final = "Its file system has no locks: work on a local disk."
REMEDIES: Final[Mapping[int, str]] = {
    errno.ENOENT: "It was moved or removed, or its name is wrong: check the path.",
    errno.ENOTDIR: "A file stands where a folder was wanted: check the path.",
    errno.EISDIR: "A folder stands where a file was wanted: check the path.",
    errno.ELOOP: "A link leads back to itself: correct the link, or name what it should lead to.",
    errno.ENAMETOOLONG: "Choose shorter names.",
    errno.EMFILE: "Allow more open files (ulimit -n 4096), or blend fewer members at a time.",
    errno.ENFILE: "Close other programs, then run the command again.",
    errno.EFBIG: "Allow larger files: ulimit -f unlimited. What was there before is unharmed.",
    errno.ENOMEM: "Close other programs, or allow more memory: ulimit -v unlimited.",
    errno.EAGAIN: "Allow more processes (ulimit -u), or close other programs.",
    errno.EIO: "The disk, or the way to it, fails: copy what can still be read, and check the disk.",
    errno.ENOLCK: _LOCKLESS,
    errno.EOPNOTSUPP: _LOCKLESS,
    **dict.fromkeys((errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO), _AWAY),
    **dict.fromkeys((errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH), _AWAY),
}
"""What to do, by the number of the error; rights and full disks are said with more than a line."""

NOT_OF_THE_FILE: Final = frozenset(REMEDIES) - {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.ENXIO, errno.EFBIG, errno.EOPNOTSUPP),
}
"""Errors of the system or of a whole disk: another file would fare no better."""

_VERBS: Final = {"r": "read", "w": "write", "x": "open"}


class Barrier(NamedTuple):
    """The first on the way to a path that keeps us out, and which right is missing there, as chmod calls it."""

    path: Path
    right: str

    def said_of(self, path: Path, verb: str = "") -> str:
        """Return what cannot be done with a path, whose the barrier is, and how the right is given."""
        status = self.path.stat()
        ours, is_folder = status.st_uid == os.geteuid(), os.path.isdir(self.path)
        rights = "rwx" if is_folder and self.right == "w" else "rx" if is_folder else "rw" if verb else self.right
        what = "it" if self.path == path else str(self.path)
        return (
            f"Cannot {verb or _VERBS[self.right]} {path}: {what} belongs to {user_name(status.st_uid)} (mode "
            f"{status.st_mode & 0o7777:04o}) and you are {user_name(os.geteuid())}. "
            f"{'Allow it' if ours else 'Ask its owner'}: chmod {'u' if ours else 'o'}+{rights} "
            f"{shlex.quote(str(self.path))}"
        )


def refused(path: Path | str, error: OSError, needed_bytes: int = 0) -> ResourceError:
    """Return the error that says why the path cannot be written.

    Args:
        needed_bytes: of the file, as far as it is known.

    Example:
        >>> str(refused("runs", OSError(30, "Read-only file system")))
        'Cannot write runs: Read-only file system. Make the folder writable, or choose another.'
    """
    path = Path(path)
    if error.errno in FULL_DISK:
        free_bytes = shutil.disk_usage(standing_folder(path.parent)).free
        what = path.parent if path.name.startswith(".") else path  # what is on its way bears a name that says nothing
        where = "this folder" if what == Path() else what
        return ResourceError(
            f"The disk is full: {where} needs at least {needed_bytes or BLOCK_BYTES:,} bytes, {free_bytes:,} are free "
            "there. Free some space and run the command again; what was there before is unharmed."
        )
    return ResourceError(_said("write", path, error, "Make the folder writable, or choose another."))


def unreachable(error: OSError) -> ResourceError:
    """Return the error that says why what an error speaks of cannot be used.

    Example:
        >>> str(unreachable(OSError(5, "Input/output error", "a.npy")))[:49]
        'Cannot read a.npy: Input/output error. The disk, '
    """
    path = path_of(error)
    if isinstance(error, FileNotFoundError) and not any(_names(error)):  # as `tempfile` says it
        return ResourceError(f"{error.strerror or error}. Name a folder for temporary files: export TMPDIR=DIR")
    if path is None:
        remedy = REMEDIES.get(error.errno or 0, "Run the command again.")
        return ResourceError(f"The system refused something: {error.strerror or error}. {remedy}")
    if error.errno in FULL_DISK:
        return refused(path, error)
    return ResourceError(_said("read", path, error, "Check the path, then run the command again."))


def path_of(error: BaseException) -> Path | None:
    """Return the path that an error of the system speaks of.

    Calls that work on open files name none; then it is the one that the innermost function had in hand.
    """
    named = next((name for name in _names(error) if isinstance(name, str | bytes)), None)
    return Path(os.fsdecode(named)) if named else _path_in_hand(error.__traceback__)


def barrier_on(path: Path) -> Barrier | None:
    """Return what keeps us from reading or writing a path, where that is a matter of rights."""
    if not hasattr(os, "geteuid"):
        return None
    for folder in reversed(path.parents):
        if os.path.lexists(folder) and not may(folder, os.X_OK):
            return Barrier(folder, "x")
    beside = standing_folder(path.parent)
    for one, mode, right in ((path, os.R_OK, "r"), (path, os.W_OK, "w"), (beside, os.W_OK, "w")):
        if os.path.exists(one) and not may(one, mode):
            return Barrier(one, right)
    return None


def user_name(number: int) -> str:
    """Return what a user is called here."""
    try:
        from pwd import getpwuid

        return getpwuid(number).pw_name
    except (ImportError, KeyError):
        return f"user {number}"


def check_working_folder() -> None:
    """Raise unless the working folder is there.

    Raises:
        ResourceError: it was removed, or may not be looked for.
    """
    try:
        os.getcwd()
    except OSError as error:
        raise ResourceError(
            "The working folder was moved or removed. Change into one that is there, as by: cd ~"
        ) from error


def standing_folder(path: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    while not os.path.isdir(path) and path != path.parent:
        path = path.parent
    return path


def listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted; nothing where there is no such folder.

    `Path.glob` passes over in silence what may not be listed; this raises.
    """
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _said(verb: str, path: Path, error: OSError, otherwise: str) -> str:
    """Return the sentence: what cannot be done, why, and what helps."""
    barrier = barrier_on(path) if isinstance(error, PermissionError) else None
    if barrier is not None:
        return barrier.said_of(path, verb if verb == "write" else "")
    return f"Cannot {verb} {path}: {error.strerror or error}. {REMEDIES.get(error.errno or 0, otherwise)}"


def may(path: Path, mode: int) -> bool:
    """Say whether we may do that with a path: os.R_OK, os.W_OK, os.X_OK, joined by |."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _names(error: BaseException) -> tuple[object, object]:
    return getattr(error, "filename", None), getattr(error, "filename2", None)


def _path_in_hand(traceback: TracebackType | None) -> Path | None:
    """Return the path in the innermost frame that holds one."""
    found = None
    while traceback is not None:
        held = traceback.tb_frame.f_locals.values()
        found = next((one for one in held if isinstance(one, Path)), found)
        traceback = traceback.tb_next
    return found
