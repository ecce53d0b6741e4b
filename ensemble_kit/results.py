"""What a command found out: frozen, printable, one JSON object each.

The command line prints these, Python callers read them, and both see the same names.
Accuracies are fractions in [0, 1]; `*_interval` is (low, high) at 95 %.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

Interval = tuple[float, float]


@dataclass(frozen=True)
class MemberReport:
    """One member as `ek members` shows it; val figures are None where val has no labels.

    calibration_error: expected calibration error, 15 equal-width bins, in [0, 1].
    ms_per_image: milliseconds a picture and view; None for an imported member.
    val_used_for: what val decided while the member was made; empty is best.
    """

    name: str
    arch: str
    source: str
    val_accuracy: float
    val_interval: Interval
    val_log_loss: float
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


@dataclass(frozen=True)
class MembersReport:
    """All members of a folder, best val accuracy first; `verified` counts the files checked on request."""

    members: tuple[MemberReport, ...]
    verified: int | None = None

    def frame(self) -> "pandas.DataFrame":
        """Return one row a member and one column a field, for a notebook."""
        import pandas

        return pandas.DataFrame([dataclasses.asdict(member) for member in self.members])


@dataclass(frozen=True)
class TrainReport:
    """A member that was just trained."""

    member: MemberReport
    run: Path
    recipe: str
    size_px: int
    train_images: int
    seconds: float


@dataclass(frozen=True)
class ViewReport:
    """One view alone: its val accuracy, the change against identity, and its weight in the member."""

    view: str
    val_accuracy: float
    change: float
    weight: float


@dataclass(frozen=True)
class TtaReport:
    """A member before (identity alone) and after its views were weighed.

    val_accuracy_after is measured on the rows that chose the weights, so it is optimistic
    where anything was tuned; honest_accuracy is cross-fitted. ridge is how firmly the
    weights were held to identity; None where nothing was tuned, infinity where nothing else
    paid.
    """

    member: str
    choose: str
    views: tuple[ViewReport, ...]
    val_accuracy_before: float
    val_accuracy_after: float
    val_log_loss_before: float
    val_log_loss_after: float
    honest_accuracy: float
    honest_interval: Interval
    ridge: float | None
    computed: tuple[str, ...]
    note: str | None
    path: Path


@dataclass(frozen=True)
class BlendReport:
    """A blend, its figures on val, and the files that hold it.

    val_accuracy is measured on the rows that were tuned on: optimistic. honest_accuracy is
    cross-fitted: view weights, temperatures and weights are found anew inside every fold.
    """

    name: str
    method: str
    members: tuple[str, ...]
    weights: Mapping[str, float]
    temperatures: Mapping[str, float]
    weights_method: str
    ridge: float | None
    blend_temperature: float
    val_images: int
    val_accuracy: float
    val_interval: Interval
    honest_accuracy: float
    honest_interval: Interval
    equal_val_accuracy: float
    equal_honest_accuracy: float
    equal_honest_interval: Interval
    best_single: str
    best_single_val_accuracy: float
    best_single_honest_accuracy: float
    best_single_honest_interval: Interval
    trials: int
    notes: tuple[str, ...]
    blend_path: Path
    submission_path: Path | None


@dataclass(frozen=True)
class ArchReport:
    """One line of `ek zoo`; parameters and size are for the asked number of classes and side."""

    arch: str
    parameters: int | None
    size_mb: float | None
    size_px: int | None
    help: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class ZooReport:
    """The architectures that `ek train --arch` knows."""

    classes: int
    archs: tuple[ArchReport, ...]


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


def as_json(report: Any) -> str:
    """Return a report as one JSON object, two blanks a level, infinities as strings."""
    return json.dumps(_plain(report), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    return value
