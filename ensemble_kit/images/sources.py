"""Where the images of each split come from, and the data set that is found there.

    train   --train-csv, else DATA/train/CLASS/*, else DATA/CLASS/*
    val     --val-csv, else DATA/val/CLASS/*, else a fraction of train
    test    --test-csv, its images in the test folder where one is named; else the test folders, else
            DATA/test/*; there may be none

What folders of other names may stand in for those is said in `layouts`.

Classes are the labels of train in code-point order, or a list of names that whole numbers
then index. To read another kind of source: a function that returns a `Listing`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypedDict

from ensemble_kit.columns import said_of, splits_said
from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.groups import groups_from
from ensemble_kit.images.class_lists import read_classes
from ensemble_kit.images.elsewhere import any_there, check_there
from ensemble_kit.images.folders import is_image, list_class_folders, list_flat_folders
from ensemble_kit.images.label_spellings import one_spelling
from ensemble_kit.images.layouts import CALLED, class_folders, find_folder, read_as, unread
from ensemble_kit.images.manifests import list_manifest
from ensemble_kit.images.several_labels import check_single
from ensemble_kit.images.splits import DataSet, Listing, Split, labelled, split_off
from ensemble_kit.labels import whole_number
from ensemble_kit.splits import SPLITS
from ensemble_kit.texts import Reader, check_encoding

PATHS = ("data", "train_csv", "val_csv", "test_csv", "images", "classes")
FOLDERS = ("test_dir",)


@dataclass(frozen=True)
class Source:
    """What was said about the images; the names are those of the options.

    data: folder with `train/CLASS/*`, `val/CLASS/*` and `test/*`, as far as no CSV stands in.
    images: folder that the paths in CSVs start from; None: each CSV's own.
    test_dir: folders of test images, instead of `data/test`; with `test_csv`, the one that its images lie in.
    column: id, path, label or group and the CSVs' own name for that column, either way round; what is
        not said is found by its usual names, see `ensemble_kit.columns`. Of one CSV alone: "val.label".
    classes: file of class names, one a line.
    labels_are: "names" of classes or "places" in `classes`; None: what alone they can be.
    encoding: of CSVs and of the file of classes, where they are not UTF-8; None: such are refused.
    group_from: regular expression on the id; its first group, or its whole match, names the
        group of images that belong together.
    val_fraction: share of train to take where nothing else gives a val; `split_seed` decides which.
    max_megapixels: larger images are refused; None: 50.
    """

    data: Path | None = None
    train_csv: Path | None = None
    val_csv: Path | None = None
    test_csv: Path | None = None
    images: Path | None = None
    test_dir: tuple[Path, ...] = ()
    column: Mapping[str, str] = field(default_factory=dict)
    classes: Path | None = None
    labels_are: str | None = None
    encoding: str | None = None
    group_from: str | None = None
    val_fraction: float | None = None
    split_seed: int = 0
    max_megapixels: float | None = None

    @property
    def max_px(self) -> int | None:
        """The most pixels that an image may have; None: see `headers`."""
        return None if self.max_megapixels is None else round(self.max_megapixels * 1e6)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Source":
        """Return the source that options name: paths also as text, None for what was left unsaid.

        Example:
            >>> source = Source.of({"data": "pictures", "test_dir": ["new"], "column": None, "arch": "cnn"})
            >>> source.test_dir == (Path("new"),)
            True
        """
        given = {one.name: options[one.name] for one in fields(cls) if options.get(one.name) is not None}
        paths = {name: Path(value) for name, value in given.items() if name in PATHS}
        folders = {name: tuple(map(Path, given[name])) for name in FOLDERS if name in given}
        return cls(**{**given, **paths, **folders})


class PlacesOption(TypedDict, total=False):
    """Where images are, beside a data folder: see `Source`."""

    train_csv: str | Path | None
    val_csv: str | Path | None
    test_csv: str | Path | None
    images: str | Path | None
    test_dir: Sequence[str | Path]
    max_megapixels: float | None
    encoding: str | None


class SourceOption(PlacesOption, total=False):
    """Where images are, beside a data folder, and how they are read: see `Source`."""

    column: Mapping[str, str] | None
    classes: str | Path | None
    labels_are: str | None
    group_from: str | None
    val_fraction: float | None
    split_seed: int


def read_source(source: Source, val_needed: bool = True) -> DataSet:
    """Return the images of a source.

    Args:
        val_needed: whether a source without val is an error.

    Raises:
        BadDataError: a folder or CSV that is missing, empty or holds what it should not.
        InvalidOptionError: options that do not fit together, or no val where it is needed.
    """
    _check(source)
    passed_over: list[Path] = []
    reader = Reader(source.encoding)
    listed = () if source.classes is None else read_classes(source.classes, reader)
    found = {split: _list(source, split, passed_over, reader) for split in SPLITS}
    found = one_spelling(found, listed, {split: _where(source, split) for split in SPLITS}, reader.remarks)
    train = found["train"]
    assert train is not None
    classes = listed or _classes(source, train)
    for split, listing in found.items():
        if listing is not None and (path := getattr(source, f"{split}_csv")) is not None:
            check_single(listing, classes if source.classes or split != "train" else (), path)
    if source.classes is not None and (said := _one_short(source.classes, found, classes)):
        reader.remarks.append(said)
    splits = {
        split: labelled(
            _grouped(source, listing, split),
            classes,
            _may_count(source, split, listing, classes),
            _where(source, split),
            source.labels_are,
        )
        for split, listing in found.items()
        if listing is not None
    }
    for split, found_there in splits.items():
        _check_there(source, split, found_there.paths)
    if "val" not in splits and (val_needed or source.val_fraction is not None):
        splits = _with_val(source, splits, train.taken)
    taken = [listing.taken for listing in found.values() if listing is not None and listing.taken]
    if source.val_fraction is not None and source.data is not None and (other := find_folder(source.data, "val")):
        taken.append(f"'{other}' is not read: --val-fraction takes val from train. To read it, leave that out.")
    if source.data is not None and not any((source.train_csv, source.val_csv, source.test_csv)):
        taken += [f"Not read: '{path}', which holds images." for path in unread(source.data)]
    of_folders = [listing.paths for split, listing in found.items() if listing and not getattr(source, f"{split}_csv")]
    if by_bytes := [path for paths in of_folders for path in paths if not is_image(path)]:
        taken.append(f"Images by their first bytes, not by their names: {len(by_bytes)}, first '{by_bytes[0]}'.")
    splits = {split: splits[split] for split in SPLITS if split in splits}
    taken += [
        _counted(split, groups) for split in ("train", "val") if split in splits and (groups := splits[split].groups)
    ]
    return DataSet(classes, splits, len(passed_over), (*taken, *reader.remarks), source.max_px)


def straddling(data: DataSet) -> tuple[str, ...]:
    """Return the groups that stand in more than one split, in code-point order."""
    groups = [set(split.groups or ()) for split in data.splits.values()]
    seen = set().union(*groups)
    return tuple(sorted(group for group in seen if sum(group in one for one in groups) > 1))


def check_megapixels(limit: float | None) -> None:
    """Raise unless images can have so many megapixels; None says nothing, and is fine."""
    if limit is not None and not 0 < limit < math.inf:
        raise InvalidOptionError(f"--max-megapixels is {limit:g}; wanted a number above 0, as 64.")


def _check(source: Source) -> None:
    """Raise on options that do not fit together."""
    check_megapixels(source.max_megapixels)
    if source.data is None and source.train_csv is None:
        raise InvalidOptionError("Wanted training images: a data folder, or a CSV by --train-csv.")
    if source.data is not None and not source.data.is_dir():
        raise BadDataError(
            f"Wanted a data folder, got '{source.data}', which is no folder{beside(source.data)} Check its name."
        )
    if source.test_csv is not None and len(source.test_dir) > 1:
        raise InvalidOptionError(
            f"Wanted the one folder that holds the images of --test-csv, got --test-dir {len(source.test_dir)} times."
        )
    if source.labels_are == "places" and source.classes is None:
        raise InvalidOptionError("Labels are places in a list of classes, and none was given: --classes FILE.")
    csvs = (source.train_csv, source.val_csv, source.test_csv)
    if (source.images is not None or source.column) and not any(csvs):
        raise InvalidOptionError("--images and --column say how to read a CSV, and none was given: --train-csv FILE.")
    for split in splits_said(source.column):
        if getattr(source, f"{split}_csv") is None:
            raise InvalidOptionError(f"--column {split}.NAME says how to read --{split}-csv, and none was given.")
    if source.encoding is not None:
        check_encoding(source.encoding)
    folder = None if source.val_fraction is None else _folder(source, "val")
    if source.val_fraction is not None and (source.val_csv is not None or folder is not None):
        where = "--val-csv was given" if source.val_csv is not None else f"'{source.data}' has a val/ folder"
        raise InvalidOptionError(f"{where}; leave --val-fraction out.")


def _list(source: Source, split: str, passed_over: list[Path], reader: Reader) -> Listing | None:
    """Return what one split holds; None where nothing was said about it."""
    csv: Path | None = getattr(source, f"{split}_csv")
    if csv is not None:
        return _rows(source, split, _images(source, split, csv), reader)
    folder = _folder(source, split)
    if split == "test":
        folders = source.test_dir or (() if folder is None else (folder,))
        found = list_flat_folders(folders, passed_over) if folders else None
        folder = None if source.test_dir else folder
    elif split == "train":
        assert source.data is not None
        classes = class_folders(source.data)
        folder = classes[0].parent
        found = list_class_folders(folder, passed_over, filled=classes)
    else:
        found = None if folder is None else list_class_folders(folder, passed_over)
    return (
        found
        if found is None or folder is None
        else replace(found, taken=read_as(folder, split, source.val_fraction is None))
    )


def _rows(source: Source, split: str, images: Path, reader: Reader | None = None) -> Listing:
    """Return what the CSV of a split holds, its images in that folder or in the split's own inside it."""
    reader = reader or Reader(source.encoding)
    csvs = {one: csv for one in SPLITS if (csv := getattr(source, f"{one}_csv")) is not None}
    scope = split if len(csvs) > 1 else ""

    def listed(images: Path, reader: Reader) -> Listing:
        return list_manifest(csvs[split], images, said_of(source.column, split), split != "test", scope, reader)

    found = listed(images, reader)
    inner = next((images / name for name in CALLED[split] if (images / name).is_dir()), None)
    if inner is None or any_there(found.paths):
        return found
    inside = listed(inner, Reader(source.encoding))
    said = f"'{csvs[split]}': its images lie in '{inner}'."
    return replace(inside, taken=f"{inside.taken} {said}".lstrip()) if any_there(inside.paths) else found


def _images(source: Source, split: str, csv: Path) -> Path:
    """Return the folder that the images of a CSV lie in."""
    named = source.test_dir[0] if split == "test" and source.test_dir else source.images
    return named or csv.parent


def _check_there(source: Source, split: str, paths: Sequence[Path]) -> None:
    """Raise where a split is of a CSV, of whose images not one lies where it is looked for."""
    csv: Path | None = getattr(source, f"{split}_csv")
    if csv is not None:
        option = "--test-dir" if split == "test" else "--images"
        check_there(csv, paths, _images(source, split, csv), option, lambda images: _rows(source, split, images).paths)


def _folder(source: Source, split: str) -> Path | None:
    """Return the split's folder in the data folder, where there is one; none of another name in a fraction's place."""
    found = None if source.data is None else find_folder(source.data, split)
    is_val_apart = split == "val" and source.val_fraction is not None and found is not None and found.name != split
    return None if is_val_apart else found


def _classes(source: Source, train: Listing) -> tuple[str, ...]:
    classes = tuple(sorted(set(train.names or ())))
    if len(classes) < 2:
        raise BadDataError(f"Wanted two or more classes in '{_where(source, 'train')}', got {len(classes)}.")
    return classes


def _one_short(path: Path, found: Mapping[str, Listing | None], classes: Sequence[str]) -> str:
    """Return the sentence about labels that count one class less than are listed: the first may be a header."""
    numbers = {whole_number(name) for one in found.values() if one is not None for name in one.names or ()}
    if not {0, len(classes) - 2} <= numbers <= {*range(len(classes) - 1)}:
        return ""
    return f"No label is {len(classes) - 1}: if {classes[0]!r} in '{path}' is a header and no class, remove that line."


def _may_count(source: Source, split: str, listing: Listing, classes: Sequence[str]) -> bool:
    """Say whether labels may be places in the list of classes: there is one, and no folders called so."""
    in_folders = getattr(source, f"{split}_csv") is None
    return source.classes is not None and not (in_folders and set(listing.names or ()) <= set(classes))


def _grouped(source: Source, listing: Listing, split: str) -> Listing:
    """Return the listing with the groups that its ids name, where a pattern was given; those of test may name none."""
    if source.group_from is None:
        return listing
    return replace(listing, groups=groups_from(listing.ids, source.group_from, split != "test"))


def _counted(split: str, groups: Sequence[str]) -> str:
    """Return how many groups the images are in, so that a wrong pattern is seen."""
    (largest, most), *_ = Counter(groups).most_common(1)
    return f"{len(set(groups)):,} groups of {len(groups):,} {split} images, the largest '{largest}': {most:,} images."


def _with_val(source: Source, splits: dict[str, Split], taken: str) -> dict[str, Split]:
    if source.val_fraction is None:
        where = "" if source.data is None else f": '{source.data}' has no val/ folder"
        raise InvalidOptionError(
            f"There are no val images{where}. {'Add one, name' if where else 'Name'} a --val-csv, give --val-fraction "
            f"0.15 to take 15 % of train, or fold all of train: ek train --folds 5.{f' {taken}' if taken else ''}"
        )
    train, val = split_off(splits["train"], source.val_fraction, source.split_seed)
    return {**splits, "train": train, "val": val}


def _where(source: Source, split: str) -> str:
    """Return the place that a split comes from, for messages."""
    return str(getattr(source, f"{split}_csv") or _folder(source, split) or source.data)
