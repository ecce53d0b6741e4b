"""Names of temporary files, which say whose they are: a dead process's may be removed, a living one's never.

    .tmp-<place>-<boot>-<pid>-<start>-<random>

place: machine and process namespace, as one process number means another process in a container.
boot: the machine's, pid and start: of the process that writes. A number is used again, but never
with the same start. Where the system tells no start (not Linux) the number alone is asked.
Everything temporary bears such a name; nothing else here creates or removes anything.
"""

import hashlib
import os
import re
import secrets
import socket
from functools import lru_cache
from pathlib import Path
from typing import Final

PREFIX: Final = ".tmp-"
MARK: Final = re.compile(r"(?<![0-9a-f])([0-9a-f]{8})-([0-9a-f]{8})-([0-9]+)-([0-9]+)")
UNMARKED: Final = re.compile(r"\.tmp-[0-9a-f]{16}|tmp\w{8}\.npy\.tmp(\.json)?")  # of earlier versions
UNMARKED_S: Final = 3600.0  # from that age on they are dead
ELSEWHERE_S: Final = 86400.0  # and so are those of other machines, of which nobody here can tell


def temporary_name(ending: str = "") -> str:
    """Return a name that no file has yet, for a temporary file of this process."""
    return f"{PREFIX}{process_mark()}-{secrets.token_hex(4)}{ending}"


def process_mark() -> str:
    """Return what tells this process from all others, on this machine and elsewhere, before and after."""
    return _mark_of(os.getpid())  # asked anew after a fork


def mark_in(name: str) -> str:
    """Return the mark of the process in the name of a file of its own; empty where there is none.

    Example:
        >>> mark_in(temporary_name()) == process_mark(), mark_in("cnn.npy")
        (True, '')
    """
    found = MARK.search(name)
    return found[0] if found else ""


def is_dead(name: str, now: float, mtime: float) -> bool:
    """Say whether nobody writes the temporary file of that name any more.

    Args:
        name: of a file, whatever stands before and after the mark of its process.
        now, mtime: seconds since the epoch; when the file was changed last.

    Returns:
        False for names that are not ours.

    Example:
        >>> is_dead(temporary_name(), now=0.0, mtime=0.0)
        False
        >>> is_dead(".tmp-0123456789abcdef", now=7200.0, mtime=0.0)
        True
    """
    found = MARK.search(name)
    if found is None:
        return UNMARKED.fullmatch(name) is not None and now - mtime > UNMARKED_S
    place, boot, pid, start = found.groups()
    if place != _place():
        return now - mtime > ELSEWHERE_S
    return boot != _boot() or not _runs(int(pid), int(start))


def is_abandoned(name: str, now: float, mtime: float) -> bool:
    """Say the same to who holds the lock under which everything in a folder is written.

    A temporary file that names no process cannot be a living one's then, however young it is.
    """
    return name.startswith(PREFIX) and (MARK.search(name) is None or is_dead(name, now, mtime))


@lru_cache(maxsize=4)
def _mark_of(pid: int) -> str:
    return f"{_place()}-{_boot()}-{pid}-{_start(pid) or 0}"


@lru_cache
def _place() -> str:
    """Return the machine and the namespace of its process numbers, in 8 digits."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()}\0{namespace}".encode()).hexdigest()[:8]


@lru_cache
def _boot() -> str:
    """Return which start of the machine this is, in 8 digits; zeros where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:8]
    except OSError:
        return "0" * 8


def _runs(pid: int, start: int) -> bool:
    """Say whether the process that was begun then is still there; where nothing is known, it is."""
    if os.path.exists("/proc/self/stat"):
        return _start(pid) == start
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _start(pid: int) -> int | None:
    """Return when a process began, in ticks of the machine's clock; None for one that ended or is not known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()  # the name in brackets may hold anything
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
