"""Members: how they were made, and how good they are."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_kit.results.intervals import Interval
from ensemble_kit.splits import VAL

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MemberReport:
    """One member as `ek members` shows it.

    judged_on: what its figures are of, those called val_... too: val, or oof, the training images that
        it held out, where it has no val.
    metric: the metric that was asked for; val_score and val_score_interval are in it.
    family: what members are called that were trained alike; None: it has no siblings.
    calibration_error: expected calibration error, 15 equal-width bins, in [0, 1].
    ms_per_image: milliseconds per image and view; None for an imported member.
    taken: for a member that was just added, a line a file: which column was taken for what; notes: what to look at.
    val_used_for: what val decided while the member was made; empty is best.
    """

    name: str
    arch: str
    source: str
    family: str | None
    val_accuracy: float
    val_interval: Interval
    val_log_loss: float
    metric: str
    val_score: float
    val_score_interval: Interval
    calibration_error: float
    views: tuple[str, ...]
    view_weights: tuple[float, ...]
    val_images: int
    test_images: int | None
    parameters: int | None
    size_mb: float | None
    ms_per_image: float | None
    val_used_for: tuple[str, ...]
    path: Path
    judged_on: str = VAL
    taken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemovedReport:
    """A member that was removed, and the folder that held it; its run, if any, is left in place."""

    name: str
    path: Path


@dataclass(frozen=True)
class RenamedReport:
    """A member that has another name now, and the folder that holds it."""

    name: str
    new_name: str
    path: Path


@dataclass(frozen=True)
class MembersReport:
    """All members of a folder, the best on val by the metric first; `verified` counts the files checked on request."""

    members: tuple[MemberReport, ...]
    verified: int | None = None
    metric: str = "accuracy"

    def frame(self) -> "pandas.DataFrame":
        """Return one row a member and one column a field, for a notebook."""
        import pandas

        return pandas.DataFrame([dataclasses.asdict(member) for member in self.members])
