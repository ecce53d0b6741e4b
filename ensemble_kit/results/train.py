"""What was trained: one member, or a family of them."""

from dataclasses import dataclass
from pathlib import Path

from ensemble_kit.results.members import MemberReport


@dataclass(frozen=True)
class TrainReport:
    """A member that was just trained.

    notes: what went wrong, with the remedy.
    unlabelled_images: how many images without labels it learnt from, by soft labels; teacher: of which members.
    """

    member: MemberReport
    run: Path
    recipe: str
    size_px: int
    train_images: int
    seconds: float
    notes: tuple[str, ...] = ()
    unlabelled_images: int = 0
    teacher: tuple[str, ...] = ()


@dataclass(frozen=True)
class FamilyReport:
    """Several members that were just trained alike: by seeds, folds or both."""

    trained: tuple[TrainReport, ...]
