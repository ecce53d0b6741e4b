"""What a linear probe found."""

from dataclasses import dataclass
from pathlib import Path

from ensemble_kit.results.members import MemberReport


@dataclass(frozen=True)
class ProbeReport:
    """A member made of a frozen network and a linear classifier that was just fitted.

    features: how many numbers the classifier takes of an image.
    penalty: the L2 penalty that cross-validation in train chose.
    train_log_loss, train_accuracy: in that cross-validation, in nats and in [0, 1].
    computed: how many images were computed; the features of the others lay in the cache.
    """

    member: MemberReport
    run: Path
    arch: str
    size_px: int
    features: int
    flip: bool
    penalty: float
    train_log_loss: float
    train_accuracy: float
    train_images: int
    computed: int
    features_s: float
    seconds: float
