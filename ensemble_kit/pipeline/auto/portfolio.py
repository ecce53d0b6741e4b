"""The members that `ek auto` trains, in order, and how a budget of time is shared among them.

The portfolio is fixed: the first candidates that fit are taken, and what time is left lengthens
them all. Nothing here is chosen by val. Pure: seconds in, a plan out. To add a candidate: a line in
`PORTFOLIO`, where it should be tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

MARGIN: Final = 0.08  # of the time, for a machine that slows down
LONGEST: Final = 2.0  # times its epochs that a candidate is trained at most
SMALL_PX: Final = 48  # median side up to which small networks see all there is


@dataclass(frozen=True)
class Candidate:
    """A member that may be trained.

    epochs: what it is worth; least_epochs: below them it is not worth its place.
    largest_px: side of its input at most; input_px: side to which it enlarges that; 0: it does not.
    pretrained: starts from ImageNet weights; None of them at hand, it is passed over.
    with_weights: whether it has a place beside members that do.
    smallest_px, biggest_px: median sides of the images that it is for.
    overrides: fields of its recipe that differ.
    """

    name: str
    arch: str
    recipe: str
    epochs: int
    least_epochs: int
    largest_px: int
    seed: int = 0
    input_px: int = 0
    pretrained: bool = False
    with_weights: bool = True
    smallest_px: int = 0
    biggest_px: int = 1_000_000
    arch_option: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def size_px(self, median_px: int) -> int:
        """Return the side of its images where the median one has that side."""
        return max(16, min(median_px, self.largest_px))


@dataclass(frozen=True)
class Cost:
    """Seconds that a candidate takes here: one epoch, and all views of val and test."""

    epoch_s: float
    look_s: float


@dataclass(frozen=True)
class Planned:
    """A candidate that will be trained, for so many epochs, and the seconds that should take with its views."""

    candidate: Candidate
    epochs: int
    seconds: float


_LITE: Final[Mapping[str, Any]] = {"recipe": "finetune-far", "largest_px": 128, "input_px": 112, "pretrained": True}
_DEEP: Final[Mapping[str, Any]] = {"arch": "cnn-deep", "recipe": "strong", "overrides": {"mix": 0.5}}
_SMALL: Final[Mapping[str, Any]] = {**_DEEP, "epochs": 50, "least_epochs": 25, "largest_px": 40, "biggest_px": SMALL_PX}
_LARGE: Final[Mapping[str, Any]] = {
    **_DEEP,
    "epochs": 40,
    "least_epochs": 20,
    "largest_px": 64,
    "smallest_px": SMALL_PX + 1,
    "with_weights": False,
}

PORTFOLIO: Final[Sequence[Candidate]] = (
    Candidate("lite0", "timm:tf_efficientnet_lite0", epochs=12, least_epochs=5, **_LITE),
    Candidate("cnn-deep", **_SMALL),
    Candidate("cnn-deep", **_LARGE),
    Candidate("lite0", "timm:tf_efficientnet_lite0", epochs=12, least_epochs=5, seed=1, **_LITE),
    Candidate("cnn-deep", seed=1, **_SMALL),
    Candidate("cnn-deep", seed=1, **_LARGE),
    Candidate("lite1", "timm:tf_efficientnet_lite1", epochs=12, least_epochs=5, seed=2, **_LITE),
    Candidate("lite2", "timm:tf_efficientnet_lite2", epochs=12, least_epochs=5, seed=3, **_LITE),
    Candidate("cnn-deep", seed=2, **_SMALL),
    Candidate("cnn-deep", seed=2, **_LARGE),
    Candidate("cnn-deep", seed=3, **_SMALL),
    Candidate("cnn-deep", seed=3, **_LARGE),
)


def candidates(median_px: int, at_hand: Sequence[str]) -> list[Candidate]:
    """Return the candidates for images of that median side, in order.

    Args:
        at_hand: architectures whose pre-trained weights may be used.
    """
    fits = [one for one in PORTFOLIO if one.smallest_px <= median_px <= one.biggest_px]
    able = [one for one in fits if not one.pretrained or one.arch in at_hand]
    tuned = any(one.pretrained for one in able)
    return [one for one in able if one.with_weights or not tuned]


def plan(
    wanted: Sequence[Candidate],
    costs: Sequence[Cost],
    seconds: float,
    evaluating_s: float = 0.0,
    at_any_cost: bool = True,
) -> list[Planned]:
    """Return what to train in so many seconds, in order.

    Candidates are taken first come first served: for all their epochs, or where there is no time for
    them, for as many as there is time for, but never fewer than their least. Where none is taken, the
    cheapest is, at any cost. The time that is left lengthens all of them alike.

    Args:
        costs: one a candidate.
        seconds: for training and forward passes; a share of it is kept as a margin.
        evaluating_s: what each member takes when all are blended, on top.
        at_any_cost: plan one even where none fits.

    Example:
        >>> a, b = (Candidate(name, "cnn", "strong", 10, 5, 32) for name in "ab")
        >>> [(one.candidate.name, one.epochs) for one in plan([a, b], [Cost(8, 4), Cost(2, 4)], 100)]
        [('a', 11)]
        >>> [(one.candidate.name, one.epochs) for one in plan([a, b], [Cost(4, 4), Cost(2, 4)], 100)]
        [('a', 14), ('b', 14)]
    """
    left = (1 - MARGIN) * seconds
    pairs = [(one, replace(cost, look_s=cost.look_s + evaluating_s)) for one, cost in zip(wanted, costs, strict=True)]
    taken: list[tuple[Candidate, Cost, float]] = []
    for one, cost in pairs:
        epochs = min(float(one.epochs), (left - cost.look_s) / cost.epoch_s)
        if epochs >= one.least_epochs:
            taken.append((one, cost, epochs))
            left -= epochs * cost.epoch_s + cost.look_s
    if not taken and pairs and at_any_cost:
        one, cost = min(pairs, key=lambda pair: pair[0].least_epochs * pair[1].epoch_s + pair[1].look_s)
        taken.append((one, cost, max(1.0, (left - cost.look_s) / cost.epoch_s)))
        left = 0.0
    learning_s = sum(epochs * cost.epoch_s for _, cost, epochs in taken)
    factor = min(LONGEST, 1 + max(0.0, left) / learning_s) if taken else 1.0
    planned = []
    for one, cost, epochs in taken:
        whole = max(1, int(epochs * factor + 1e-9))
        planned.append(Planned(one, whole, whole * cost.epoch_s + cost.look_s))
    return planned
