"""Predictions of new images: what was asked, what it saved, and what was left open."""

from dataclasses import dataclass
from pathlib import Path

from ensemble_kit.results.intervals import Interval
from ensemble_kit.splits import VAL


@dataclass(frozen=True)
class EarlyExitReport:
    """Members, or views, asked no further than needed.

    kind: `exact` (the classes are those of the whole blend), `margin` (they may differ: see loss)
        or `all` (nothing could be promised, or there is one step alone, so all were computed).
    order: what is asked one after another, as `cnn hflip`, or `cnn` for a member with its views.
    saved_passes: the share of forward passes that was spared; saved_ms: of the milliseconds, as
        they were measured when the members predicted val; None where nobody measured.
    wanted_loss: what was allowed. loss: the share of images (val, or `judged_on`) that stopping early cost,
        cross-fitted; loss_at_most: its 95 % upper bound; expected_saved: of the work on them. These
        three are None where nothing can be lost.
    """

    kind: str
    order: tuple[str, ...]
    saved_passes: float
    saved_ms: float | None
    wanted_loss: float
    loss: float | None
    loss_at_most: float | None
    expected_saved: float | None
    judged_on: str = VAL


@dataclass(frozen=True)
class AbstentionReport:
    """From which probability (for votes: vote share) on an answer stands; the others are flagged.

    threshold: infinite where no threshold could promise what was wanted.
    wanted_accuracy: among those that are not flagged; None where the threshold was given.
    coverage, accuracy: the share of images (val, or `judged_on`) not flagged, and of these right, cross-fitted;
        accuracy_at_least: its 95 % lower bound, which the threshold was chosen by. None likewise.
    fewest: how many of them must be answered before anything can be promised.
    """

    threshold: float
    wanted_accuracy: float | None = None
    coverage: float | None = None
    coverage_interval: Interval | None = None
    accuracy: float | None = None
    accuracy_interval: Interval | None = None
    accuracy_at_least: float | None = None
    fewest: int | None = None
    val_images: int | None = None
    judged_on: str = VAL


@dataclass(frozen=True)
class PredictReport:
    """New images through a blend, or through one member, which is a blend of its views.

    members: those that have a say, in the blend's order; views: how many they have together.
    unreadable: how many images have an error in their row instead of a class; first_unreadable: why.
    abstained: how many are flagged.
    """

    name: str
    blend: bool
    method: str
    members: tuple[str, ...]
    views: int
    pictures: int
    unreadable: int
    first_unreadable: str | None
    abstained: int
    cascade: EarlyExitReport | None
    abstain: AbstentionReport | None
    seconds: float
    path: Path
