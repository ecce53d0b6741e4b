"""What a command committed before it was killed, stopped or failed: the same command again takes it as its own work.

`ek members add cnn` that is killed after its commit has done its work, and its rerun would be
refused: the name is taken. So would that of a command whose second output met a full disk. So each file
that is put in place, or removed, while a command runs is noted first, under `<cache>/receipts/`, in
one file a process, which goes when the command ends well. A rerun with the same options in the same
folder takes over the notes of those that did not, and whoever would refuse asks `stands`. A note says
which state of the file is meant, and is taken over by one rerun only, so another's work is never taken for
one's own. Needs no lock; in a folder that cannot be written it notes nothing.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ensemble_kit.disk import FULL_DISK, is_dead, process_mark, refused

RECEIPTS: Final = "receipts"
KEPT_S: Final = 86400.0
FAILED: Final = ".failed"  # in place of the mark of a process, which may live on


@dataclass
class _Command:
    """The command that runs: where it notes, and what was noted by the same command that was killed or failed."""

    own: Path
    noted: dict[str, list[Any]] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)


_running: Final[ContextVar[_Command | None]] = ContextVar("running", default=None)


@contextmanager
def noting(command: str, cache: Path) -> Iterator[None]:
    """Note what the block puts in place, until it ends.

    Args:
        command: all that the command was told.
        cache: the folder that remembers (`.ek`).
    """
    folder, told = cache / RECEIPTS, f"{os.getcwd()}\0{command}"
    key = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:24]
    taken = [own for path in _receipts(folder) if path.name.startswith(key) and (own := _take(path))]
    running = _Command(_name_for(key, folder))
    for path in taken:
        _read(path, running.noted)
    token = _running.set(running)
    try:
        yield
    except (Exception, KeyboardInterrupt):  # what was stopped, or failed, may be tried once more
        _keep([*taken, running.own])
        raise
    finally:
        _remove([*taken, running.own])
        for folder in running.made if len(running.made) > 1 else ():  # there was no cache, so none is left
            with suppress(OSError):
                folder.rmdir()
        _running.reset(token)


def note(path: Path, state: Any) -> None:
    """Note that the file is about to be in a state, see `state_of`; or anything else that JSON can hold.

    Raises:
        ResourceError: the disk is full. What is removed is removed all the same.
    """
    running = _running.get()
    if running is None:
        return
    line = json.dumps([os.path.abspath(path), state]) + "\n"
    try:
        for folder in (running.own.parents[1], running.own.parent):
            if not folder.is_dir():
                folder.mkdir(parents=True)
                running.made.insert(0, folder)
        with open(running.own, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line)
    except OSError as error:
        if error.errno in FULL_DISK and state is not None:
            raise refused(path, error) from error


def noted(path: Path) -> Sequence[Any]:
    """Return what this very command noted about the file when it was killed or failed."""
    running = _running.get()
    return () if running is None else running.noted.get(os.path.abspath(path), ())


def stands(path: Path) -> bool:
    """Say whether the file is as this very command left it that was killed or failed; gone, where that removed it."""
    known = noted(path)
    return bool(known) and state_of(path) in known


def state_of(path: Path) -> list[int] | None:
    """Return what tells this state of the file from all others, its name aside; None where it is not there."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def remove_old(cache: Path) -> None:
    """Remove what was noted longer than a day ago by who was killed or failed."""
    for path in _receipts(cache / RECEIPTS):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S and _is_dead(path):
                _remove([path])


def _receipts(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder))
    except OSError:
        return []


def _is_dead(path: Path) -> bool:
    try:
        return path.suffix == FAILED or is_dead(path.name, time.time(), path.stat().st_mtime)
    except OSError:
        return False


def _read(path: Path, into: dict[str, list[Any]]) -> None:
    """Add what a receipt notes; a line that was never whole says nothing."""
    with suppress(OSError, ValueError):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, state = json.loads(line)
            into.setdefault(name, []).append(state)


def _name_for(key: str, folder: Path) -> Path:
    """Return a name that says which command of which process notes there."""
    return folder / f"{key}.{process_mark()}-{secrets.token_hex(4)}"


def _take(path: Path) -> Path | None:
    """Put the notes of who was killed or failed under a name of this process; None where somebody else has them."""
    if not _is_dead(path):
        return None
    own = _name_for(path.name.partition(".")[0], path.parent)
    try:
        path.rename(own)
    except FileNotFoundError:
        return None
    except OSError:  # not ours to take, but to read
        return path
    return own


def _keep(paths: Sequence[Path]) -> None:
    """Keep the notes of a command that failed, where anything came of what they say."""
    for path in paths:
        notes: dict[str, list[Any]] = {}
        _read(path, notes)
        states = [(Path(name), state) for name, known in notes.items() for state in known]
        if any(isinstance(state, str) or state == state_of(file) for file, state in states):
            with suppress(OSError):
                path.rename(path.with_name(f"{path.name.partition('.')[0]}.{secrets.token_hex(4)}{FAILED}"))


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
