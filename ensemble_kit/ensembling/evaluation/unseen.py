"""What a whole procedure says of each image, probabilities of all classes too, where it has not looked.

As `honesty` judges it, on the same folds; for what wants more than who is right: which classes
are confused, and which labels are doubtful. Never knows what a procedure does.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.combining import probabilities
from ensemble_kit.ensembling.evaluation.cross_fitting import Procedure, splits
from ensemble_kit.ensembling.evaluation.scored import Judged, judge
from ensemble_kit.types import Pool, Scores, Tuned


class Unseen(NamedTuple):
    """What was said of images, in the pool's row order.

    judged: beside the truth, for every repeat.
    shares: probabilities, of votes the shares; means over repeats.
    winner: the class that most repeats gave (ties: the larger share, then the lower class).
    """

    judged: Judged
    shares: Scores
    winner: Int[np.ndarray, " images"]


def say_unseen(pool: Pool, procedure: Procedure, repeats: int, whole: Pool | None = None) -> Unseen:
    """Return what a procedure says of each image from the folds that do not hold it.

    Args:
        whole: the same images with all their classes, where `pool` was condensed to be tuned on.

    Raises:
        BadDataError: the pool has no labels, or no images.
    """
    everything = whole or pool
    assert everything.labels is not None
    said: dict[str, np.ndarray] = {}
    shares = np.zeros((len(everything.ids), len(everything.classes)))
    for split in splits(pool, repeats=repeats):
        tuned = procedure(split.seen)
        held = everything.rows(split.rows)
        shares[split.rows] += probabilities(held, tuned) / repeats
        for name, values in vars(judge(held, tuned)).items():
            if name != "labels" and values is not None:
                there = said.setdefault(name, np.zeros((repeats, len(everything.ids)), values.dtype))
                there[split.repeat, split.rows] = values[0]
    judged = Judged(
        said["predicted"], said.get("log_prob"), everything.labels, said.get("confidence"), said.get("squared")
    )
    return Unseen(judged, shares, _winner(judged, shares))


def say_as_it_is(pool: Pool, tuned: Tuned) -> Unseen:
    """Return what numbers that were found elsewhere say of each image.

    Raises:
        BadDataError: the pool has no labels.
    """
    judged, shares = judge(pool, tuned), probabilities(pool, tuned)
    return Unseen(judged, shares, judged.predicted[0])


def _winner(judged: Judged, shares: Scores) -> Int[np.ndarray, " images"]:
    votes = np.zeros(shares.shape, dtype=np.int64)
    for predicted in judged.predicted:
        votes[np.arange(len(predicted)), predicted] += 1
    leading = votes == votes.max(axis=1, keepdims=True)
    winner: Int[np.ndarray, " images"] = np.where(leading, shares, -np.inf).argmax(axis=1)
    return winner
