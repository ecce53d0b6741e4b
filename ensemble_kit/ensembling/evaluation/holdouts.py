"""Which images are held out, fold after fold and repeat after repeat.

As `honesty` splits a pool, for what is cross-fitted on one member: the same images fall
into the same folds. Never looks at a logit.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.evaluation.cross_fitting import splits
from ensemble_kit.types import Labels, Pool

MANY_IMAGES: Final = 5000  # from here on one repeat will do: how images fall into folds hardly matters
REPEATS: Final = 4

Rows = Int[np.ndarray, " _"]  # folds differ in size


class Holdout(NamedTuple):
    """The rows to tune on, and those held out to score, in one fold of a repeat."""

    repeat: int
    seen: Rows
    held: Rows


def repeats_of(images: int) -> int:
    """Return how often so many images are split into folds anew: 4 times, or once from 5,000 on."""
    return REPEATS if images < MANY_IMAGES else 1


def holdouts(ids: Sequence[str], labels: Labels, groups: Sequence[str] | None) -> Iterator[Holdout]:
    """Yield every fold of every repeat; 5 folds, stratified, groups whole.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> ids, labels = [f"{place:02d}" for place in range(11)], np.arange(11) % 2
        >>> folds = list(holdouts(ids, labels, None))
        >>> len(folds), sorted(np.concatenate([fold.held for fold in folds[:5]]).tolist()) == list(range(11))
        (20, True)
    """
    rows_alone = Pool((), (), (), tuple(ids), (), labels, None if groups is None else tuple(groups))
    for split in splits(rows_alone, repeats=repeats_of(len(ids))):
        yield Holdout(split.repeat, np.delete(np.arange(len(ids)), split.rows), split.rows)
