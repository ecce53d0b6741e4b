"""Paths as people give them: what is no plain file is never waited for, and a near name is suggested.

Nothing here writes. What the system refuses is said by `disk`.
"""

import errno
import os
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from models_zoo import SHOWN, did_you_mean, nearest

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_LOOKED_AT: Final = 5000  # names in one folder, of which some may be near


def read_plain(path: Path) -> bytes:
    """Return the bytes of a plain file; what is none is not waited for, nor read without end.

    Raises:
        FileNotFoundError: not there, or a folder, named pipe, socket or device: `strerror` says which.
        OSError: it cannot be read.
    """
    try:
        _check_plain(os.stat(path), path)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise FileNotFoundError(errno.ENOENT, f"no file can have this name ({error})", str(path)) from error
    with open(descriptor, "rb") as file:
        _check_plain(os.fstat(descriptor), path)  # another may have taken its place
        return file.read()


def _check_plain(found: os.stat_result, path: Path) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        what = f"it is {_KINDS.get(kind, 'something else')}, not a file"
        raise FileNotFoundError(errno.ENOENT, what, str(path))


def beside(path: Path | str, also: Iterable[Path | str] = ()) -> str:
    """Return the end of a sentence about a path that is not there: which was probably meant, or a full stop.

    Looks for a near name where the path first leads nowhere, so that `dat/train.csv` finds `data/train.csv`.

    Args:
        also: paths elsewhere whose names are compared too, as runs by name.

    Example:
        >>> beside("cnn", ["runs/cnn", "runs/vit"]), beside("no such file")
        ("; did you mean 'runs/cnn'?", '.')
    """
    others: dict[str, str] = {}
    for one in also:
        others.setdefault(Path(one).name, str(one))
    elsewhere = [others[name] for name in nearest(Path(path).name, others)]
    return did_you_mean(list(dict.fromkeys([*_near_paths(Path(path)), *elsewhere]))[:SHOWN])


def _near_paths(path: Path) -> list[str]:
    """Return the paths that are there and differ from this one in one part, as by a slip of the pen."""
    folder = path
    while folder != folder.parent and not os.path.isdir(folder.parent):
        folder = folder.parent
    try:
        names = [name for name in islice(os.listdir(folder.parent), _LOOKED_AT) if name not in ("", folder.name)]
    except (OSError, ValueError):
        return []
    rest = path.relative_to(folder)
    found = (folder.with_name(name) / rest for name in nearest(folder.name, sorted(names)) if folder.name)
    return [str(one) for one in found if os.path.exists(one)]
