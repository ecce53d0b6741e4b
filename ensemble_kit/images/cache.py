"""A split at one size as one uint8 array on disk: each picture is decoded once.

The cache is keyed by the sha256 of every file's bytes, the size, the resize rule and the
decoder's version, so it can never be stale; it may be deleted at any time. Memory-mapped:
a split may be larger than memory.
"""

import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.errors import BadDataError, ResourceError
from ensemble_kit.images.decode import RESIZE, VERSION, decode, resize

Images = UInt8[np.ndarray, "images 3 size size"]
_SHOWN = 5  # unreadable pictures named in one message


def digest_files(paths: Sequence[Path]) -> list[str]:
    """Return the sha256 (hex) of each file's bytes.

    Raises:
        BadDataError: a file that cannot be opened.
    """
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_digest, paths))


def load_images(
    paths: Sequence[Path],
    digests: Sequence[str],
    size_px: int,
    cache: Path,
    on_image: Callable[[], None] = lambda: None,
) -> Images:
    """Return the decoded pictures, in the order of `paths`, from the cache or through it.

    Args:
        digests: the sha256 of each file, see `digest_files`.
        cache: folder for decoded splits.
        on_image: called once for every picture that had to be decoded.

    Raises:
        BadDataError: pictures that cannot be read; names the first of them.
        ResourceError: no room for the cache.
    """
    text = "\n".join([*digests, str(size_px), RESIZE, str(VERSION)])
    path = cache / "images" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
    if not path.exists():
        _fill(path, paths, size_px, on_image)
    images: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return images


def median_side(paths: Sequence[Path], at_most: int = 200) -> int:
    """Return the median of the shorter sides (pixels), from the headers of evenly spaced pictures.

    Raises:
        BadDataError: none of them is a picture.
    """
    from PIL import Image

    sides = []
    for path in paths[:: max(len(paths) // at_most, 1)]:
        try:
            with Image.open(path) as image:
                sides.append(min(image.size))
        except (OSError, ValueError, Image.DecompressionBombError):
            continue  # named when it is decoded
    if not sides:
        raise BadDataError(f"cannot read '{paths[0]}': not a picture, and none of the others is.")
    return int(np.median(sides))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadDataError(f"cannot read '{path}': {error.strerror}.") from error


def _fill(path: Path, paths: Sequence[Path], size_px: int, on_image: Callable[[], None]) -> None:
    """Decode into a temporary file beside `path` and put it in place when it is whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".npy.tmp", dir=path.parent)
        try:
            shape = (len(paths), 3, size_px, size_px)
            if hasattr(os, "posix_fallocate"):  # a full disk is an error here, not a crash on a page later
                os.posix_fallocate(handle, 0, math.prod(shape) + 4096)
            os.close(handle)
            images = np.lib.format.open_memmap(name, mode="w+", dtype=np.uint8, shape=shape)
            _decode_all(images, paths, on_image)
            images.flush()
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise ResourceError(
            f"cannot write the decode cache '{path}' ({len(paths) * 3 * size_px**2 / 1e6:.0f} MB): "
            f"{error.strerror}. Make room, or move it with --cache."
        ) from error


def _decode_all(images: Images, paths: Sequence[Path], on_image: Callable[[], None]) -> None:
    """Decode every picture in its row; name all that fail in one error."""

    def decode_one(row: int) -> str | None:
        try:
            images[row] = resize(decode(paths[row].read_bytes(), paths[row]), images.shape[-1])
        except BadDataError as error:
            return str(error)
        except OSError as error:
            return f"cannot read '{paths[row]}': {error.strerror}."
        on_image()
        return None

    with ThreadPoolExecutor() as pool:
        bad = [message for message in pool.map(decode_one, range(len(paths))) if message]
    if bad:
        more = f"\n... and {len(bad) - _SHOWN} more." if len(bad) > _SHOWN else ""
        raise BadDataError(
            f"{len(bad)} of {len(paths)} pictures cannot be used:\n"
            + "\n".join(bad[:_SHOWN])
            + more
            + "\nReplace or remove them; nothing was written."
        )
