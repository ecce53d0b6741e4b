"""Listings and splits: which images there are, and what they show.

A `Listing` knows labels by name, as folders and CSVs write them; a `Split` knows them as
indices into the classes. Between them stands the list of classes. Nothing is opened here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.labels import NONE, label_indices
from ensemble_kit.texts import spelled


@dataclass(frozen=True)
class Listing:
    """Images as they were found; `names` are their labels as written, None where there are none.

    taken: what was guessed about a CSV, in words; empty where nothing was.
    """

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    names: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    taken: str = ""


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split; `labels` is None where nobody knows, `groups` where there are none."""

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Int[np.ndarray, " images"] | None = None
    groups: tuple[str, ...] | None = None

    def rows(self, index: Int[np.ndarray, " some"]) -> "Split":
        """Return some of the images, in the order of `index`."""
        return Split(
            tuple(self.ids[i] for i in index),
            tuple(self.paths[i] for i in index),
            None if self.labels is None else self.labels[index],
            None if self.groups is None else tuple(self.groups[i] for i in index),
        )


@dataclass(frozen=True, eq=False)
class DataSet:
    """Classes in order, the splits by name, and how many other files were passed over.

    taken: what was guessed about the folders and CSVs, a sentence each.
    max_px: the most pixels that an image may have; None: see `headers`.
    """

    classes: tuple[str, ...]
    splits: dict[str, Split]
    passed_over: int = 0
    taken: tuple[str, ...] = ()
    max_px: int | None = None


def labelled(
    listing: Listing, classes: Sequence[str], numbered: bool, where: str, labels_are: str | None = None
) -> Split:
    """Return a listing with its labels as indices into the classes.

    Args:
        numbered: whether whole numbers may be places in `classes` (from 0); see `label_indices`.
        where: the folder or CSV, for the message.
        labels_are: "names" or "places", where that was said.

    Raises:
        BadDataError: a label that is no class, or that may be a name or a place; names the first.

    Example:
        >>> animals = Listing(("a", "b"), (Path("a"), Path("b")), ("1", "0"))
        >>> labelled(animals, ["cat", "dog"], True, "train.csv").labels
        array([1, 0])
    """
    if listing.names is None:
        return Split(listing.ids, listing.paths, None, listing.groups)
    labels = label_indices(listing.names, classes, f"'{where}'", labels_are if numbered else "names")
    if (labels == NONE).any():
        row = int((labels == NONE).argmax())
        raise BadDataError(
            f"'{where}': {listing.ids[row]!r} has the class {spelled(listing.names[row])}, which is none of the "
            f"{len(classes)} known: {_first(classes)}. Correct it, or the list of classes."
        )
    return Split(listing.ids, listing.paths, labels, listing.groups)


def split_off(train: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return (the rest, the part taken off): `fraction` of every class, rounded, at least one.

    An image is taken for its seed and id alone, so adding images moves few others. Groups
    stay whole: they are taken in an order that seed and name decide, each if it brings the
    classes nearer to their shares and leaves none of them without training images; a class
    that got nothing then gets its smallest group, where another is left for train.

    Raises:
        InvalidOptionError: a fraction outside (0, 1), or a class of a single image.
        BadDataError: groups of which none can be taken, as where each is a whole class.
    """
    if not 0 < fraction < 1:
        raise InvalidOptionError(f"--val-fraction must lie between 0 and 1, got {fraction:g}.")
    if train.labels is None:
        raise InvalidOptionError("Only a labelled split can be divided.")
    counts = np.bincount(train.labels)
    if (counts == 1).any():
        lonely = train.ids[int((train.labels == int((counts == 1).argmax())).argmax())]
        raise InvalidOptionError(
            f"The class of {lonely!r} has one image, which cannot be in train and in val. "
            "Add images, or bring a val/ folder."
        )
    units = train.ids if train.groups is None else train.groups
    taken = _take(train.labels, units, np.maximum(np.round(fraction * counts), 1), seed)
    if not taken.any():
        raise BadDataError(
            f"No val images can be taken from train: without any of its {len(set(units)):,} groups, as "
            f"{spelled(units[0])} with {spelled(train.ids[0])}, a class would have none left. Correct --group-from, "
            "which is searched in the whole id, its folder too; or bring a val/ folder."
        )
    return train.rows(np.flatnonzero(~taken)), train.rows(np.flatnonzero(taken))


def fingerprint(split: Split, digests: Sequence[str], classes: Sequence[str]) -> str:
    """Return a sha256 (hex) over the ids, bytes, labels and groups of a split, whatever the order of rows."""
    count = len(split.ids)
    labels = ["" if split.labels is None else classes[split.labels[i]] for i in range(count)]
    groups = [""] * count if split.groups is None else [f"{group}\0" for group in split.groups]
    rows = sorted(zip(split.ids, digests, labels, groups, strict=True))
    text = "".join(f"{image_id}\0{digest}\0{label}\0{group}" for image_id, digest, label, group in rows)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _take(
    labels: Int[np.ndarray, " images"], units: Sequence[str], wanted: Float[np.ndarray, " classes"], seed: int
) -> Bool[np.ndarray, " images"]:
    """Return which images are taken, unit by unit, to come near the wanted number of each class."""
    inside: dict[str, Float[np.ndarray, " classes"]] = {}
    for unit, label in zip(units, labels, strict=True):
        inside.setdefault(unit, np.zeros(len(wanted)))[label] += 1
    missing, rest = wanted.copy(), np.bincount(labels).astype(np.float64)
    taken: set[str] = set()

    def take(unit: str) -> None:
        taken.add(unit)
        np.subtract(missing, inside[unit], out=missing)
        np.subtract(rest, inside[unit], out=rest)

    def spared(unit: str) -> bool:
        return bool((rest[inside[unit] > 0] > inside[unit][inside[unit] > 0]).all())

    for unit in sorted(inside, key=lambda name: (_draw(seed, name), name)):
        if np.abs(missing - inside[unit]).sum() < np.abs(missing).sum() and spared(unit):
            take(unit)
    for label in np.flatnonzero(missing == wanted):
        others = [unit for unit in inside if inside[unit][label] and unit not in taken and spared(unit)]
        if others and missing[label] == wanted[label]:
            take(min(others, key=lambda unit: (inside[unit].sum(), _draw(seed, unit), unit)))
    return np.array([unit in taken for unit in units])


def _draw(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest()[:6])


def _first(classes: Sequence[str]) -> str:
    shown = ", ".join(classes[:12])
    return shown + (", ..." if len(classes) > 12 else "")
