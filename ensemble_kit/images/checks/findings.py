"""From the facts about every file to what is wrong with a data set.

A finding names an image, and where it is about two, the one that stands before it: train
before val before test, then in order of ids. An image is paired once a split and kind,
with the first of its equals, or its nearest. To find something new: a function from
`Row`s to findings, and a line in `find_all`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ensemble_kit.images.checks.duplicates import Fingerprints, nearest
from ensemble_kit.images.checks.inspect import Appearance, Facts
from ensemble_kit.images.splits import DataSet
from ensemble_kit.results import Finding

BLACK: Final = 4  # of 255: where nothing is brighter, there is nothing to see
ELONGATED: Final = 3.0  # longer side over shorter: squashed to a square, little is left


@dataclass(frozen=True, eq=False)
class Row:
    """One image of a data set, with the facts about its file."""

    split: str
    image_id: str
    label: str | None
    group: str | None
    facts: Facts

    @property
    def appearance(self) -> Appearance:
        """What was seen; ask only where the file could be read."""
        assert self.facts.appearance is not None
        return self.facts.appearance


def rows_of(data: DataSet, facts: Sequence[Facts]) -> list[Row]:
    """Return a row per image: the splits in their order, each in the order of its images."""
    told = iter(facts)
    return [
        Row(
            name,
            image_id,
            None if split.labels is None else data.classes[split.labels[i]],
            None if split.groups is None else split.groups[i],
            next(told),
        )
        for name, split in data.splits.items()
        for i, image_id in enumerate(split.ids)
    ]


def find_all(rows: Sequence[Row], near: int) -> list[Finding]:
    """Return every finding, the worst first: unreadable, leaks (nearest first), conflicts, the rest."""
    seen = [row for row in rows if row.facts.appearance is not None]
    found = [
        *find_unreadable(rows),
        *find_equal(seen, "same bytes", lambda row: row.facts.bytes_sha256),
        *find_equal(seen, "same pixels", lambda row: row.appearance.pixels_sha256),
        *find_near(seen, near),
        *find_groups(rows),
        *find_elongated(seen),
        *find_black(seen),
    ]
    return sorted(found, key=_badness)


def find_unreadable(rows: Sequence[Row]) -> list[Finding]:
    """Return the files that cannot be used, each with the reason."""
    return [
        Finding("unreadable", row.split, row.image_id, row.label, detail=_reason(row))
        for row in rows
        if row.facts.appearance is None
    ]


def find_equal(rows: Sequence[Row], kind: str, key: Callable[[Row], str]) -> list[Finding]:
    """Return each image whose key an earlier one has, paired with the first of them.

    Where the bytes are the same, `same pixels` says nothing new and is left out.
    """
    first: dict[str, Row] = {}
    found = []
    for row in rows:
        earlier = first.setdefault(key(row), row)
        if earlier is not row and (kind == "same bytes" or earlier.facts.bytes_sha256 != row.facts.bytes_sha256):
            found.append(_pair(kind, row, earlier))
    return found


def find_near(rows: Sequence[Row], near: int) -> list[Finding]:
    """Return each image that nearly equals an earlier one, mirrored or not: the nearest of each split.

    Images of equal pixels stand in for one another and are not named again.
    """
    parts = _distinct(rows)
    found = []
    for place, part in enumerate(parts):
        for others in parts[: place + 1]:
            links = nearest(_fingerprints(part), None if others is part else _fingerprints(others), near)
            for i in np.flatnonzero(links.partner >= 0):
                row, other = part[i], others[links.partner[i]]
                if row.appearance.pixels_sha256 != other.appearance.pixels_sha256:
                    kind = "mirrored" if links.mirrored[i] else "near"
                    found.append(_pair(kind, row, other, int(links.distance[i])))
    return found


def find_groups(rows: Sequence[Row]) -> list[Finding]:
    """Return each group that stands in two splits, by its first image of each."""
    counts: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.group is not None:
            counts[row.group][row.split].append(row)
    found = []
    for group, parts in counts.items():
        first, *others = parts.values()
        told = ", ".join(f"{len(part)} {split}" for split, part in parts.items())
        found += [_pair("group", part[0], first[0], detail=f"group {group!r}: {told}") for part in others]
    return found


def find_elongated(rows: Sequence[Row]) -> list[Finding]:
    """Return the images whose longer side is ELONGATED times the shorter, or more; the longest first."""

    def ratio(row: Row) -> float:
        sides = (row.appearance.width_px, row.appearance.height_px)
        return max(sides) / min(sides)

    return [
        Finding(
            "elongated",
            row.split,
            row.image_id,
            row.label,
            detail=f"{row.appearance.width_px} x {row.appearance.height_px} px",
        )
        for row in sorted(rows, key=ratio, reverse=True)
        if ratio(row) >= ELONGATED
    ]


def find_black(rows: Sequence[Row]) -> list[Finding]:
    """Return the images in which nothing is brighter than BLACK."""
    return [
        Finding("black", row.split, row.image_id, row.label, detail=f"no value over {row.appearance.brightest} of 255")
        for row in rows
        if row.appearance.brightest <= BLACK
    ]


def _reason(row: Row) -> str:
    """Return why a file cannot be used, without the path that the message begins with."""
    return row.facts.reason.partition("': ")[2].removesuffix(".") or row.facts.reason


def _distinct(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each split, the first of equal pixels alone."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((row.split, row.appearance.pixels_sha256), row)
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in first.values():
        parts[row.split].append(row)
    return list(parts.values())


def _fingerprints(rows: Sequence[Row]) -> Fingerprints:
    return Fingerprints(
        np.stack([row.appearance.grid for row in rows]), np.stack([row.appearance.thumb for row in rows])
    )


def _pair(kind: str, row: Row, other: Row, distance: int | None = None, detail: str = "") -> Finding:
    return Finding(kind, row.split, row.image_id, row.label, other.split, other.image_id, other.label, distance, detail)


def _badness(finding: Finding) -> tuple[bool, bool, bool, int]:
    """Return what findings are sorted by; equals stay in the order in which they were found."""
    return (finding.kind != "unreadable", not finding.leak, not finding.conflict, finding.distance or 0)
