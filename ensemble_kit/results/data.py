"""Data and the machine: what was found there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One thing that `ek data check` found about an image, or about an image and another one.

    kind: unreadable, same bytes, same pixels, near, mirrored, group, elongated or black.
    label, other_label: names of classes; None where nobody knows them.
    distance: bits of 64 in which the two hashes differ; None for other kinds.
    """

    kind: str
    split: str
    image_id: str
    label: str | None = None
    other_split: str | None = None
    other_id: str | None = None
    other_label: str | None = None
    distance: int | None = None
    detail: str = ""

    @property
    def leak(self) -> bool:
        """Whether it ties two splits together."""
        return self.other_split not in (None, self.split)

    @property
    def conflict(self) -> bool:
        """Whether one image has two labels; a mirror image may rightly have another one."""
        named = None not in (self.label, self.other_label) and self.kind not in ("mirrored", "group")
        return named and self.label != self.other_label


@dataclass(frozen=True)
class SplitFacts:
    """What one split holds; `classes` is empty where it has no labels, sides are those that could be read.

    side_px: smallest, median and largest shorter side; None where nothing could be read.
    brightest: the highest value in any image, 0 to 255; None likewise.
    """

    split: str
    images: int
    classes: Mapping[str, int]
    formats: Mapping[str, int]
    modes: Mapping[str, int]
    side_px: tuple[int, int, int] | None
    brightest: int | None = None


@dataclass(frozen=True)
class Shift:
    """How another split differs from train in one measure.

    measure: brightness and contrast in [0, 1], shorter side in px, or the share of the class that differs most.
    verdict: shifted, no shift seen, or too few to tell.
    """

    measure: str
    split: str
    train: float
    other: float
    verdict: str


@dataclass(frozen=True)
class DataReport:
    """What `ek data check` found; with leaks or unreadable files the command exits 3.

    near: bits of 64 that may differ in a near duplicate.
    leaks: findings that tie two splits together; duplicates: pairs within one split;
    conflicts: pairs, of either kind, with two labels.
    taken: what was guessed about folders and the columns of CSVs, a sentence each.
    brightest: the highest value in any image, 0 to 255; None where none can be read.
    """

    source: str
    classes: tuple[str, ...]
    splits: tuple[SplitFacts, ...]
    passed_over: int
    near: int
    unreadable: int
    leaks: int
    duplicates: int
    conflicts: int
    findings: tuple[Finding, ...]
    shifts: tuple[Shift, ...]
    csv: Path | None
    sheet: Path | None
    taken: tuple[str, ...] = ()
    brightest: int | None = None

    @property
    def clean(self) -> bool:
        """Whether there is neither a leak nor an unreadable file."""
        return not self.leaks and not self.unreadable
