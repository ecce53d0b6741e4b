"""What each member adds to a blend, measured on images that its weights never saw.

The Shapley value of a game whose players are members and whose worth is accuracy: weights,
temperatures and views are found in the other folds, then every part of the blend is scored
on the fold that was held out. A lone guess of the most frequent class is worth the start.
"""

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.combining import calibrated, cast_prob, voting_of
from ensemble_kit.ensembling.diagnostics.shapley import Shapley, Subsets, shapley, subset_accuracies
from ensemble_kit.ensembling.evaluation import Procedure, splits
from ensemble_kit.types import Pool


def contributions(pool: Pool, procedure: Procedure, repeats: int = 4, exact_to: int = 8) -> Shapley:
    """Return each member's Shapley value in accuracy; they sum to the blend's gain over guessing.

    Args:
        procedure: what makes a blend from a pool; its weights stand in every part of it.
        exact_to: up to so many members every part is measured, beyond that a sample.

    Raises:
        BadDataError: the pool has no labels, or no images.
    """
    scored = []
    for split in splits(pool.ids, pool.labels, pool.groups, repeats=repeats):
        tuned, held = procedure(pool.fold(split.seen)), pool.rows(split.held)
        voting, logits = voting_of(tuned.method), calibrated(held, tuned)
        confidence = cast_prob(logits) if voting.unit == "votes" else None
        scored.append((voting.cast(logits), tuned.weights, held.labels, confidence))
    assert pool.labels is not None
    guess = float(np.bincount(pool.labels).max() / len(pool.labels))

    def worth(subsets: Subsets) -> Float[np.ndarray, " subsets"]:
        right = np.zeros(len(subsets))
        for votes, weights, labels, confidence in scored:
            assert labels is not None
            right += len(labels) * subset_accuracies(votes, weights, labels, subsets, guess, confidence)
        return right / (repeats * len(pool.ids))

    return shapley(worth, len(pool.members), exact_to)
