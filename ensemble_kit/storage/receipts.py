"""What a command committed before it was killed or failed: the same command again takes it as its own work.

`ek members add cnn` that is killed after its commit has done its work, and its rerun would be
refused: the name is taken. So would that of a command whose second output met a full disk. So each file
that is put in place, or removed, while a command runs is noted first, under `<cache>/receipts/`, in
one file a process, which goes when the command ends well. A rerun with the same options in the same
folder finds the notes of those that did not, and whoever would refuse asks `stands`. A note says which
state of the file is meant, so another's work is never taken for one's own. Needs no lock; in a folder that
cannot be written it notes nothing.
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

from ensemble_kit.disk import FULL_DISK, refused
from ensemble_kit.temporaries import is_dead, process_mark

RECEIPTS: Final = "receipts"
KEPT_S: Final = 86400.0
FAILED: Final = ".failed"  # in place of the mark of a process, which may live on


@dataclass
class _Command:
    """The command that runs: its own notes, and those of the same command that was killed or failed."""

    own: Path
    dead: tuple[Path, ...]
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
    dead = tuple(path for path in _receipts(folder) if path.name.startswith(key) and _is_dead(path))
    running = _Command(folder / f"{key}.{process_mark()}", dead)
    for path in dead:
        _read(path, running.noted)
    token = _running.set(running)
    try:
        yield
        _remove(dead)  # the work is done; what ends by an error may be tried once more
    except Exception:
        _keep(running.own)
        raise
    finally:
        _remove([running.own])
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


def _keep(own: Path) -> None:
    """Keep the notes of a command that failed, where anything came of what they say."""
    notes: dict[str, list[Any]] = {}
    _read(own, notes)
    if any(
        isinstance(state, str) or state == state_of(Path(name)) for name, states in notes.items() for state in states
    ):
        with suppress(OSError):
            own.rename(own.with_name(f"{own.name.partition('.')[0]}.{secrets.token_hex(4)}{FAILED}"))


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
