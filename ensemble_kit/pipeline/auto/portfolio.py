"""The members that `ek auto` trains, in order, and how the time that is left is shared among them.

Networks from scratch and pre-trained ones take turns, since members that differ err apart; which pre-trained ones is
told, see `weights`. The third is a small quick one, for budgets that are too short for others. Where time is short,
members are shorter, not fewer, down to the least that each is worth. Nothing here is chosen by val. Pure: seconds in, a
plan out. To add a network from scratch: a line in `PORTFOLIO`, where it should be tried; a pre-trained one: a line in
`models_zoo.IMAGENET`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from models_zoo import IMAGENET

LONGEST: Final = 2.0  # times its epochs that a candidate is trained at most
WANTED: Final = 3  # members; fewer only where not even short ones fit
SMALL_PX: Final = 48  # median side up to which small networks see all there is


@dataclass(frozen=True)
class Candidate:
    """A member that may be trained.

    epochs: what it is worth; least_epochs: below them it is not worth its place.
    largest_px: side of its input at most; input_px: side to which it enlarges that; 0: it does not.
    pretrained: starts from ImageNet weights.
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
    smallest_px: int = 0
    biggest_px: int = 1_000_000
    arch_option: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def size_px(self, median_px: int) -> int:
        """Return the side of its images where the median one has that side."""
        return max(16, min(median_px, self.largest_px))


@dataclass(frozen=True)
class Cost:
    """Seconds that a candidate takes here: an epoch, one view of val and test, and all that comes once a member."""

    epoch_s: float
    view_s: float
    once_s: float

    def of(self, epochs: float, views: int) -> float:
        """Return the seconds of a member."""
        return epochs * self.epoch_s + views * self.view_s + self.once_s


@dataclass(frozen=True)
class Planned:
    """A candidate that will be trained, for about so many epochs, and its seconds, with its views."""

    candidate: Candidate
    epochs: int
    seconds: float


Field = list[tuple[Candidate, Cost]]

_TUNED: Final[Mapping[str, Any]] = {
    "recipe": "finetune-far",
    "epochs": 12,
    "least_epochs": 5,
    "largest_px": 128,
    "input_px": 112,
    "pretrained": True,
}
_DEEP: Final[Mapping[str, Any]] = {
    "arch": "cnn-deep",
    "recipe": "strong",
    "epochs": 40,
    "least_epochs": 24,
    "overrides": {"mix": 0.5},
}
_SMALL: Final[Mapping[str, Any]] = {**_DEEP, "largest_px": 40, "biggest_px": SMALL_PX}
_LARGE: Final[Mapping[str, Any]] = {**_DEEP, "largest_px": 64, "smallest_px": SMALL_PX + 1}
_QUICK: Final[Mapping[str, Any]] = {
    "arch": "cnn",
    "recipe": "strong",
    "epochs": 40,
    "least_epochs": 16,
    "largest_px": 32,
    "arch_option": {"width": 32, "cells": 4},
    "overrides": {"mix": 0.5},
}

_PRETRAINED: Final = None  # the turn of the next pre-trained network
PORTFOLIO: Final[Sequence[Candidate | None]] = (
    Candidate("cnn-deep", **_SMALL),
    _PRETRAINED,
    Candidate("cnn-deep", **_LARGE),
    Candidate("cnn", **_QUICK),  # once: three of them would keep slower ones out
    Candidate("cnn-deep", seed=1, **_SMALL),
    _PRETRAINED,
    Candidate("cnn-deep", seed=1, **_LARGE),
    Candidate("cnn-deep", seed=2, **_SMALL),
    _PRETRAINED,
    Candidate("cnn-deep", seed=2, **_LARGE),
    _PRETRAINED,
    Candidate("cnn-deep", seed=3, **_SMALL),
    Candidate("cnn-deep", seed=3, **_LARGE),
)
"""Those from scratch; pre-trained ones beyond the last turn come at the end."""


def candidates(median_px: int, at_hand: Sequence[str]) -> list[Candidate]:
    """Return the candidates for images of that median side, in order.

    Args:
        at_hand: architectures whose pre-trained weights may be used, the one that suits best first.

    Example:
        >>> [one.name for one in candidates(32, ["timm:resnet18", "timm:regnety_004"])][:5]
        ['cnn-deep', 'resnet18', 'cnn', 'cnn-deep', 'regnety_004']
    """
    pretrained = iter(_pretrained(at_hand))
    found: list[Candidate] = []
    for one in PORTFOLIO:
        if one is None:
            found += islice(pretrained, 1)
        elif one.smallest_px <= median_px <= one.biggest_px:
            found.append(one)
    return [*found, *pretrained]


def as_near(one: Candidate) -> Candidate:
    """Return a candidate for images like those of its weights: early layers change little, and few epochs do."""
    return replace(one, recipe="finetune", epochs=6, least_epochs=2) if one.pretrained else one


def every_candidate() -> list[Candidate]:
    """Return one of each that may be trained, whatever the images and the weights at hand."""
    return [*(one for one in PORTFOLIO if one is not None), *_pretrained([*IMAGENET])]


def _pretrained(at_hand: Sequence[str]) -> list[Candidate]:
    """Return the pre-trained candidates: one of each family, the first once more, then the others of a family."""
    known = [arch for arch in at_hand if arch in IMAGENET]
    families = [IMAGENET[arch].family for arch in known]
    apart = next((i for i, family in enumerate(families) if family in families[:i]), len(known))
    turns = [*known[:apart], *known[: min(apart, 1)], *known[apart:]]
    return [Candidate(short_name(arch), arch, seed=seed, **_TUNED) for seed, arch in enumerate(turns)]


def short_name(arch: str) -> str:
    """Return what members of a pre-trained network are called.

    Example:
        >>> short_name("timm:tf_efficientnet_lite0"), short_name("timm:tiny_vit_5m_224.dist_in22k_ft_in1k")
        ('lite0', 'tiny_vit_5m_224')
    """
    return arch.removeprefix("timm:").removeprefix("tf_efficientnet_").partition(".")[0]


def plan(
    wanted: Sequence[Candidate], costs: Sequence[Cost], seconds: float, views: int, done: int = 0
) -> list[Planned]:
    """Return what to train in so many seconds, in order; all of them together take all of the time.

    First come first served: candidates with all their epochs, as long as they fit. Where these would be fewer members
    than `WANTED`, so many with their least epochs instead, or as many as fit: shorter ones before worse ones. Where
    not even one does, and none is done, the one that comes nearest to its epochs. Time is shared as their epochs
    cost, up to `LONGEST` times them.

    Args:
        costs: one a candidate.
        views: of a member that has time for them; one that has its least epochs has one.
        done: members that stand already.

    Example:
        >>> field = [Candidate(name, "cnn", "strong", 10, 5, 32) for name in "ab"], [Cost(4, 1, 2), Cost(2, 1, 2)]
        >>> [(one.candidate.name, round(one.seconds)) for one in plan(*field, 108, views=10)]
        [('a', 68), ('b', 40)]
        >>> [(one.candidate.name, round(one.seconds)) for one in plan(*field, 36, views=10)]
        [('a', 23), ('b', 13)]
    """
    field = list(zip(wanted, costs, strict=True))
    taken = _fitting(field, [cost.of(one.epochs, views) for one, cost in field], seconds)
    if len(taken) + done < WANTED:
        short = _fitting(field, [cost.of(one.least_epochs, 1) for one, cost in field], seconds)
        taken = max(short[: WANTED - done], taken, key=len)
    if not taken and field and not done:
        taken = [max(field, key=lambda pair: (seconds - pair[1].of(0, 1)) / (pair[0].epochs * pair[1].epoch_s))]
    return _shared(taken, seconds, views)


def _fitting(field: Field, needed_s: Sequence[float], seconds: float) -> Field:
    """Return the candidates that fit into so many seconds, first come first served."""
    taken = []
    for pair, needed in zip(field, needed_s, strict=True):
        if needed <= seconds:
            taken.append(pair)
            seconds -= needed
    return taken


def _shared(taken: Field, seconds: float, views: int) -> list[Planned]:
    """Return a plan for all of the time: a factor on the epochs of all, within the least and the longest of each.

    Where less than the least of one candidate is left, it has what is left.
    """

    def at(factor: float) -> list[Planned]:
        count = max(1, round(min(factor, 1) * views))
        epochs = [max(factor * one.epochs, one.least_epochs) for one, _ in taken]
        return [
            Planned(one, int(many + 1e-9), cost.of(many, count))
            for (one, cost), many in zip(taken, epochs, strict=True)
        ]

    low, high = 0.0, LONGEST
    if taken and total_s(at(low)) > seconds:
        [(one, cost)] = taken
        return [Planned(one, max(1, int((seconds - cost.of(0, 1)) / cost.epoch_s)), seconds)]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if total_s(at(middle)) <= seconds else (low, middle)
    return at(low)


def total_s(planned: Sequence[Planned]) -> float:
    """Return the seconds that a plan takes."""
    return sum(one.seconds for one in planned)
