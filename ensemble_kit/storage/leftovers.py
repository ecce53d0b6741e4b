"""What dead processes left in a working folder, removed by the next command of any kind.

Looks only where commands write, and only at names of ours; removes a temporary file whose process
is dead, ends changes that were half done (`intents`), sweeps members where a sweep is due, and
takes away the folder of a run that holds nothing. Never waits for a lock, never fails: what
cannot be removed now, another's or a read-only folder's, is passed over.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from ensemble_kit.disk import PREFIX, is_dead, mark_in
from ensemble_kit.errors import LockedError, ResourceError
from ensemble_kit.storage.files import INTENT_PREFIX, LOCK_NAME, locked, remove_files, remove_old, settle, waiting_in
from ensemble_kit.storage.members import UNSWEPT, sweep
from ensemble_kit.storage.partial import JOB_NAME, remove_headless
from ensemble_kit.storage.runs import UNFINISHED_NAME, remove_stale
from ensemble_kit.workspace import Workspace

FILES: Final = ("out", "csv", "sheet")
"""Options that name a file to write."""
UNMARKED_ENDS: Final = (".npy.tmp", ".npy.tmp.json")  # of earlier versions


def clear(workspace: Workspace, options: Mapping[str, Any]) -> None:
    """Clear the folders of a workspace, and those where a command writes by other options.

    Args:
        options: of the command, by name.
    """
    given = {option: _path(options.get(option)) for option in (*FILES, "folder")}
    cache, submissions = workspace.cache, workspace.submissions
    members = [workspace.predictions, cache / "probe" / "predictions"]
    roots = [workspace.runs, cache / "probe" / "runs"]
    runs = [folder for root in roots for folder in _subfolders(root)]
    jobs = [cache / "looks", *_subfolders(cache / "looks")]
    written = [path.parent for path in (given[option] for option in FILES) if path is not None]
    others = [Path(), Path("exports"), workspace.blends, workspace.reports, submissions, submissions / "handed-in"]
    others += [cache / "images", cache / "features", *([given["folder"]] if given["folder"] else []), *written]
    for folder in _distinct([*members, *roots, *runs, *jobs, *others]):
        names = _names(folder)
        dead = _dead(folder, names)
        if UNSWEPT in names or any(name.startswith(INTENT_PREFIX) for name in names):
            _end_changes(folder, names)
        _remove(folder, dead)
        if folder in runs:
            _clear_run(folder, names)
        if folder in jobs[1:] and JOB_NAME not in names:
            _under_lock(folder.parent, partial(remove_headless, folder))
    remove_old(cache)


def _dead(folder: Path, names: Iterable[str]) -> list[str]:
    """Return the temporary files, and the folders, of dead processes."""
    found = []
    for name in names:
        if name.startswith(PREFIX) or name.endswith(UNMARKED_ENDS):
            with suppress(OSError):
                if is_dead(name, time.time(), (folder / name).lstat().st_mtime):
                    found.append(name)
    return found


def _remove(folder: Path, dead: Sequence[str]) -> None:
    """Remove what dead processes left, but what a change needs that could not be ended yet."""
    waiting = waiting_in(folder) if dead else set()
    for name in dead:
        path = folder / name
        if mark_in(name) in waiting:
            continue
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _end_changes(folder: Path, names: Iterable[str]) -> None:
    """End what was half done; where writers lock the folder, under its lock."""
    if LOCK_NAME not in names:
        settle(folder)
    elif UNSWEPT in names:
        _under_lock(folder, partial(sweep, folder))
    else:
        _under_lock(folder, lambda: None)  # who gets the lock has ended it


def _clear_run(folder: Path, names: Iterable[str]) -> None:
    """Remove what an unfinished run cannot be gone on with, and a folder that holds no file."""
    if UNFINISHED_NAME in names:
        _under_lock(folder, partial(remove_stale, folder))
    if not set(names) - {LOCK_NAME}:
        _under_lock(folder, partial(_remove_empty, folder))


def _remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but its lock, which is held."""
    if _names(folder) == [LOCK_NAME]:
        remove_files([folder / LOCK_NAME])
        folder.rmdir()


def _under_lock(folder: Path, work: Callable[[], None]) -> None:
    """Do it under the folder's lock, unless that is held or cannot be."""
    with suppress(LockedError, ResourceError, OSError), locked(folder, timeout_s=0):
        work()


def _names(folder: Path) -> list[str]:
    """Return the names in a folder; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _distinct(folders: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(folders))


def _path(given: Any) -> Path | None:
    return Path(given) if isinstance(given, str | os.PathLike) and str(given) else None
