"""An array in the cache, and the sealed note beside it that vouches for it.

    <key>.npy    the array
    <key>.json   its sha256, the whole key, and what else belongs to it

The key names all that decides about the array. What is not byte for byte what was written
is never returned; whoever wants it computes it anew. Knows nothing of what the numbers mean.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Shaped

from ensemble_kit.disk.checksums import check
from ensemble_kit.disk.sealed import seal, unseal
from ensemble_kit.errors import CorruptError


class CachedArray(NamedTuple):
    """An array, memory-mapped, and what else its note says."""

    array: Shaped[np.ndarray, "..."]
    note: Mapping[str, Any]


def read_cached(
    path: Path, key: str, remark: Callable[[str], None], cache: Path | None = None, verify: bool = False
) -> CachedArray | None:
    """Return an array that is as it was written; None where there is none such, and it is to be made anew.

    Args:
        path: of the array; its name is the key, or how that begins.
        remark: told in one sentence what is wrong with an array that is there.
        cache, verify: see `checksums.check`.
    """
    try:
        if path.exists() and not path.is_file():
            raise CorruptError(f"{path} is no file.")
        with open(path, "rb") as file:
            note = _read_note(path, key)
            check(path, str(note["array_sha256"]), cache, verify, file)
            return CachedArray(map_array(file), note)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (CorruptError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else "not as it was written"
        remark(f"{path}: {why}; made anew.")
        return None


def note_path(path: Path) -> Path:
    """Return where the note of an array lies."""
    return path.with_suffix(".json")


def render_note(key: str, array_sha256: str, more: Mapping[str, Any] | None = None) -> bytes:
    """Return the note of an array.

    Args:
        array_sha256: of the whole file.
    """
    return seal({**(more or {}), "key": key, "array_sha256": array_sha256})


def map_array(file: BinaryIO) -> Shaped[np.ndarray, "..."]:
    """Return the array in an open .npy file of version 1, mapped for reading; never unpickles."""
    file.seek(0)
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return np.memmap(file, dtype, "r", file.tell(), shape)


def check_cached(path: Path) -> None:
    """Raise unless an array is what its note says, and the note's key that of its name.

    Raises:
        CorruptError: it is not.
        OSError: it may not be read.
    """
    check(path, str(_read_note(path, None)["array_sha256"]))


def _read_note(path: Path, key: str | None) -> dict[str, Any]:
    """Return the note of an array; key: None takes any that the array's name fits."""
    try:
        note = unseal(note_path(path).read_bytes(), note_path(path))
    except FileNotFoundError:
        raise CorruptError(f"{path} has no note beside it that vouches for it.") from None
    held = str(note.get("key"))
    if "array_sha256" not in note or not held.startswith(path.stem) or key not in (None, held):
        raise CorruptError(f"{note_path(path)} is the note of another array.")
    return note
