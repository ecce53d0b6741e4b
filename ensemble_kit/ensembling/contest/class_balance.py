"""Whether the classes of a submission come as often as val leads one to expect.

A mixed-up order of classes, a shifted index or another crop show here before any score does.
Never reads an image.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

DRAWS: Final = 9999
_SEED: Final = 3

PerClass = Int[np.ndarray, " classes"]


def balance_p(val: PerClass, predicted: PerClass) -> float:
    """Return how often chance alone makes two samples differ as much: the chi-square test of homogeneity.

    Both are dealt out anew 9,999 times from what they hold together, so that rare classes are counted
    rightly; seeded, so that it is the same every time. 1 where there is nothing to compare.

    Args:
        val: how many val images each class has.
        predicted: how many test images are said to be of each.

    Example:
        >>> balance_p(np.array([30, 30, 40]), np.array([31, 28, 41])) > 0.9
        True
        >>> balance_p(np.array([30, 30, 40]), np.array([60, 30, 10]))
        0.0001

    Source: Pearson, Philosophical Magazine 50, 1900; Hope, "A simplified Monte Carlo significance
    test procedure", JRSS B 30(3), 1968.
    """
    both = val + predicted
    seen = both > 0
    if not val.sum() or not predicted.sum() or seen.sum() < 2:
        return 1.0
    both = both[seen]
    share = predicted.sum() / both.sum()
    drawn = np.random.default_rng(_SEED).multivariate_hypergeometric(both, int(predicted.sum()), size=DRAWS)
    observed = _chi_square(predicted[seen][None], both, share)[0]
    extreme = int((_chi_square(drawn, both, share) >= observed * (1 - 1e-9)).sum())
    return (1 + extreme) / (1 + DRAWS)


def _chi_square(
    predicted: Int[np.ndarray, "draws seen"], both: Int[np.ndarray, " seen"], share: float
) -> Float[np.ndarray, " draws"]:
    """Return the statistic of each row, up to a factor that is the same for all."""
    wanted = both * share
    statistic: Float[np.ndarray, " draws"] = ((predicted - wanted) ** 2 / both).sum(axis=1)
    return statistic
