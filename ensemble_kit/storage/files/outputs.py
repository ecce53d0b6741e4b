"""What a person asked for by name, or may have kept: never replaced unasked.

An output (new predictions, a graph, a plot, a list of findings) stands until --replace is given; one that bears a
name of ours and carries a seal goes as long as it is, byte for byte, what ek wrote. Of a pair, one
file vouches for itself and for the other by their sha256; the pair is made anew as long as both are, byte for byte,
what ek wrote, and stands like an output where they are not. What is checked before the work is checked again when
the file is put in place. Links are followed; devices and pipes are written through, never replaced.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from ensemble_kit.disk import check_writable, refused, seal, sha256_of, standing_folder, unseal
from ensemble_kit.errors import CorruptError, InvalidOptionError, ResourceError
from ensemble_kit.storage.files.atomic import Parts, create_file_in_parts, locked, replace_file_in_parts, replace_files
from ensemble_kit.storage.files.receipts import stands

REPLACES: Final = "replaces"
"""In the JSON of a pair while it is made anew: the sha256 of the file that is about to go."""
DESCRIPTOR: Final = re.compile(r"/dev/fd/(\d+)|/proc/self/fd/(\d+)")
STANDARD: Final = {"/dev/stdout": 1, "/dev/stderr": 2}


IsOurs = Callable[[bytes], bool]
"""From what a file holds to whether it is, byte for byte, what ek wrote."""


def check_output(
    path: Path, replace: bool, option: str = "--out", inputs: Iterable[Path] = (), is_ours: IsOurs | None = None
) -> None:
    """Raise unless an output may be written: before the work, of which nothing should be lost.

    Args:
        replace: whether what is there may go.
        inputs: what the work reads; none of these may be the output, whatever `replace` says.
        is_ours: of an output that was not named by a person: whether what is there may go all the same.

    Raises:
        InvalidOptionError: something is there already, a folder is, or it is one of the inputs.
        ResourceError: its folder cannot be written.
    """
    if is_stream(path):
        return
    place = _followed(path, option)
    if os.path.isdir(place):
        raise InvalidOptionError(f"{option}: '{path}' is a folder; wanted a file.")
    if os.path.realpath(place) in {os.path.realpath(one) for one in inputs}:
        raise InvalidOptionError(f"{option}: '{path}' is what is read here; wanted another file.")
    if os.path.exists(place) and not (os.path.isfile(place) and (replace or _may_go(place, is_ours))):
        raise _taken(path, option) if is_ours is None else _changed(path, option)
    if any(os.path.isfile(one) for one in place.parents):
        folder = standing_folder(place.parent)
        raise ResourceError(f"Cannot write {path}: '{folder}' takes no new file. Choose another {option}.")
    check_writable(place.parent, path)


def write_output(path: Path, parts: Parts, replace: bool, option: str = "--out", is_ours: IsOurs | None = None) -> None:
    """Write an output, whole or not at all, as `check_output` allows it now.

    Raises:
        InvalidOptionError: something is there by now; it stays as it is.
        ResourceError: the disk is full, or the folder cannot be written.
    """
    if is_stream(path):
        _write_through(path, parts)
        return
    place = _followed(path, option)
    if replace or _may_go(place, is_ours):
        replace_file_in_parts(place, parts)
        return
    try:
        create_file_in_parts(place, parts)
    except FileExistsError:
        raise _taken(path, option) from None


def is_stream(path: Path) -> bool:
    """Say whether a path is a device, a pipe or an open descriptor: something that takes bytes and keeps no file."""
    if _descriptor(path) is not None:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


class Voucher(NamedTuple):
    """The one file of a pair that says of itself and of the other that both are as ek wrote them.

    render: from the other's sha256, and that of the file which it is about to replace (or None), to the content.
    read: from a content to these two; None where it is not, byte for byte, what `render` gave.
    """

    path: Path
    render: Callable[[str, str | None], bytes]
    read: Callable[[bytes], tuple[str, str | None] | None]


def sealed_voucher(path: Path, key: str, content: Mapping[str, Any]) -> Voucher:
    """Return a sealed JSON that holds the content, and the other file's sha256 under the key."""

    def render(sha256: str, before: str | None) -> bytes:
        return seal({**content, key: sha256, **({REPLACES: before} if before else {})})

    def read(data: bytes) -> tuple[str, str | None] | None:
        try:
            held = unseal(data, path)
        except CorruptError:
            return None
        return (held[key], held.get(REPLACES)) if key in held else None

    return Voucher(path, render, read)


def check_pair(path: Path, voucher: Voucher, replace: bool, option: str = "--out") -> None:
    """Raise unless a file and its voucher may be made anew: they are not there, or as ek wrote them.

    Args:
        replace: whether they may go in any case.

    Raises:
        InvalidOptionError: one of them is a folder, another's, or was edited.
    """
    for one in (path, voucher.path):
        if os.path.isdir(one):
            raise InvalidOptionError(f"{option}: '{one}' is a folder; wanted a file.")
    if replace:
        return
    data = _content(voucher.path)
    known = () if data is None else voucher.read(data)
    if known is None or (data is None and os.path.exists(voucher.path)):
        raise _changed(voucher.path, option)
    if os.path.exists(path) and _sha256(path) not in known:
        raise _changed(path, option)


def write_pair(path: Path, parts: list[bytes], voucher: Voucher, replace: bool, option: str = "--out") -> None:
    """Write a file and its voucher, as `check_pair` allows it now.

    The voucher comes first, and names the file that goes as well as the one that comes, so that a kill at any
    moment leaves a pair that ek knows as its own.

    Raises:
        InvalidOptionError: see `check_pair`.
        LockedError, ResourceError: the folder cannot be locked or written; then both are as they were.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    sha256 = digest.hexdigest()
    with locked(path.parent):
        check_pair(path, voucher, replace, option)
        place, beside = _followed(path, option), _followed(voucher.path, option)
        files: list[tuple[Path, Parts]] = [(beside, [voucher.render(sha256, None)]), (place, parts)]
        before = _sha256(place)
        if before not in (None, sha256):
            files = [(beside, [voucher.render(sha256, before)]), *reversed(files)]
        replace_files(files)


def is_sealed(data: bytes) -> bool:
    """Say whether the bytes are sealed JSON."""
    try:
        unseal(data, "")
    except CorruptError:
        return False
    return True


def keep_aside(path: Path, is_ours: IsOurs) -> Path | None:
    """Give a file that ek did not write as it is a second name, so that its own may be taken; return that name.

    Returns:
        None where there is nothing to keep.
    """
    data = _content(path)
    if data is None or is_ours(data):
        return None
    for number in count(1):
        aside = path.with_name(f"{path.stem}-kept-{number}{path.suffix}")
        try:
            create_file_in_parts(aside, [data])
        except FileExistsError:
            if _content(aside) != data:
                continue
        return aside
    return None


def _may_go(path: Path, is_ours: IsOurs | None) -> bool:
    """Say whether a file is there that ek wrote as it is, and that no person named, or that this very command wrote.

    The latter where it was killed when the file was in place.
    """
    if stands(path) and os.path.exists(path):
        return True
    data = None if is_ours is None else _content(path)
    return is_ours is not None and data is not None and is_ours(data)


def _content(path: Path) -> bytes | None:
    """Return what a file holds; None where it is not there, or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _sha256(path: Path) -> str | None:
    """Return the sha256 of a file; None where it cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return None


def _followed(path: Path, option: str) -> Path:
    """Return where a link leads, and any other path as it is.

    Raises:
        InvalidOptionError: it leads round in a circle, or to what is no file.
    """
    if not path.is_symlink():
        return path
    place = Path(os.path.realpath(path))
    if place.is_symlink():
        raise InvalidOptionError(f"{option}: '{path}' is a link that leads nowhere; wanted a file.")
    return place


def _descriptor(path: Path) -> int | None:
    """Return the number of the open descriptor that a path means."""
    matched = DESCRIPTOR.fullmatch(str(path))
    return int(matched[1] or matched[2]) if matched else STANDARD.get(str(path))


def _write_through(path: Path, parts: Parts) -> None:
    number = _descriptor(path)
    try:
        with open(path, "wb", 0) if number is None else os.fdopen(os.dup(number), "wb") as file:
            for part in parts:
                file.write(part)
    except BrokenPipeError:
        raise  # the reader has gone, which is no trouble of ours
    except OSError as error:
        raise refused(path, error) from error


def _taken(path: Path, option: str) -> InvalidOptionError:
    return InvalidOptionError(f"'{path}' is there already. Give --replace, or another {option}.")


def _changed(path: Path, option: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"'{path}' is there already, and is not as ek wrote it: another's, or edited since. "
        f"Give --replace, or another {option}."
    )
