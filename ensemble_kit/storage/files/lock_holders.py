"""Who holds a lock, where the system tells: Linux lists every flock in /proc/locks."""

import os
from pathlib import Path


def holder_of(lock: Path, listing: Path = Path("/proc/locks")) -> str:
    """Return who holds the lock of a file: a process by its id, where that can be known.

    Args:
        lock: the file that is locked.
        listing: the system's list of locks.

    Example:
        >>> holder_of(Path("nothing"))
        'another process'
    """
    try:
        status = os.stat(lock)
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        lines = [line.split() for line in listing.read_text().splitlines()]
    except (OSError, AttributeError):  # AttributeError: Windows has no device numbers
        return "another process"
    held = [int(words[4]) for words in lines if len(words) > 5 and words[1] != "->" and words[5] == place]
    return f"process {held[0]}" if held and held[0] not in (0, -1, os.getpid()) else "another process"
