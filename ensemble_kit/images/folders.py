"""Which pictures there are, what they are called and what they show.

A data folder holds `train/CLASS/*`, `val/CLASS/*` and, flat, `test/*`. An image id is
`CLASS/file.ext` or, on test, `file.ext`: a string, byte-exact. Nothing is opened here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from ensemble_kit.errors import BadDataError, InvalidOptionError

_FOREIGN = frozenset({"thumbs.db", "desktop.ini"})
_SUFFIXES = frozenset(
    [
        ".apng",
        ".bmp",
        ".dib",
        ".gif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)


@dataclass(frozen=True, eq=False)
class Split:
    """The pictures of one split, in order of their ids; `labels` is None where nobody knows."""

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Int[np.ndarray, " images"] | None = None

    def rows(self, index: Int[np.ndarray, " some"]) -> "Split":
        """Return some of the pictures, in the order of `index`."""
        return Split(
            tuple(self.ids[i] for i in index),
            tuple(self.paths[i] for i in index),
            None if self.labels is None else self.labels[index],
        )


@dataclass(frozen=True, eq=False)
class DataSet:
    """Classes in code-point order, the splits by name, and how many other files were passed over."""

    classes: tuple[str, ...]
    splits: dict[str, Split]
    passed_over: int = 0


def read_folders(data: Path, val_fraction: float | None = None, seed: int = 0) -> DataSet:
    """Return the pictures of a data folder.

    Args:
        data: holds `train/`, and `val/` unless a fraction is given; `test/` may be missing.
        val_fraction: share of each class of `train/` that becomes val, where there is no `val/`.
        seed: decides which pictures those are; the same seed takes the same pictures.

    Raises:
        BadDataError: a folder that is missing, empty or holds what it should not.
        InvalidOptionError: a fraction beside a `val/` folder, none where it is needed, or
            one outside (0, 1).
    """
    if not data.is_dir():
        raise BadDataError(f"Wanted a data folder, got '{data}', which is no folder. Check --data.")
    classes = _class_names(data / "train")
    passed_over: list[Path] = []
    splits = {"train": _labelled(data / "train", classes, passed_over)}
    if (data / "val").is_dir():
        if val_fraction is not None:
            raise InvalidOptionError(f"'{data}' has a val/ folder; leave --val-fraction out.")
        splits["val"] = _labelled(data / "val", classes, passed_over)
    elif val_fraction is None:
        raise InvalidOptionError(
            f"'{data}' has no val/ folder. Add one, or give --val-fraction 0.15 to take 15 % of train/."
        )
    else:
        splits["train"], splits["val"] = split_off(splits["train"], val_fraction, seed)
    if (data / "test").is_dir():
        splits["test"] = _flat(data / "test", passed_over)
    return DataSet(classes, splits, len(passed_over))


def split_off(train: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return (the rest, the part taken off): `fraction` of every class, rounded, at least one.

    A picture is taken for its seed and id alone, so adding pictures moves few others.

    Raises:
        InvalidOptionError: a fraction outside (0, 1), or a class of a single picture.
    """
    if not 0 < fraction < 1:
        raise InvalidOptionError(f"--val-fraction must lie between 0 and 1, got {fraction:g}.")
    if train.labels is None:
        raise InvalidOptionError("Only a labelled split can be divided.")
    taken = np.zeros(len(train.ids), dtype=bool)
    draw = np.array([_draw(seed, image_id) for image_id in train.ids])
    for label in np.unique(train.labels):
        rows = np.flatnonzero(train.labels == label)
        if len(rows) < 2:
            raise InvalidOptionError(
                f"The class of {train.ids[rows[0]]!r} has one picture, which cannot be in train and in val. "
                "Add pictures, or bring a val/ folder."
            )
        count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        taken[rows[np.argsort(draw[rows])[:count]]] = True
    return train.rows(np.flatnonzero(~taken)), train.rows(np.flatnonzero(taken))


def fingerprint(split: Split, digests: Sequence[str], classes: Sequence[str]) -> str:
    """Return a sha256 (hex) over the ids, bytes and labels of a split, whatever the order of rows."""
    labels = ["" if split.labels is None else classes[split.labels[i]] for i in range(len(split.ids))]
    rows = sorted(zip(split.ids, digests, labels, strict=True))
    text = "".join(f"{image_id}\0{digest}\0{label}\0" for image_id, digest, label in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def _draw(seed: int, image_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{image_id}".encode()).digest()[:6])


def _class_names(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        raise BadDataError(f"Wanted class folders in '{folder}', which does not exist: train/CLASS/picture.jpg.")
    names = tuple(sorted(entry.name for entry in _entries(folder) if entry.is_dir()))
    if len(names) < 2:
        raise BadDataError(f"Wanted two or more class folders in '{folder}', got {len(names)}.")
    return names


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, in code-point order, hidden files left out."""
    entries = sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda e: e.name)
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise BadDataError(
                f"{entry.name!r} in '{folder}' is no valid UTF-8, so no CSV can hold it. Rename the file."
            ) from None
    return entries


def _pictures(folder: Path, passed_over: list[Path]) -> list[Path]:
    """Return the pictures of one folder; other files are added to `passed_over`."""
    pictures = []
    for entry in _entries(folder):
        if entry.is_dir():
            raise BadDataError(f"Wanted pictures in '{folder}', got the folder '{entry.name}'. Move it out.")
        if entry.suffix.lower() in _SUFFIXES and entry.name.lower() not in _FOREIGN:
            pictures.append(entry)
        else:
            passed_over.append(entry)
    return pictures


def _labelled(folder: Path, classes: tuple[str, ...], passed_over: list[Path]) -> Split:
    found = [entry for entry in _entries(folder) if entry.is_dir()]
    passed_over.extend(entry for entry in _entries(folder) if not entry.is_dir())
    unknown = [entry.name for entry in found if entry.name not in classes]
    if unknown:
        raise BadDataError(
            f"'{folder}' has the class '{unknown[0]}', which train/ has not. Classes: {', '.join(classes)}."
        )
    paths: list[Path] = []
    labels: list[int] = []
    for entry in found:
        pictures = _pictures(entry, passed_over)
        if not pictures and folder.name == "train":
            raise BadDataError(f"Wanted pictures in '{entry}', got none. Fill the folder or remove it.")
        paths += pictures
        labels += [classes.index(entry.name)] * len(pictures)
    if not paths:
        raise BadDataError(f"Wanted pictures in '{folder}', got none: {folder.name}/CLASS/picture.jpg.")
    ids = tuple(f"{path.parent.name}/{path.name}" for path in paths)
    return Split(ids, tuple(paths), np.array(labels, dtype=np.int64))


def _flat(folder: Path, passed_over: list[Path]) -> Split:
    paths = _pictures(folder, passed_over)
    if not paths:
        raise BadDataError(f"Wanted pictures in '{folder}', got none. Fill the folder or remove it.")
    return Split(tuple(path.name for path in paths), tuple(paths))
