"""Which image is held out in which fold.

Stratified by class, groups whole, seeded by the sorted ids: the same images fall into
the same folds whatever order the rows stand in. Never reads a logit.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Int

from ensemble_kit.types import Labels

FOLDS: Final = 5  # of cross-fitting


def fold_of(
    ids: Sequence[str],
    labels: Labels,
    groups: Sequence[str] | None = None,
    folds: int = FOLDS,
    repeat: int = 0,
) -> Int[np.ndarray, " images"]:
    """Return the fold, 0 to folds - 1, in which each image is held out.

    Groups stay whole and count as their most frequent class (ties: the lowest); one group
    alone cannot be held out, so its images are dealt out one by one. Classes with fewer images
    than folds are dealt out together, unstratified.

    Args:
        repeat: another number, another split.

    Example:
        >>> ids, labels = ["a", "b", "c", "d"], np.array([0, 0, 1, 1])
        >>> fold = fold_of(ids, labels, folds=2)
        >>> bool(fold[0] != fold[1] and fold[2] != fold[3])
        True
        >>> bool((fold_of(ids[::-1], labels[::-1], folds=2) == fold[::-1]).all())
        True
    """
    if groups is not None and len(set(groups)) == 1:
        groups = None
    order = sorted(range(len(ids)), key=ids.__getitem__)
    units: dict[str, list[int]] = {}
    for row in order:
        units.setdefault(ids[row] if groups is None else groups[row], []).append(row)
    rows_of_unit = list(units.values()) if groups is None else [units[name] for name in sorted(units)]
    stratum = _strata(labels, rows_of_unit, folds)
    random = generator(ids, f"repeat {repeat}")
    shuffled = random.permutation(len(rows_of_unit))
    dealt = sorted(shuffled.tolist(), key=lambda unit: (stratum[unit], -len(rows_of_unit[unit])))
    return _deal(dealt, rows_of_unit, stratum, len(ids), folds)


def numbered(names: Sequence[str]) -> Int[np.ndarray, " images"]:
    """Return a number for each name: its place among the sorted distinct names.

    Example:
        >>> numbered(["b", "a", "b"])
        array([1, 0, 1])
    """
    number = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _strata(labels: Labels, rows_of_unit: Sequence[Sequence[int]], folds: int) -> list[int]:
    """Return the class that each unit counts as; -1 where its class is too small to stratify."""
    classes = int(labels.max()) + 1 if len(labels) else 0
    small = np.bincount(labels, minlength=classes) < folds
    majority = [int(np.bincount(labels[rows]).argmax()) for rows in rows_of_unit]
    return [-1 if small[label] else label for label in majority]


def generator(ids: Sequence[str], purpose: str) -> np.random.Generator:
    """Return a random generator that depends on the set of ids and the purpose alone."""
    digest = hashlib.sha256(purpose.encode())
    for image_id in sorted(ids):
        name = image_id.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(name) + name)
    return np.random.default_rng(int.from_bytes(digest.digest(), "big"))


def _deal(
    dealt: Sequence[int],
    rows_of_unit: Sequence[Sequence[int]],
    stratum: Sequence[int],
    images: int,
    folds: int,
) -> Int[np.ndarray, " images"]:
    """Give each unit to the fold with the fewest rows of its stratum, then the fewest rows."""
    fold = np.zeros(images, dtype=np.int64)
    total = [0] * folds
    of_stratum: dict[int, list[int]] = {}
    for unit in dealt:
        count = of_stratum.setdefault(stratum[unit], [0] * folds)
        chosen = min(range(folds), key=lambda f: (count[f], total[f]))
        rows = rows_of_unit[unit]
        fold[rows] = chosen
        count[chosen] += len(rows)
        total[chosen] += len(rows)
    return fold
