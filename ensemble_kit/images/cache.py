"""A split at one size as one uint8 array on disk: each picture is decoded once.

The cache is keyed by the sha256 of every file's bytes, the size, the resize rule and the
decoder's version, so it can never be stale; it may be deleted at any time. What cannot be
read is noted beside it. Memory-mapped: a split may be larger than memory.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.disk import refused
from ensemble_kit.errors import BadDataError, ResourceError
from ensemble_kit.images.decode import RESIZE, VERSION, decode, resize
from ensemble_kit.images.headers import open_image, read_file
from ensemble_kit.temporaries import temporary_name

Images = UInt8[np.ndarray, "images 3 size size"]
SKIP = "Replace or remove them, or leave them out by --skip-bad; `ek data check` lists all."
_SHOWN = 5  # unreadable pictures named in one message


class Loaded(NamedTuple):
    """A decoded split: pixels, the sha256 (hex) of each file, and why some cannot be used.

    unreadable: row -> reason; those rows are black, and their digest is empty where the file
    could not even be opened.
    """

    images: Images
    digests: tuple[str, ...]
    unreadable: Mapping[int, str]


def load_images(
    paths: Sequence[Path], size_px: int, cache: Path, on_image: Callable[[], None] = lambda: None
) -> Loaded:
    """Return the decoded pictures, in the order of `paths`, from the cache or through it.

    Args:
        cache: folder for decoded splits.
        on_image: called once for every picture that had to be decoded.

    Raises:
        ResourceError: no room for the cache.
    """
    digests, closed = digest_files(paths)
    text = "\n".join([*digests, str(size_px), RESIZE, str(VERSION)])
    path = cache / "images" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
    if not path.exists():
        _fill(path, paths, digests, size_px, on_image)
    images: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    broken = _broken(path)
    noted = json.loads(broken.read_text(encoding="utf-8")) if broken.exists() else {}
    return Loaded(images, tuple(digests), {int(row): reason for row, reason in noted.items()} | closed)


def refuse(unreadable: Sequence[str], total: int, remedy: str = SKIP) -> None:
    """Raise where there are reasons why pictures cannot be used.

    Args:
        remedy: what to do about them.

    Raises:
        BadDataError: names the first of them.
    """
    if unreadable:
        more = [f"... and {len(unreadable) - _SHOWN} more."] if len(unreadable) > _SHOWN else []
        raise BadDataError(
            f"{len(unreadable)} of {total} pictures cannot be used:",
            *unreadable[:_SHOWN],
            *more,
            f"{remedy} Nothing was written.",
        )


def digest_files(paths: Sequence[Path]) -> tuple[list[str], dict[int, str]]:
    """Return the sha256 (hex) of each file's bytes, and why some files cannot be opened (their sha256 is empty)."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_digest, paths))
    return [digest for digest, _ in found], {row: reason for row, (_, reason) in enumerate(found) if reason}


def median_side(paths: Sequence[Path], at_most: int = 200) -> int:
    """Return the median of the shorter sides (pixels), from the headers of evenly spaced pictures.

    Raises:
        BadDataError: none of them is a picture.
    """
    sides = []
    for path in paths[:: max(len(paths) // at_most, 1)]:
        with suppress(BadDataError), open_image(read_file(path), path) as image:  # named when it is decoded
            sides.append(min(image.size))
    if not sides:
        raise BadDataError(f"cannot read '{paths[0]}': not a picture, and none of the others is.")
    return int(np.median(sides))


def _digest(path: Path) -> tuple[str, str]:
    """Return the sha256 of a file and nothing, or nothing and why it cannot be opened."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest(), ""
    except BadDataError as error:
        return "", str(error)


def _broken(path: Path) -> Path:
    """Return the file beside a decoded split that says which of its rows cannot be used."""
    return path.with_suffix(".unreadable.json")


def _fill(
    path: Path, paths: Sequence[Path], digests: Sequence[str], size_px: int, on_image: Callable[[], None]
) -> None:
    """Decode into a temporary file beside `path` and put it in place when it is whole."""
    shape = (len(paths), 3, size_px, size_px)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name, note = (path.parent / temporary_name(ending) for ending in (".npy", ".json"))
        try:
            name.touch(exist_ok=False)
            images = np.lib.format.open_memmap(name, mode="w+", dtype=np.uint8, shape=shape)
            _allocate(name)
            unreadable = _decode_all(
                images, [path if digest else None for path, digest in zip(paths, digests, strict=True)], on_image
            )
            images.flush()
            if unreadable:  # before the pixels, so that no reader takes black for a picture
                note.write_text(json.dumps(unreadable), encoding="utf-8")
                os.replace(note, _broken(path))
            os.replace(name, path)
        finally:
            for left in (name, note):
                left.unlink(missing_ok=True)
    except OSError as error:
        reason = refused(path, error, math.prod(shape))
        raise ResourceError(f"{reason} The decode cache can be moved with --cache.") from error


def _allocate(path: Path) -> None:
    """Give the file its place on the disk: a full one is an error here, not a crash on some page later."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _decode_all(images: Images, paths: Sequence[Path | None], on_image: Callable[[], None]) -> dict[int, str]:
    """Decode every picture in its row; return why some cannot be, by row."""

    def decode_one(row: int) -> str:
        path = paths[row]
        if path is None:
            return ""
        try:
            images[row] = resize(decode(read_file(path), path), images.shape[-1])
        except BadDataError as error:
            return str(error)
        on_image()
        return ""

    with ThreadPoolExecutor() as pool:
        return {row: reason for row, reason in enumerate(pool.map(decode_one, range(len(paths)))) if reason}
