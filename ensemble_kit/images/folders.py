"""Folders of images as listings: an id, a path and a label's name for each image.

Class folders `CLASS/file.ext` give their images those very ids; a folder of unlabelled
images gives `file.ext`, or `sub/file.ext` for what lies deeper. Ids are strings,
byte-exact. An image is what is one by its name or, where the name says nothing, by its first bytes;
one of a format that is not read is listed too, so that whoever reads it can say so. Nothing else is opened here.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.signatures import RAW, begins_as_image
from ensemble_kit.images.splits import Listing

SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("apng", "bmp", "dib", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm"),
        *("pgm", "png", "pnm", "ppm", "tga", "tif", "tiff", "webp"),
    )
)
_OTHERS = (
    "ai avif cur dcm dds dicom eps exr fits hdr heic heif hif ico j2k jp2 jpf jpx jxl jxr pcx psb psd qoi sgi svg svgz "
    "xcf xpm"
)
OTHERS = RAW | {f".{kind}" for kind in _OTHERS.split()}
"""How images are called whose formats are not read."""
_LEFT_BY_SYSTEMS = frozenset({"thumbs.db", "desktop.ini"})


def list_class_folders(folder: Path, passed_over: list[Path], filled: Sequence[Path] | None = None) -> Listing:
    """Return the images of `folder/CLASS/*`, each labelled with its folder's name.

    Args:
        passed_over: files that are no images by their name are added to it.
        filled: these class folders alone, of which none may be without images; None: all there are.

    Raises:
        BadDataError: a folder that is empty or holds what it should not.
    """
    paths: list[Path] = []
    passed_over += [entry for entry in _entries(folder) if not entry.is_dir()]
    for entry in [entry for entry in _entries(folder) if entry.is_dir()] if filled is None else filled:
        check_utf8(entry.name, folder)
        images = _images(entry, passed_over)
        if not images and filled is not None:
            raise BadDataError(f"Wanted images in '{entry}', got none. Fill the folder or remove it.")
        paths += images
    if not paths:
        raise BadDataError(f"Wanted images in '{folder}', got none: {folder.name}/CLASS/image.jpg.")
    return Listing(
        ids=tuple(f"{path.parent.name}/{path.name}" for path in paths),
        paths=tuple(paths),
        names=tuple(path.parent.name for path in paths),
    )


def list_flat_folders(folders: Sequence[Path], passed_over: list[Path]) -> Listing:
    """Return the unlabelled images of one folder, or of several, each under its folder's name.

    Raises:
        BadDataError: a folder that is missing or holds no image.
        InvalidOptionError: two folders of one name, whose ids would be the same.
    """
    names = _distinct_names(folders)
    ids: list[str] = []
    paths: list[Path] = []
    for folder, name in zip(folders, names, strict=True):
        found = _below(folder, passed_over)
        if not found:
            raise BadDataError(f"Wanted images in '{folder}', got none. Fill the folder or remove it.")
        first = f"{name}/" if len(folders) > 1 else ""
        ids += [first + path.relative_to(folder).as_posix() for path in found]
        paths += found
    return Listing(tuple(ids), tuple(paths))


def walk_images(places: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield ids and paths: images named one by one under their file names, then those in folders.

    The ids and the order of a folder are those of `list_flat_folders`, but no more than the names
    of one folder at a time are in memory.

    Raises:
        BadDataError: a place that is not there or cannot be opened, or a folder without images.
        InvalidOptionError: nothing was named, or two images have one id.
    """
    missing = next((place for place in places if not place.exists()), None)
    if missing is not None:
        raise BadDataError(f"There is no file or folder '{missing}'{beside(missing)} Check its name.")
    if not places:
        raise InvalidOptionError("Wanted images or folders of images, got none.")
    files, folders = [place for place in places if place.is_file()], [place for place in places if not place.is_file()]
    known: set[str] = set()
    for file in files:
        check_utf8(file.name, file.parent)
        _refuse_doubled(file.name, known)
        known.add(file.name)
        yield file.name, file
    for folder, name in zip(folders, _distinct_names(folders), strict=True):
        first, found = f"{name}/" if len(folders) > 1 else "", False
        for found_id in _walk(folder, first):
            _refuse_doubled(found_id, known)
            found = True
            yield found_id, folder / found_id.removeprefix(first)
        if not found:
            raise BadDataError(f"Wanted images in '{folder}', got none. Fill the folder or remove it.")


def list_images(places: Sequence[Path]) -> Listing:
    """Return the images that `walk_images` yields, all at once. Raises as it does."""
    ids, paths = zip(*walk_images(places), strict=True)
    return Listing(ids, paths)


def _refuse_doubled(image_id: str, known: set[str]) -> None:
    if image_id in known:
        raise InvalidOptionError(f"Two images have the id {image_id!r}. Name their folders instead, or rename one.")


def _walk(folder: Path, first: str) -> Iterator[str]:
    """Yield the ids of a folder's images in code-point order; `first` is what they all begin with."""
    try:
        with os.scandir(folder) as entries:
            seen = {one.name: os.path.isdir(one.path) if one.is_symlink() else one.is_dir() for one in entries}
    except OSError as error:
        raise BadDataError(f"Cannot open '{folder}': {error.strerror or error}. Check its name and rights.") from error
    names = (f"{name}/" if is_folder else name for name, is_folder in seen.items() if name[0] != ".")
    for name in sorted(names):  # with their slash, folders stand where the ids in them do
        check_utf8(name, folder)
        if name.endswith("/"):
            _refuse_loop(folder / name)
            yield from _walk(folder / name, first + name)
        elif is_image(folder / name, opened=True):
            yield first + name


def _refuse_loop(folder: Path) -> None:
    """Raise on a link to a folder that the path came through: who follows it goes round for ever."""
    if folder.is_symlink() and folder.resolve() in [above.resolve() for above in folder.absolute().parents]:
        raise BadDataError(f"'{folder}' is a link to '{folder.resolve()}', which it lies in. Remove the link.")


def is_image(path: Path, opened: bool = False) -> bool:
    """Return whether a file is an image by its name, or `opened` by its first bytes."""
    named = path.suffix.lower() in SUFFIXES or path.suffix.lower() in OTHERS
    return (named and path.name.lower() not in _LEFT_BY_SYSTEMS) or (opened and begins_as_image(path))


def _distinct_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' names.

    Raises:
        InvalidOptionError: two are the same.
    """
    names = [folder.resolve().name for folder in folders]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InvalidOptionError(
            f"Two folders are called '{doubled}', so their images would share ids. Rename one of them."
        )
    return names


def check_utf8(name: str, folder: Path) -> None:
    """Raise unless a file's name can be written into a CSV.

    Raises:
        BadDataError: its bytes are not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        ours = sys.getfilesystemencoding().replace("utf-8", "")
        read = f" Python reads names as {ours} here: set PYTHONUTF8=1." if ours else " Rename the file."
        raise BadDataError(f"{name!r} in '{folder}' is no valid UTF-8, so no CSV can hold it.{read}") from None


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, in code-point order, hidden files left out."""
    entries = sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda e: e.name)
    for entry in entries:
        check_utf8(entry.name, folder)
    return entries


def _images(folder: Path, passed_over: list[Path]) -> list[Path]:
    """Return the images of one class folder."""
    entries = _entries(folder)
    inner = next((entry for entry in entries if entry.is_dir()), None)
    if inner is not None:
        _refuse_loop(folder)
        _refuse_loop(inner)
        raise BadDataError(f"Wanted images in '{folder}', got the folder '{inner.name}'. Move it out.")
    images = [entry for entry in entries if is_image(entry, opened=True)]
    passed_over += sorted({*entries} - {*images})
    return images


def _below(folder: Path, passed_over: list[Path]) -> list[Path]:
    """Return the images of a folder and of its subfolders, in code-point order of their ids."""
    if not folder.is_dir():
        hint = beside(folder)
        raise BadDataError(f"Wanted a folder of images, got '{folder}', which is none{hint} Check its name.")
    found = []
    for entry in _entries(folder):
        if entry.is_dir():
            _refuse_loop(entry)
            found += _below(entry, passed_over)
        elif is_image(entry, opened=True):
            found.append(entry)
        else:
            passed_over.append(entry)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
