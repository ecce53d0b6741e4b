"""A split at one size as one uint8 array on disk: each image is decoded once.

The cache is keyed by the sha256 of every file's bytes, the size, the resize rule and the
decoder's version, so it can never be stale; it may be deleted at any time. A sealed note
beside it vouches for its bytes and says which images cannot be read: what is damaged, or
may not be opened, is decoded anew. Memory-mapped: a split may be larger than memory.
"""

import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.disk import map_array, note_path, read_cached, refused, remember_written, render_note, temporary_name
from ensemble_kit.errors import BadDataError, ResourceError
from ensemble_kit.images.decode import RESIZE, VERSION, decode, resize
from ensemble_kit.images.headers import open_image, read_file

Images = UInt8[np.ndarray, "images 3 size size"]
SKIP = "Replace or remove them, or leave them out by --skip-bad; `ek data check` lists all."
FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTEMPTY)  # a cache not ours to write
_SHOWN = 5  # reasons named in one message


class Loaded(NamedTuple):
    """A decoded split: pixels, the sha256 (hex) of each file, and why some cannot be used.

    unreadable: row -> reason; those rows are black, and their digest is empty where the file
    could not even be opened.
    remarks: what a person should know of the cache: that it was damaged, or cannot be kept.
    """

    images: Images
    digests: tuple[str, ...]
    unreadable: Mapping[int, str]
    remarks: tuple[str, ...] = ()


class Decoded(NamedTuple):
    """Pixels, and why some rows have none."""

    images: Images
    unreadable: Mapping[int, str]


def load_images(
    paths: Sequence[Path],
    size_px: int,
    cache: Path,
    on_image: Callable[[], None] = lambda: None,
    verify: bool = False,
    max_px: int | None = None,
) -> Loaded:
    """Return the decoded images, in the order of `paths`, from the cache or through it.

    Args:
        cache: folder for decoded splits. One that may not be written is gone without: then they
            are decoded for this process alone.
        on_image: called once for every image that had to be decoded.
        verify: compute the checksum of what is there again.
        max_px: the most pixels that an image may have; None: see `headers`.

    Raises:
        ResourceError: no room for the cache.
    """
    digests, closed = digest_files(paths)
    text = "\n".join([*digests, str(size_px), RESIZE, str(VERSION), *([f"{max_px} px"] if max_px else [])])
    key = hashlib.sha256(text.encode()).hexdigest()
    path = cache / "images" / f"{key[:24]}.npy"
    remarks: list[str] = []
    held = read_cached(path, key, remarks.append, cache, verify)
    if held is not None:
        unreadable = {int(row): reason for row, reason in json.loads(held.note["unreadable"]).items()}
        decoded = Decoded(held.array, unreadable)
    else:
        readable = [path if digest else None for path, digest in zip(paths, digests, strict=True)]
        decoded = _fill(path, key, readable, size_px, cache, on_image, remarks, max_px)
    return Loaded(decoded.images, tuple(digests), {**decoded.unreadable, **closed}, tuple(remarks))


def refuse(unreadable: Sequence[str], total: int, remedy: str = SKIP) -> None:
    """Raise where there are reasons why images cannot be used.

    Args:
        remedy: what to do about them.

    Raises:
        BadDataError: names each reason once, with the first of its images.
    """
    if unreadable:
        alike = by_reason(unreadable)
        more = sum(count for _, count in alike[_SHOWN:])
        raise BadDataError(
            f"{len(unreadable)} of {total} images cannot be used:",
            *(told for told, _ in alike[:_SHOWN]),
            *([f"... and {more} more."] if more else []),
            f"{remedy} Nothing was written.",
        )


def by_reason(unreadable: Sequence[str]) -> list[tuple[str, int]]:
    """Return each reason why images cannot be read once, with the first of them and how many there are.

    Example:
        >>> by_reason(["cannot read 'a': it is empty.", "cannot read 'b': it is empty.", "no"])
        [("cannot read 'a' and 1 more: it is empty.", 2), ('no', 1)]
    """
    alike: dict[str, list[str]] = {}
    for reason in unreadable:
        _, mark, why = reason.partition("': ")
        alike.setdefault(why if mark else reason, []).append(reason)
    return [
        (some[0].replace("': ", f"' and {len(some) - 1} more: ", 1) if len(some) > 1 else some[0], len(some))
        for some in alike.values()
    ]


def digest_files(paths: Sequence[Path]) -> tuple[list[str], dict[int, str]]:
    """Return the sha256 (hex) of each file's bytes, and why some files cannot be opened (their sha256 is empty)."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_digest, paths))
    return [digest for digest, _ in found], {row: reason for row, (_, reason) in enumerate(found) if reason}


def median_side(paths: Sequence[Path], at_most: int = 200, max_px: int | None = None) -> int:
    """Return the median of the shorter sides (pixels), from the headers of evenly spaced images.

    Raises:
        BadDataError: none of them is an image.
    """
    sides = []
    for path in paths[:: max(len(paths) // at_most, 1)]:
        with suppress(BadDataError), open_image(read_file(path), path, max_px) as image:  # named when it is decoded
            sides.append(min(image.size))
    if not sides:
        raise BadDataError(f"cannot read '{paths[0]}': not an image, and none of the others is.")
    return int(np.median(sides))


def _digest(path: Path) -> tuple[str, str]:
    """Return the sha256 of a file and nothing, or nothing and why it cannot be opened."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest(), ""
    except BadDataError as error:
        return "", str(error)


def _fill(
    path: Path,
    key: str,
    paths: Sequence[Path | None],
    size_px: int,
    cache: Path,
    on_image: Callable[[], None],
    remarks: list[str],
    max_px: int | None,
) -> Decoded:
    """Decode into a temporary file beside `path`, and put it in place when it is whole."""
    shape = (len(paths), 3, size_px, size_px)
    try:
        with _new_file(path.parent) as (file, temporary):
            decoded, sha256 = _decode_into(file, paths, shape, on_image, max_px)
            note = render_note(key, sha256, {"unreadable": json.dumps(decoded.unreadable)})
            if temporary is not None and _put_in_place(temporary, path, note):
                remember_written(path, sha256, cache, file)
            else:
                remarks.append(f"{path} cannot be written; its images were decoded for this run alone.")
            return decoded
    except OSError as error:
        reason = refused(path, error, math.prod(shape))
        raise ResourceError(f"{reason} The decode cache can be moved with --cache.") from error


@contextmanager
def _new_file(folder: Path) -> Iterator[tuple[BinaryIO, Path | None]]:
    """Open a file in the folder that is gone at the end unless it was renamed; elsewhere, and without
    a name, where the folder may not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / temporary_name(".npy")
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        handle = None
    if handle is None:
        with tempfile.TemporaryFile() as file:
            yield file, None
        return
    try:
        with open(handle, "w+b") as file:
            yield file, name
    finally:
        name.unlink(missing_ok=True)


def _put_in_place(temporary: Path, path: Path, note: bytes) -> bool:
    """Put the note in place, then the array that it vouches for; False where that is forbidden."""
    beside = temporary.with_name(temporary_name(".json"))
    try:
        beside.write_bytes(note)
        os.replace(beside, note_path(path))
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True


def _decode_into(
    file: BinaryIO,
    paths: Sequence[Path | None],
    shape: tuple[int, ...],
    on_image: Callable[[], None],
    max_px: int | None,
) -> tuple[Decoded, str]:
    """Decode every image into the file, an .npy; return what came of it, and the sha256 of the file."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    offset = file.tell()
    if hasattr(os, "posix_fallocate"):  # a full disk is an error here, not a crash on some page later
        file.flush()
        os.posix_fallocate(file.fileno(), 0, offset + math.prod(shape))
    images = np.memmap(file, np.uint8, "r+", offset, shape)
    file.seek(0)
    digest = hashlib.sha256(file.read(offset))
    unreadable = {}
    for row, reason in enumerate(_decode_all(images, paths, on_image, max_px)):
        digest.update(images[row].data)
        if reason:
            unreadable[row] = reason
    images.flush()
    return Decoded(map_array(file), unreadable), digest.hexdigest()


def _decode_all(
    images: Images, paths: Sequence[Path | None], on_image: Callable[[], None], max_px: int | None
) -> Iterator[str]:
    """Decode every image in its row; yield, row by row, why it cannot be, empty where it is done."""

    def decode_one(row: int) -> str:
        path = paths[row]
        if path is None:
            return ""
        try:
            images[row] = resize(decode(read_file(path), path, max_px), images.shape[-1])
        except BadDataError as error:
            return str(error)
        on_image()
        return ""

    with ThreadPoolExecutor() as pool:
        yield from pool.map(decode_one, range(len(paths)))
