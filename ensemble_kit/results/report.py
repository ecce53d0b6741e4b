"""The report of a blend: everything that its page shows, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ensemble_kit.results.blend import BlendReport, CalibrationReport
from ensemble_kit.results.intervals import Interval
from ensemble_kit.results.members import MemberReport
from ensemble_kit.results.tta import CurveGainReport, CurveStepReport


@dataclass(frozen=True)
class LadderReport:
    """A member as it stands on val by itself, and its part in the blend; ms: over the views that count."""

    member: MemberReport
    ms: float | None
    weight: float
    temperature: float


@dataclass(frozen=True)
class ClassReport:
    """How many images of a class are found; None where val shows none."""

    name: str
    images: int
    accuracy: float | None
    interval: Interval | None


@dataclass(frozen=True)
class ConfusionReport:
    """How many images of a class were given another, or the same; each by the class that most repeats gave it."""

    label: str
    predicted: str
    images: int


@dataclass(frozen=True)
class BinReport:
    """Images of which about the same confidence was claimed, and how often that was right."""

    low: float
    high: float
    images: float
    confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class ReliabilityReport:
    """A reliability diagram, and its figures."""

    calibration: CalibrationReport
    bins: tuple[BinReport, ...]


@dataclass(frozen=True)
class LearningReport:
    """How a member learnt, a number an epoch; note: why nothing is known, None where all is well.

    val_loss, val_accuracy: None in epochs after which val was not measured.
    """

    member: str
    epochs: tuple[int, ...]
    train_loss: tuple[float, ...]
    val_loss: tuple[float | None, ...]
    val_accuracy: tuple[float | None, ...]
    note: str | None


@dataclass(frozen=True)
class MemberViewReport:
    """One view of a member: its val accuracy alone, its weight, milliseconds per image."""

    view: str
    val_accuracy: float
    weight: float
    ms: float | None


@dataclass(frozen=True)
class ViewsReport:
    """The views of a member, and the curve over their number that `ek tta` saved; note: why there is none.

    stop, gain: as in `CurveReport`.
    """

    member: str
    choose: str
    views: tuple[MemberViewReport, ...]
    curve: tuple[CurveStepReport, ...]
    stop: int | None
    note: str | None
    gain: CurveGainReport | None = None


@dataclass(frozen=True)
class DisagreementReport:
    """The share of images to which two members give different classes; members that agree stand together."""

    members: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class WorthReport:
    """Something that takes time and is right so often.

    kind: member, equal, blend, or limit: the blend under a tighter limit of milliseconds.
    ms: None where it was not measured; on the front where nothing as quick is better.
    """

    name: str
    kind: str
    ms: float | None
    accuracy: float
    interval: Interval
    on_front: bool


@dataclass(frozen=True)
class ImageReport:
    """An image, its label, and a class it was given, or likely shows.

    share, label_share: the probability of that class and of the label; of votes their shares.
    """

    image_id: str
    label: str
    predicted: str
    share: float
    label_share: float


@dataclass(frozen=True)
class PinReport:
    """A member as the blend pins it."""

    name: str
    arch: str
    source: str
    seed: int | None
    manifest_sha256: str
    checkpoint_sha256: str | None
    data_fingerprint: Mapping[str, str]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class RepeatReport:
    """What makes the blend again, and what it was made of."""

    commands: tuple[str, ...]
    notes: tuple[str, ...]
    blend_sha256: str
    val_fingerprint: str | None
    versions: Mapping[str, str]
    members: tuple[PinReport, ...]


@dataclass(frozen=True)
class PageReport:
    """A blend, all that is known of it, and the page that shows it.

    headline: in one sentence, what it is worth, and what may be said of its gains.
    blend: as `ek blend` reports it; nothing was timed, so `seconds` is 0.
    repeats: how often the evaluation set was split anew for what is cross-fitted; 0: it decided nothing, so
        everything is said by the blend as it is.
    confusion: pairs of classes that occur, those of a class and itself too.
    reliability_before, reliability_after: with every temperature 1, and honest; None for votes.
    label_errors: the first of those suspected; label_errors_found: how many are; None for votes.
    label_errors_expected: how many of all suspected are expected to be wrong.
    label_noise, label_noise_interval: the share of all labels of val that is estimated to be wrong; None for votes.
    pictures_note: why there are no thumbnails; None where there are.
    pictures_changed: whether the images are not those that the members saw, so that thumbnails may show others.
    """

    headline: str
    blend: BlendReport
    repeats: int
    ladder: tuple[LadderReport, ...]
    classes: tuple[ClassReport, ...]
    confusion: tuple[ConfusionReport, ...]
    reliability_before: ReliabilityReport | None
    reliability_after: ReliabilityReport | None
    learning: tuple[LearningReport, ...]
    looks: tuple[ViewsReport, ...]
    disagreement: DisagreementReport | None
    costs: tuple[WorthReport, ...]
    wrong: tuple[ImageReport, ...]
    unsure: tuple[ImageReport, ...]
    label_errors: tuple[ImageReport, ...]
    label_errors_found: int | None
    label_errors_expected: float | None
    label_noise: float | None
    label_noise_interval: Interval | None
    pictures_note: str | None
    pictures_changed: bool
    repeat: RepeatReport
    html: Path
    json: Path
