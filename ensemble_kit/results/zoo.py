"""Which architectures there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PublishedWeights:
    """ImageNet weights that `ek auto` may start from.

    hub: the repository they are in. gmacs: billions of multiplications and additions an image of their own side.
    cpu_minutes, gpu_minutes: of budgets of `ek auto` that they suit, about.
    """

    licence: str
    hub: str
    gmacs: float
    cpu_minutes: tuple[int, ...]
    gpu_minutes: tuple[int, ...]


@dataclass(frozen=True)
class ArchReport:
    """One line of `ek zoo`; parameters and size are for the asked number of classes and side.

    weights: where pretrained weights would come from: installed, cached, hub (over the network) or none.
    unset: of options whose default stands for none, what it means.
    published: where it is listed for its ImageNet weights. Parameters, size and side are then theirs, with the
        classifier of 1000 classes.
    """

    arch: str
    parameters: int | None
    size_mb: float | None
    size_px: int | None
    help: str
    options: Mapping[str, Any]
    weights: str
    unset: Mapping[str, str] = field(default_factory=dict)
    published: PublishedWeights | None = None


@dataclass(frozen=True)
class ZooReport:
    """The architectures that `ek train --arch` knows."""

    classes: int
    archs: tuple[ArchReport, ...]
