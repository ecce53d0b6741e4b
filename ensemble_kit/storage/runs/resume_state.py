"""The unfinished run in a run's folder: state-<step>-<sha12>.pt and unfinished.yaml.

A state is all that training goes on from, in one file named by its content; a newer one is
durable before the older is removed. unfinished.yaml holds the options that go on from it.
Both lie beside the files of the run that they may come to replace, and go when the member
stands. Call under the folder's lock. Never unpickles anything but tensors and plain data.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble_kit.errors import CorruptError, ResourceError
from ensemble_kit.storage.files import remove_files, replace_file, writing
from ensemble_kit.versions import made_elsewhere

STATE = re.compile(r"state-([0-9]+)-([0-9a-f]{12})\.pt")
UNFINISHED_NAME = "unfinished.yaml"
OTHER_TORCH = re.compile(r"GLOBAL (torch\.\w+)[^.\w]")  # a kind of numbers that the reader has not
REMEDY = "Begin anew: give --replace."


def write_state(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write the state after so many steps, then remove those before it.

    Args:
        state: tensors, numbers, texts, None, and lists and mappings of them.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    data = buffer.getvalue()
    path = folder / f"state-{step}-{hashlib.sha256(data).hexdigest()[:12]}.pt"
    replace_file(path, data)
    with writing(folder):
        remove_files(one for one in state_files(folder) if one != path)
    return path


def read_state(folder: Path) -> dict[str, Any] | None:
    """Return the newest state of a run folder; None where there is none.

    Raises:
        CorruptError: it is damaged; there is no older one to fall back on.
        BadDataError: another torch wrote it, which knew more.
        ResourceError: it cannot be read.
    """
    import torch

    held = state_files(folder)
    if not held:
        return None
    path = held[-1]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ResourceError(f"Cannot read {path}: {error.strerror}.") from error
    _check_name(path, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:  # torch.save compresses nothing
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("a compressed archive")
        state = torch.load(io.BytesIO(data), weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # the reader raises nearly anything on what is none
        if kind := OTHER_TORCH.search(str(error)):
            why = f"it holds {kind[1]}, which this torch does not know. Begin anew with --replace."
            raise made_elsewhere(path, why) from error
        raise CorruptError(f"{path} is no state that ensemble_kit wrote. {REMEDY}") from error
    if not isinstance(state, dict):
        raise CorruptError(f"{path} holds {type(state).__name__}, no state. {REMEDY}")
    return state


def check_state(path: Path) -> None:
    """Raise unless a state is what it was named by.

    Raises:
        CorruptError: it is not.
        FileNotFoundError: it is gone.
    """
    _check_name(path, path.read_bytes())


def remove_states(folder: Path) -> None:
    """Remove all that is unfinished in a run folder, where there is one.

    Raises:
        ResourceError: the folder cannot be written.
    """
    with writing(folder):
        remove_files(path for path in (*state_files(folder), folder / UNFINISHED_NAME) if path.exists())


def remove_stale(folder: Path) -> None:
    """Remove what a kill left: states before the newest, and the options of a run that has none.

    Raises:
        ResourceError: the folder cannot be written.
    """
    held = state_files(folder)
    with writing(folder):
        remove_files(held[:-1] if held else [folder / UNFINISHED_NAME])


def _check_name(path: Path, data: bytes) -> None:
    got = hashlib.sha256(data).hexdigest()
    if path.name != f"state-{_step(path)}-{got[:12]}.pt":
        raise CorruptError(f"{path} is damaged: its name and its sha256 {got[:12]} differ. {REMEDY}")


def state_files(folder: Path) -> list[Path]:
    """Return the states of a folder, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if STATE.fullmatch(path.name)), key=_step)


def _step(path: Path) -> int:
    return int(path.name.split("-")[1])
