"""A data folder that is not laid out as wanted: what it seems to hold, and what to type for that.

    train.csv beside images/, or beside a train/ without class folders   the options that read CSVs
    training/CLASS/*, valid/CLASS/*, testing/*                           read, and said
    CLASS/image.jpg                                                      read as train, and said
    a folder inside that holds train/                                    that folder

Where two things could be meant, none is taken: a person types what is said here, or does not.
"""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Final

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.folders import is_image
from ensemble_kit.texts import Reader
from ensemble_kit.workspace import Workspace

CALLED: Final = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""What the folders and CSVs of the splits are called."""
FRACTION: Final = 0.15
_LOOKED_AT: Final = 50  # images of one CSV, or entries of one folder


def find_folder(data: Path, split: str) -> Path | None:
    """Return a split's folder: the one of its name, else the one that is called so elsewhere and holds images.

    Raises:
        BadDataError: two folders may be meant.
    """
    if (data / split).is_dir():
        return data / split
    called = [path for path in _folders(data) if path.name.casefold() in CALLED[split]]
    found = [path for path in called if any(map(_holds_images, [*_folders(path), *([path] * (split == "test"))]))]
    if len(found) > 1:
        raise BadDataError(
            f"'{data}' has no {split}/, and '{found[0]}' and '{found[1]}' may both be meant. Rename one to '{split}'."
        )
    return found[0] if found else None


def class_folders(data: Path) -> list[Path]:
    """Return the folders of train's classes: those in its folder, else in the data folder itself.

    Raises:
        BadDataError: there are none; says what to type instead, where that is clear.
    """
    train = find_folder(data, "train")
    if found := _folders(train or data / "train"):
        return found
    own = [] if train else _own_folders(data)
    classes = [path for path in own if _holds_images(path)]
    why = "does not exist" if train is None else "holds no folder"
    said = f"Wanted class folders in '{data / 'train'}', which {why}: train/CLASS/image.jpg."
    if options := _as_csvs(data):
        command = f"  ek data check {options}"
        raise BadDataError(f"{said} '{data}' holds CSVs; type:", command, "and ek train with the same options.")
    hint = _higher(data) or _deeper(data)
    if not hint and len(classes) > 1:
        if classes == own:
            return classes
        other = next(path for path in own if path not in classes)
        hint = (
            f" '{data}' holds folders of images itself, as classes, but '{other}' holds none: move it out or fill it."
        )
    raise BadDataError(f"{said}{hint}")


def read_as(folder: Path, split: str, whole: bool) -> str:
    """Return the sentence about a folder that is read as a split's; empty where that is its name.

    Args:
        whole: whether val is not taken from it; then the sentence says how it could be.
    """
    if folder.name.casefold() in CALLED[split]:
        return "" if folder.name == split else f"'{folder.parent}' has no {split}/; '{folder}' is read as {split}."
    said = f"'{folder}' has no train/; it holds folders of images itself, which are read as the classes of train."
    return f"{said} To split them: ek train --data {quote(str(folder))} --val-fraction {FRACTION}" if whole else said


def _as_csvs(data: Path) -> str:
    """Return the options that read the CSVs of a folder; empty where it holds none of its images."""
    csvs = sorted(path for path in _entries(data) if path.suffix.lower() == ".csv")
    named = {
        split: sorted((path for path in csvs if _is_called(path, *words)), key=lambda path: path.stem not in words)
        for split, words in CALLED.items()
    }
    samples = [path for path in csvs if _is_called(path, "sample", "submission")]
    others = [path for path in csvs if path not in [*samples, *named["val"], *named["test"]]]
    trains = named["train"] or (others if len(others) == 1 else [])
    folders = [data, *_folders(data), *(inner for folder in _folders(data) for inner in _folders(folder))]
    images = next((folder for folder in folders if trains and _lie_in(trains[0], folder)), None)
    if images is None:
        return ""
    vals = [path for path in named["val"] if _lie_in(path, images)]
    apart = [path for path in _folders(data) if path != images and _is_called(path, "test") and _holds_images(path)]
    places = (images, *apart[:1])
    lying = ((path, place) for path in (*named["test"], *samples) for place in places if _lie_in(path, place))
    test, place = next(lying, (None, None))
    words = [
        f"--images {quote(str(images))} --train-csv {quote(str(trains[0]))}",
        f"--val-csv {quote(str(vals[0]))}" if vals else f"--val-fraction {FRACTION}",
        *([f"--test-csv {quote(str(test))}"] if test else []),
        *(f"--test-dir {quote(str(path))}" for path in apart[:1] if place != images),
    ]
    return " ".join(words)


def _higher(data: Path) -> str:
    """Return the folder above where the one that was named is train itself."""
    is_train = data.resolve().name == "train" and any(map(_holds_images, _folders(data)))
    return f" Name the folder above it: '{data.parent}'." if is_train else ""


def _deeper(data: Path) -> str:
    """Return the one folder inside that is laid out as wanted."""
    found = [path for path in _folders(data) if (path / "train").is_dir()]
    return f" '{found[0]}' holds train/: name that folder." if len(found) == 1 else ""


def unread(data: Path) -> list[Path]:
    """Return the folders beside a train folder that hold images, or folders of images, and are no split's."""
    read = [find_folder(data, split) for split in CALLED]
    apart = [path for path in _brought(data) if path not in read] if read[0] else []
    return [path for path in apart if any(map(_holds_images, [path, *_folders(path)]))]


def _own_folders(data: Path) -> list[Path]:
    """Return the folders of a data folder but those that are called as splits are."""
    words = {word for split in CALLED.values() for word in split}
    return [path for path in _brought(data) if not words & set(re.split(r"[\W\d_]+", path.name.casefold()))]


def _brought(data: Path) -> list[Path]:
    """Return the folders of a data folder, in the working folder without those that commands make there."""
    ours = {folder.name for folder in vars(Workspace()).values()} if data.resolve() == Path.cwd() else set()
    return [path for path in _folders(data) if path.name not in ours]


def _is_called(path: Path, *words: str) -> bool:
    return any(word in path.stem.casefold() for word in words)


def _entries(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder, hidden files left out."""
    try:
        with os.scandir(folder) as entries:
            yield from [Path(one.path) for one in entries if one.name[0] != "."]
    except OSError:
        return


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in _entries(folder) if path.is_dir() and path.name != "__MACOSX")  # as macOS packs it


def _holds_images(folder: Path) -> bool:
    return any(is_image(path) for path in islice(_entries(folder), _LOOKED_AT))


def _lie_in(csv: Path, images: Path) -> bool:
    """Return whether images that a CSV names, in whatever column and encoding, lie in a folder; by its first rows."""
    try:
        rows = Reader("latin-1").table(csv).rows[:_LOOKED_AT]
    except (OSError, BadDataError):
        return False
    held = {name for path in _entries(images) if is_image(path) for name in (path.name, path.stem)}
    return any(cell in held or ("/" in cell and (images / cell).is_file()) for row in rows for cell in row)
