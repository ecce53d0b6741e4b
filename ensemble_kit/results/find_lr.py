"""What the learning-rate range test found."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FindLrReport:
    """Learning rates that a range test speaks for, and all that it saw, a number a step.

    steepest: where the smoothed loss (nats) falls fastest.
    lowest: where it is lowest; there the network is about to break.
    tenth: a tenth of that.
    recommended: which of them to train with.
    diverged: the loss grew out of bounds before the rates were through.
    plot: None where matplotlib is not installed.
    next: the command to type.
    """

    data: str
    arch: str
    recipe: str
    optimizer: str
    batch_size: int
    size_px: int
    steepest: float
    lowest: float
    tenth: float
    recommended: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: bool
    plot: Path | None
    next: str
