"""A data set checked before anything is learnt from it: every file read, none changed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Final, Unpack

import numpy as np

from ensemble_kit.context import QuietOption, RunContext
from ensemble_kit.csv_text import render_csv
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images import DataSet, Source, SourceOption, decode, read_file, read_source
from ensemble_kit.images.checks import (
    BITS,
    NEAR,
    RGBImage,
    Row,
    Tile,
    compare_classes,
    compare_values,
    draw_sheet,
    find_all,
    group_means,
    inspect_files,
    rows_of,
)
from ensemble_kit.pipeline.entry import command
from ensemble_kit.reporting.terminal import Watch
from ensemble_kit.results import DataReport, Finding, Shift, SplitFacts
from ensemble_kit.storage.files import check_output, write_output

SHEETS: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
TILES: Final = 60
COLUMNS: Final = (
    *("kind", "split", "image_id", "label", "other_split", "other_id", "other_label", "distance", "detail"),
    *("leak", "two_labels"),
)


class DataCheckOptions(SourceOption, QuietOption):
    """What `data_check` takes along."""


@command
def data_check(
    data: str | Path | None = None,
    *,
    near: int = NEAR,
    csv: str | Path | None = None,
    sheet: str | Path | None = None,
    replace: bool = False,
    **options: Unpack[DataCheckOptions],
) -> DataReport:
    """Read every image and report what is wrong with the data set; no image is ever changed.

    Args:
        data: folder with `train/CLASS/*`, `val/CLASS/*` and `test/*`.
        options: other ways to say where the images are, see `images.Source`; quiet.
        near: bits of 64 in which the hashes of two near duplicates may differ.
        csv: file for all findings.
        sheet: .png or .jpg file for a contact sheet of the worst findings.
        replace: overwrite files of those names.

    Returns:
        The report; it is for the caller to refuse data that is not `clean`.

    Raises:
        BadDataError: a folder or CSV that is missing or holds what it should not.
        InvalidOptionError: `near` outside 0 to 32, or a place where `csv` or `sheet` cannot go, as
            where a file is already.
    """
    source = Source.of({"data": data, **options})
    if not 0 <= near <= BITS // 2:
        raise InvalidOptionError(f"--near is {near}; wanted a whole number from 0 to {BITS // 2}.")
    written = {name: Path(path) for name, path in (("csv", csv), ("sheet", sheet)) if path is not None}
    _check_free(written, source, replace)
    found = read_source(source, val_needed=False)
    _check_places(written, found)
    paths = [path for split in found.splits.values() for path in split.paths]
    with Watch("read", len(paths), RunContext.of(options).quiet) as watch:
        rows = rows_of(found, inspect_files(paths, watch.advance, found.max_px))
    findings = find_all(rows, near)
    if "csv" in written:
        write_output(written["csv"], [_as_csv(findings, written["csv"])], replace, "--csv")
    if "sheet" in written:
        image = _as_sheet(findings, found, SHEETS[written["sheet"].suffix.lower()])
        write_output(written["sheet"], [image], replace, "--sheet")
    return _report(str(data or source.train_csv), found, rows, findings, near, written)


def _report(
    source: str, data: DataSet, rows: Sequence[Row], findings: Sequence[Finding], near: int, written: Mapping[str, Path]
) -> DataReport:
    pairs = [finding for finding in findings if finding.other_id is not None]
    parts = {name: [row for row in rows if row.split == name] for name in data.splits}
    return DataReport(
        source=source,
        classes=data.classes,
        splits=tuple(_split_facts(name, part, data) for name, part in parts.items()),
        passed_over=data.passed_over,
        near=near,
        unreadable=sum(finding.kind == "unreadable" for finding in findings),
        leaks=sum(finding.leak for finding in pairs),
        duplicates=sum(not finding.leak for finding in pairs),
        conflicts=sum(finding.conflict for finding in pairs),
        findings=tuple(findings),
        shifts=tuple(shift for name in parts if name != "train" for shift in _shifts(name, parts, data)),
        csv=written.get("csv"),
        sheet=written.get("sheet"),
        taken=data.taken,
        brightest=max((row.appearance.brightest for row in rows if row.facts.appearance is not None), default=None),
    )


def _split_facts(name: str, rows: Sequence[Row], data: DataSet) -> SplitFacts:
    appearances = [row.appearance for row in rows if row.facts.appearance is not None]
    sides = sorted(min(appearance.width_px, appearance.height_px) for appearance in appearances)
    counts = Counter(row.label for row in rows if row.label is not None)
    return SplitFacts(
        split=name,
        images=len(rows),
        classes={label: counts[label] for label in data.classes} if counts else {},
        formats=dict(Counter(appearance.format for appearance in appearances).most_common()),
        modes=dict(Counter(appearance.mode for appearance in appearances).most_common()),
        side_px=(sides[0], int(np.median(sides)), sides[-1]) if sides else None,
        brightest=max((appearance.brightest for appearance in appearances), default=None),
    )


def _shifts(name: str, parts: Mapping[str, Sequence[Row]], data: DataSet) -> list[Shift]:
    """Return how one split differs from train; where it can be read at all."""
    ours, theirs = ([row for row in parts[split] if row.facts.appearance is not None] for split in ("train", name))
    if not ours or not theirs:
        return []
    shifts = []
    train, other = data.splits["train"], data.splits[name]
    if train.labels is not None and other.labels is not None:
        counts = tuple(len(set(split.groups or split.ids)) for split in (train, other))
        shifts.append(compare_classes(data.classes, name, train.labels, other.labels, (counts[0], counts[1])))
    measures: dict[str, Callable[[Row], float]] = {
        "brightness": lambda row: row.appearance.brightness,
        "contrast": lambda row: row.appearance.contrast,
        "shorter side": lambda row: float(min(row.appearance.width_px, row.appearance.height_px)),
    }
    for measure, value in measures.items():
        values = [
            group_means(np.array([value(row) for row in part]), [row.group or "" for row in part] if grouped else None)
            for part, grouped in ((ours, train.groups is not None), (theirs, other.groups is not None))
        ]
        shifts.append(compare_values(measure, name, *values))
    return shifts


def _check_free(written: Mapping[str, Path], source: Source, replace: bool) -> None:
    """Raise where a file could not be drawn, is there already, or is what is read."""
    if "sheet" in written and written["sheet"].suffix.lower() not in SHEETS:
        raise InvalidOptionError(f"--sheet is '{written['sheet']}'; wanted a name that ends in {', '.join(SHEETS)}.")
    read = [path for path in (source.train_csv, source.val_csv, source.test_csv, source.classes) if path is not None]
    for name, path in written.items():
        check_output(path, replace, f"--{name}", [*read, *(one for other, one in written.items() if other != name)])


def _check_places(written: Mapping[str, Path], data: DataSet) -> None:
    """Raise where a file would come to lie among the images."""
    folders = {path.parent for split in data.splits.values() for path in split.paths}
    taken = {folder.resolve() for folder in folders}
    for name, path in written.items():
        if path.resolve().parent in taken:
            raise InvalidOptionError(f"--{name} '{path}' would lie among the images. Choose another folder.")


def _as_csv(findings: Sequence[Finding], path: Path) -> bytes:
    rows = [
        ["" if value is None else str(value) for value in (*astuple(finding), finding.leak, finding.conflict)]
        for finding in findings
    ]
    return render_csv([COLUMNS, *rows], path)


def _as_sheet(findings: Sequence[Finding], data: DataSet, kind: str) -> bytes:
    """Return the contact sheet of the first findings, the worst first."""
    paths = {
        (name, image_id): path
        for name, split in data.splits.items()
        for image_id, path in zip(split.ids, split.paths, strict=True)
    }
    tiles = [_tile(finding, paths, data.max_px) for finding in findings[:TILES]]
    title = f"{len(findings)} findings" + (f"; the worst {TILES}" if len(findings) > TILES else "")
    return draw_sheet(tiles, title, kind)


def _tile(finding: Finding, paths: Mapping[tuple[str, str], Path], max_px: int | None) -> Tile:
    named = [(finding.split, finding.image_id, finding.label)]
    if finding.other_split is not None and finding.other_id is not None:
        named.append((finding.other_split, finding.other_id, finding.other_label))
    bits = "" if finding.distance is None else f", {finding.distance} of {BITS} bits"
    marks = f"{' LEAK' if finding.leak else ''}{' TWO LABELS' if finding.conflict else ''}"
    lines = (f"{finding.kind}{bits}{marks}", *(f"{split}  {image_id}" for split, image_id, _ in named), finding.detail)
    return Tile(tuple(_image_of(paths[split, image_id], max_px) for split, image_id, _ in named), lines)


def _image_of(path: Path, max_px: int | None) -> RGBImage | None:
    try:
        return decode(read_file(path), path, max_px)
    except BadDataError:
        return None
