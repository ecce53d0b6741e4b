"""Whether pictures may be mirrored, found out in seconds from the features of train alone."""

from collections.abc import Sequence
from math import comb
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.folds import fold_of

FOLDS: Final = 4  # fitted on three quarters, looked at the last
PENALTY: Final = 0.1


class FlipsHarm(NamedTuple):
    """How a probe that never saw a mirrored picture does on held-out pictures, as they are and mirrored.

    as_is, mirrored: accuracies in [0, 1], on so many `images`.
    only_as_is, only_mirrored: pictures that are right in one way alone.
    p: exact one-sided McNemar test; small: mirroring does harm.
    """

    as_is: float
    mirrored: float
    images: int
    only_as_is: int
    only_mirrored: int
    p: float


def flips_harm(
    features_train: Float[np.ndarray, "images features"],
    features_train_flipped: Float[np.ndarray, "images features"],
    labels: Int[np.ndarray, " images"],
    ids: Sequence[str],
    groups: Sequence[str] | None = None,
    penalty: float = PENALTY,
) -> FlipsHarm:
    """Return how much mirroring a picture changes what it shows.

    A linear probe is fitted on three quarters of the pictures, as they are, and looks at the last
    quarter as it is and mirrored. A small p speaks against mirroring; a large one says little: networks
    that were themselves trained on mirrored pictures hardly tell left from right, and where train holds
    near copies of a picture (frames of one sign) without `groups`, the copy is recognised either way. On
    arrows of traffic signs (EfficientNet-Lite0, 96 px) p was 0.1, though left and right are classes.

    Args:
        ids: decide, with `labels` and `groups` (kept whole), who is held out; row order does not.
        penalty: of the probe, see `training.probe.fit_affine`.

    Raises:
        BadDataError: features that are not finite.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions",
        Psychometrika 12, 1947; exact and one-sided.
    """
    from ensemble_kit.training.probe import fit_affine

    held = fold_of(ids, labels, groups, folds=FOLDS) == 0
    probe = fit_affine(features_train[~held], labels[~held], int(labels.max()) + 1, penalty)
    right, right_mirrored = (
        probe.logits(features[held]).argmax(axis=1) == labels[held]
        for features in (features_train, features_train_flipped)
    )
    lost, won = int((right & ~right_mirrored).sum()), int((right_mirrored & ~right).sum())
    return FlipsHarm(
        as_is=float(right.mean()),
        mirrored=float(right_mirrored.mean()),
        images=int(held.sum()),
        only_as_is=lost,
        only_mirrored=won,
        p=at_least(lost, lost + won),
    )


def at_least(heads: int, tosses: int) -> float:
    """Return the probability of so many heads or more, of a fair coin.

    Example:
        >>> at_least(2, 3), at_least(0, 0)
        (0.5, 1.0)
    """
    return float(sum(comb(tosses, one) for one in range(heads, tosses + 1)) / 2**tosses)
