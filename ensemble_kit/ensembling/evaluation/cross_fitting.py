"""How good a whole procedure is: redone inside every fold, scored where it never looked.

A procedure turns a pool into a `Tuned`; everything it chooses (views, temperatures,
weights, the best member) is chosen again without the rows it is scored on. The figure
on the rows that were tuned on is optimistic, and `optimism` says by how much. Never
knows what a procedure does. Row order cannot matter: rows are sorted by id first.

Source: Stone, "Cross-validatory choice and assessment of statistical predictions", 1974.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.evaluation.scored import Judged, judge
from ensemble_kit.ensembling.statistics import fold_of
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.types import Labels, Pool, Tuned

Procedure = Callable[[Pool], Tuned]
Rows = Int[np.ndarray, " _"]  # folds differ in size


class Split(NamedTuple):
    """A pool in two: the images to tune on, and those held out to score, which stand in `rows` of the pool."""

    repeat: int
    rows: Rows
    seen: Pool
    unseen: Pool


def cross_fit(pool: Pool, procedures: Mapping[str, Procedure], folds: int = 5, repeats: int = 4) -> dict[str, Judged]:
    """Return how each procedure does where it has not looked, all on the same folds.

    Args:
        procedures: by name, what is redone inside every fold, such as
            `lambda pool: tune(pool, "logit-sum", "auto", ["auto"] * 3)`.
        folds: parts, each held out once in a repeat; stratified, groups whole.
        repeats: how often the pool is split anew.

    Raises:
        BadDataError: the pool has no labels, or no images.
        InvalidOptionError: fewer than 2 folds, or fewer than 1 repeat.
    """
    parts: dict[str, list[tuple[Split, Judged]]] = {name: [] for name in procedures}
    for split in splits(pool, folds, repeats):
        for name, procedure in procedures.items():
            parts[name].append((split, judge(split.unseen, procedure(split.seen))))
    assert pool.labels is not None
    return {name: _joined(parts[name], repeats, pool.labels) for name in procedures}


def splits(pool: Pool, folds: int = 5, repeats: int = 4) -> Iterator[Split]:
    """Yield what is seen and what is held out, for every fold of every repeat that holds an image.

    Raises:
        BadDataError: the pool has no labels, or no images.
        InvalidOptionError: fewer than 2 folds, or fewer than 1 repeat.
    """
    if pool.labels is None or not len(pool.ids):
        raise BadDataError(f"Wanted labelled images for an honest estimate, got {len(pool.ids)} ids and no labels.")
    if folds < 2 or repeats < 1:
        raise InvalidOptionError(f"Wanted at least 2 folds and 1 repeat, got {folds} and {repeats}.")
    order = np.array(sorted(range(len(pool.ids)), key=pool.ids.__getitem__), dtype=np.int64)
    ordered, labels = pool.rows(order), pool.labels[order]
    for repeat in range(repeats):
        # the inner folds of `tune` are repeat 0 of their rows; these stand apart
        fold = fold_of(ordered.ids, labels, ordered.groups, folds, repeat=repeat + 1)
        for held_out in np.unique(fold):
            held = np.flatnonzero(fold == held_out)
            yield Split(repeat, order[held], ordered.rows(np.flatnonzero(fold != held_out)), ordered.rows(held))


def _joined(parts: Sequence[tuple[Split, Judged]], repeats: int, labels: Labels) -> Judged:
    """Return what was said fold by fold as one, each image by the fold that did not see it."""

    def whole(field: str) -> np.ndarray | None:
        said = [getattr(judged, field) for _, judged in parts]
        if any(one is None for one in said):
            return None
        array = np.zeros((repeats, len(labels)), dtype=said[0].dtype)
        for (split, _), one in zip(parts, said, strict=True):
            array[split.repeat, split.rows] = one[0]
        return array

    predicted = whole("predicted")
    assert predicted is not None
    return Judged(predicted, whole("log_prob"), labels, whole("confidence"), whole("squared"))


def optimism(tuned_accuracy: float, honest: Judged) -> float:
    """Return how much the accuracy on the tuned rows flatters, as a fraction."""
    return tuned_accuracy - honest.accuracy
