"""One fold of the training images held out: what a network learns from, and what it is asked about afterwards.

Folds are stratified by class, keep groups whole and depend on the ids and the split seed alone, so
that every family of members is dealt the same ones, whatever the order of rows or classes. Nothing
is decoded anew, and val and test stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.statistics import fold_of, numbered
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import Split, fingerprint
from ensemble_kit.pipeline.inputs.images import DecodedImages
from ensemble_kit.splits import OOF

FEWEST: Final = 2


def folded(decoded: DecodedImages, folds: int, fold: int, split_seed: int) -> DecodedImages:
    """Return the images with one fold of train held out as the split `oof`.

    Args:
        folds: parts of train, each to be held out once.
        fold: the one that is held out here, from 1.
        split_seed: another number, other folds.

    Raises:
        InvalidOptionError: numbers that cannot be, fewer images of a class or fewer groups than
            folds, or a class that would be missing from what is learnt.

    Source: Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.
    """
    train = decoded.split("train")
    dealt = _dealt(train, decoded.data.classes, folds, fold, split_seed)
    splits, images = dict(decoded.data.splits), dict(decoded.images)
    digests, marks = dict(decoded.digests), dict(decoded.fingerprints)
    for name, rows in (("train", np.flatnonzero(dealt != fold)), (OOF, np.flatnonzero(dealt == fold))):
        splits[name] = train.rows(rows)
        images[name] = decoded.images["train"][rows]
        digests[name] = tuple(decoded.digests["train"][row] for row in rows)
        marks[name] = fingerprint(splits[name], digests[name], decoded.data.classes)
    data = replace(decoded.data, splits=splits)
    return replace(decoded, data=data, images=images, digests=digests, fingerprints=marks)


def _dealt(train: Split, classes: Sequence[str], folds: int, fold: int, split_seed: int) -> Int[np.ndarray, " images"]:
    """Return the fold of each image, from 1.

    Raises:
        InvalidOptionError: see `folded`.
    """
    if train.labels is None:
        raise InvalidOptionError("Only labelled training images can be folded.")
    if folds < FEWEST or not 1 <= fold <= folds:
        raise InvalidOptionError(
            f"Wanted {FEWEST} folds or more and one of them, from 1, got --folds {folds} --fold {fold}."
        )
    names = [classes[label] for label in train.labels]
    labels = numbered(names)  # by name, so that the order of classes cannot matter
    _check_enough(sorted(set(names)), labels, train.groups, folds)
    dealt = 1 + fold_of(train.ids, labels, train.groups, folds, repeat=split_seed)
    for place, name in enumerate(sorted(set(names))):
        if len(set(dealt[labels == place].tolist())) == 1:
            raise InvalidOptionError(
                f"--folds {folds}: all images of '{name}' fall into one fold, since groups stay whole, so the "
                "network without it would never see one. Take another --split-seed, or bring more groups of it."
            )
    return dealt


def _check_enough(
    names: Sequence[str], labels: Int[np.ndarray, " images"], groups: Sequence[str] | None, folds: int
) -> None:
    """Raise unless every fold can have an image of each class, and a group."""
    counts = np.bincount(labels)
    if counts.min() < folds:
        raise InvalidOptionError(
            f"--folds {folds}: '{names[int(counts.argmin())]}' has {counts.min()} training images; wanted at least "
            "one a fold. Take fewer folds, or add images."
        )
    if groups is not None and len(set(groups)) < folds:
        raise InvalidOptionError(
            f"--folds {folds}: the training images are of {len(set(groups))} groups, which stay whole; wanted at "
            "least one a fold. Take fewer folds."
        )
