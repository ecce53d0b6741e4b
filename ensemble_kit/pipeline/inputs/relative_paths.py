"""Paths that somebody else wrote down: told where they lead out of the working folder, left out where shared.

A checkpoint, a member or a config may come from anywhere, and names folders. What it names in the
working folder is read without a word; what lies outside is said first.
"""

import os
from pathlib import Path

from ensemble_kit.reporting.terminal import say


def is_outside(path: Path) -> bool:
    """Say whether a path leads out of the working folder, by its name.

    Example:
        >>> is_outside(Path("data/val")), is_outside(Path("../data")), is_outside(Path("runs/../.."))
        (False, True, True)
    """
    return not Path(os.path.abspath(path)).is_relative_to(os.getcwd())


def tell_outside(path: Path, where: str | Path) -> Path:
    """Return the path, after saying on standard error that it leads out of the working folder, where it does.

    Args:
        where: what names the path.
    """
    if is_outside(path):
        say(f"{where} lies outside this folder: {path}")
    return path


def relative(path: str | Path, folder: Path = Path()) -> Path:
    """Return a path as it is kept and shared: relative to a folder, so that it tells of no home.

    What shares nothing with the folder but the root of the disk stays as it is.

    Example:
        >>> relative(os.path.abspath("data"), Path("runs/cnn")).as_posix()
        '../../data'
        >>> relative("runs/cnn").as_posix()
        'runs/cnn'
    """
    there, here = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    shares = there.parts[:2] == here.parts[:2]
    return Path(os.path.relpath(there, here)) if shares else there
