"""What the demo drew, and what its members are worth."""

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
