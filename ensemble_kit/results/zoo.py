"""Which architectures there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ArchReport:
    """One line of `ek zoo`; parameters and size are for the asked number of classes and side.

    weights: where pretrained weights would come from: installed, cached, hub (over the network) or none.
    """

    arch: str
    parameters: int | None
    size_mb: float | None
    size_px: int | None
    help: str
    options: Mapping[str, Any]
    weights: str


@dataclass(frozen=True)
class ZooReport:
    """The architectures that `ek train --arch` knows."""

    classes: int
    archs: tuple[ArchReport, ...]
