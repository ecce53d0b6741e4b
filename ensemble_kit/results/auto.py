"""What `ek auto` planned and did."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ensemble_kit.results.blend import BlendReport
from ensemble_kit.results.intervals import Interval

FlipVerdict = Literal["harmful", "harmless", "unclear"]


@dataclass(frozen=True)
class AutoPlanReport:
    """A member that is to be trained.

    pretrained: whether from ImageNet weights; epochs: about so many, the clock decides; seconds: what training and
    forward passes should take.
    done: it stands already.
    """

    name: str
    arch: str
    pretrained: bool
    size_px: int
    recipe: str
    epochs: int
    seconds: float
    done: bool = False


@dataclass(frozen=True)
class AutoStepReport:
    """A member that was trained.

    val_accuracy: its own, with its views. honest_accuracy: of the blend of the members so far, by
    cross-fitting on val; added: that, minus the same before this member (None for the first).
    teacher: the members whose soft labels of test images it learnt from too.
    """

    name: str
    arch: str
    pretrained: bool
    size_px: int
    recipe: str
    epochs: int
    train_s: float
    views: int
    val_accuracy: float
    honest_accuracy: float
    honest_interval: Interval
    added: float | None
    teacher: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlipReport:
    """Whether images may be mirrored, and how that is known.

    asked: it was said; else two small networks, one trained without mirror images and one with them, were shown
    `images` training images held out, as they are: their accuracies, and p, exact and two-sided, of the difference.
    lost_at_most is the share of what the network without has learnt that mirroring costs at most (95 %; None: it could
    not tell), swapped two classes whose mirror images it takes for one another, in_time whether there was time to
    learn. Images are mirrored where the verdict is harmless. A verdict without figures is that of an older version.
    """

    flip: bool
    asked: bool
    images: int | None = None
    accuracy_without: float | None = None
    accuracy_with: float | None = None
    p: float | None = None
    lost_at_most: float | None = None
    swapped: tuple[str, str] | None = None
    in_time: bool = True
    verdict: FlipVerdict | None = None


@dataclass(frozen=True)
class FetchedReport:
    """Weights that were fetched.

    hub: the repository that they are from. size_mb: of the file, 10^6 bytes.
    """

    arch: str
    hub: str
    licence: str
    size_mb: float
    seconds: float


@dataclass(frozen=True)
class AutoReport:
    """A run under a budget of time: the plan, and, where it was carried out, its members and their blend.

    minutes: the budget; used_s: seconds spent, over all processes.
    fetched: weights that were fetched, as was asked; not_fetched: why no more were.
    unlabelled: the split that the last member was to learn from without labels; None: of none.
    """

    name: str
    minutes: float
    used_s: float
    flips: FlipReport
    plan: tuple[AutoPlanReport, ...]
    steps: tuple[AutoStepReport, ...] = ()
    blend: BlendReport | None = None
    submission_path: Path | None = None
    fetched: tuple[FetchedReport, ...] = ()
    not_fetched: str | None = None
    unlabelled: str | None = None
