"""Data and the machine: what was found there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ensemble_kit.results.blend import BlendReport


@dataclass(frozen=True)
class DemoDataReport:
    """The synthetic data set that was drawn."""

    path: Path
    classes: tuple[str, ...]
    train_images: int
    val_images: int
    test_images: int


@dataclass(frozen=True)
class Rung:
    """One step of the demo's ladder, without and with TTA; the labels of its test set are known."""

    name: str
    val_accuracy: float | None
    test_accuracy: float | None
    val_accuracy_tta: float
    test_accuracy_tta: float
    train_s: float | None


@dataclass(frozen=True)
class DemoReport:
    """The demo's ladder, lowest rung first, and where everything lies."""

    folder: Path
    rungs: tuple[Rung, ...]
    blend: BlendReport


@dataclass(frozen=True)
class Finding:
    """One thing that `ek data check` found about a picture, or about a picture and another one.

    kind: unreadable, same bytes, same pixels, near, mirrored, group or elongated.
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
        """Whether one picture has two labels; a mirror image may rightly have another one."""
        named = None not in (self.label, self.other_label) and self.kind not in ("mirrored", "group")
        return named and self.label != self.other_label


@dataclass(frozen=True)
class SplitFacts:
    """What one split holds; `classes` is empty where it has no labels, sides are those that could be read.

    side_px: smallest, median and largest shorter side; None where nothing could be read.
    """

    split: str
    images: int
    classes: Mapping[str, int]
    formats: Mapping[str, int]
    modes: Mapping[str, int]
    side_px: tuple[int, int, int] | None


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
    taken: what was guessed about the columns of CSVs, a sentence each.
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

    @property
    def clean(self) -> bool:
        """Whether there is neither a leak nor an unreadable file."""
        return not self.leaks and not self.unreadable


@dataclass(frozen=True)
class Diagnosis:
    """One line of `ek doctor`: what was looked at, how it is, and what to do about it.

    status: ok, note (works, but could be better) or problem.
    remedy: what to do; None where nothing need be done.
    """

    subject: str
    status: str
    found: str
    remedy: str | None = None


@dataclass(frozen=True)
class DoctorReport:
    """What `ek doctor` found; with a problem the command exits 6."""

    diagnoses: tuple[Diagnosis, ...]

    @property
    def well(self) -> bool:
        """Whether there is no problem; notes do not count."""
        return all(one.status != "problem" for one in self.diagnoses)
