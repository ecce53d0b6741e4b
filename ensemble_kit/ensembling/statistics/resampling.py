"""The same images drawn again, or swapped between two sides: chance, made repeatable.

Groups are drawn and swapped whole. Everything is seeded by the set of ids, so the order
of rows cannot matter and a figure is the same every time. Never reads a prediction.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.statistics.folds import generator, numbered

RESAMPLES: Final = 2000


def resamples(ids: Sequence[str], groups: Sequence[str] | None = None) -> Iterator[Int[np.ndarray, " images"]]:
    """Yield, 2000 times, how often each image counts when images or whole groups are drawn anew.

    Example:
        >>> {int(counts.sum()) for counts in resamples(["a", "b", "c"])}  # three are drawn each time
        {3}

    Source: Efron, "Bootstrap methods", Annals of Statistics 7(1), 1979.
    """
    unit = numbered(ids if groups is None else groups)
    units = int(unit.max()) + 1
    random = generator(ids, "resamples")
    for _ in range(RESAMPLES):
        yield np.bincount(random.integers(units, size=units), minlength=units)[unit]


def swaps(ids: Sequence[str], groups: Sequence[str] | None = None) -> Iterator[Bool[np.ndarray, " images"]]:
    """Yield, 2000 times, which images change sides when a coin is tossed for each, or each group."""
    unit = numbered(ids if groups is None else groups)
    units = int(unit.max()) + 1
    random = generator(ids, "swaps")
    for _ in range(RESAMPLES):
        yield random.integers(2, size=units).astype(np.bool_)[unit]


def percentiles(values: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """Return the middle 95 % of what the resamples gave."""
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))
