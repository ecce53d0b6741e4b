"""What the file system refuses, as one sentence with the path and the remedy.

A full disk names the path, what is needed and what is free. Whoever writes says so by
this; nothing here writes.
"""

import errno
import shutil
from pathlib import Path

from ensemble_kit.errors import ResourceError

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
BLOCK_BYTES = 4096  # what the name of a new file or folder may take


def refused(path: Path | str, error: OSError, needed_bytes: int = 0) -> ResourceError:
    """Return the error that says why the path cannot be written.

    Args:
        needed_bytes: of the file, as far as it is known.

    Example:
        >>> str(refused("runs", PermissionError(13, "Permission denied")))
        'Cannot write runs: Permission denied. Make the folder writable, or choose another.'
    """
    if error.errno not in FULL_DISK:
        return ResourceError(
            f"Cannot write {path}: {error.strerror or error}. Make the folder writable, or choose another."
        )
    folder = standing_folder(Path(path).parent)
    return ResourceError(
        f"The disk is full: {path} needs at least {needed_bytes or BLOCK_BYTES:,} bytes, "
        f"{shutil.disk_usage(folder).free:,} are free in {folder}. Free some space and run the command again; "
        "what was there before is unharmed."
    )


def standing_folder(path: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path
