"""What a blend and its baselines are worth, as the blend's file keeps it: flat, by the names of `KEPT`."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from ensemble_kit.results import EQUAL, KEPT, BaselineFigures, BlendFigures, Estimates, Gain


def figures_to_json(estimates: Estimates) -> dict[str, Any]:
    """Return the figures that a blend's file keeps."""
    return {key: attrgetter(path)(estimates) for key, path in KEPT.items()}


def figures_from_json(figures: Mapping[str, Any]) -> Estimates | None:
    """Return what a blend's file keeps; None where it was written before all of these were kept."""
    if any(key not in figures for key in KEPT):
        return None
    held: dict[str, dict[str, Any]] = {}
    for key, path in KEPT.items():
        part, _, name = path.rpartition(".")
        value = figures[key]
        held.setdefault(part, {})[name] = tuple(value) if isinstance(value, list) else value
    return Estimates(
        this=BlendFigures(**held["this"]),
        equal=BaselineFigures(name=EQUAL, gain=Gain(**held["equal.gain"]), **held["equal"]),
        best_single=BaselineFigures(gain=Gain(**held["best_single.gain"]), **held["best_single"]),
    )
