"""What a change of several files is about to do, written down first: whoever comes after a kill ends it.

An intent names the file whose replacement is the commit. Once that is replaced, files left to
rename and files out of use are dealt with; if it never was, the new files go. So a change is
whole or undone, by the next who locks the folder or clears it (`leftovers`). The file is
`.intent-<process>.json` in the folder of the change, and is gone when the change ends.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ensemble_kit.disk import is_dead, mark_in, process_mark, refused, seal, unseal
from ensemble_kit.errors import CorruptError

INTENT_PREFIX: Final = ".intent-"


@contextmanager
def intended(
    folder: Path,
    *,
    once: Path | None = None,
    holds: str = "",
    was: str | None = None,
    renames: Sequence[tuple[Path, Path]] = (),
    then: Iterable[Path] = (),
    otherwise: Iterable[Path] = (),
) -> Iterator[None]:
    """Let the block make a change; afterwards, or after a kill in it, the change is ended.

    Args:
        folder: of the change; it is there. What is renamed or removed lies in it.
        once: the file that commits the change; None: it is committed already.
        holds: a text that the file contains from then on.
        was: sha256 of the file before, where no text tells; None: it was not there.
        renames: from temporary to final names, in order, carried out once it is committed.
        then: removed once it is committed; folders where they are empty.
        otherwise: removed if it never is.

    Raises:
        ResourceError: the intent cannot be written; nothing was done.
    """
    content = {
        "once": None if once is None else _relative(once, folder),
        "holds": holds,
        "was": was,
        "renames": [[_relative(old, folder), _relative(new, folder)] for old, new in renames],
        "then": [_relative(path, folder) for path in then],
        "otherwise": [_relative(path, folder) for path in otherwise],
    }
    path = folder / f"{INTENT_PREFIX}{process_mark()}-{secrets.token_hex(4)}.json"
    try:
        path.write_bytes(seal(content))
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise refused(path, error) from error
    try:
        yield
    finally:
        _end(path)


def sha256_before(path: Path) -> str | None:
    """Return the sha256 of a file, for `was`; None where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def settle(folder: Path) -> None:
    """End the changes in a folder whose processes are dead."""
    with suppress(OSError):
        for entry in [one for one in os.scandir(folder) if one.name.startswith(INTENT_PREFIX)]:
            with suppress(OSError):
                if is_dead(entry.name, time.time(), entry.stat().st_mtime):
                    _end(Path(entry.path))


def waiting_in(folder: Path) -> set[str]:
    """Return the marks of the processes whose changes in a folder are not ended; they need their temporary files."""
    with suppress(OSError):
        return {mark_in(entry.name) for entry in os.scandir(folder) if entry.name.startswith(INTENT_PREFIX)}
    return set()


def sync_folder(folder: Path) -> None:
    """Make renames and removals in the folder durable."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end(path: Path) -> None:
    """Carry out, or undo, what an intent says, and remove it; one that was never whole says nothing."""
    with suppress(OSError):
        try:
            content = unseal(path.read_bytes(), path)
        except CorruptError:
            content = {}
        if content:
            _carry_out(path.parent, content)
        path.unlink(missing_ok=True)


def _carry_out(folder: Path, content: Mapping[str, Any]) -> None:
    done = _is_committed(folder, content)
    for old, new in content["renames"]:
        with suppress(FileNotFoundError):  # renamed already
            if done:
                os.replace(_inside(folder, old), _inside(folder, new))
            else:
                _inside(folder, old).unlink()
    touched = {folder}
    for name in content["then" if done else "otherwise"]:
        path = _inside(folder, name)
        with suppress(OSError):  # gone already, or a folder that holds something else
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
            touched.add(path.parent)
    for one in touched:
        with suppress(OSError):
            sync_folder(one)


def _is_committed(folder: Path, content: Mapping[str, Any]) -> bool:
    if content["once"] is None:
        return True
    try:
        data = (folder / content["once"]).read_bytes()
    except OSError:
        return False
    return content["holds"].encode() in data and hashlib.sha256(data).hexdigest() != content["was"]


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file of the change; nothing outside the folder is ever touched."""
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(os.path.normpath(folder)):
        raise PermissionError(f"{path} lies outside {folder}")
    return path


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return Path(os.path.abspath(path)).as_posix()
