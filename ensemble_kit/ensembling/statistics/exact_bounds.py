"""What share can be promised, given how many of some images were lost. Exact, one-sided, 95 %.

Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the
case of the binomial", Biometrika 26(4), 1934.
"""

import math
from typing import Final

import numpy as np
from jaxtyping import Float

RISK: Final = 0.05  # that an upper bound does not hold
_HALVINGS: Final = 60


def upper_bound(lost: int, total: int) -> float:
    """Return the share that is exceeded by no more than chance, one-sided, 95 %.

    Args:
        lost: how many of `total` images.

    Example:
        >>> round(upper_bound(0, 300), 4), upper_bound(7, 7)  # nearly 3 / 300
        (0.0099, 1.0)

    Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26(4), 1934.
    """
    if lost >= total:
        return 1.0
    low, high = lost / total, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _chances(lost, total, middle)[-1] > RISK else (low, middle)
    return high


def most_lost(total: int, loss: float) -> int:
    """Return how many of `total` may be lost so that the upper bound is at most `loss`; -1: not even none.

    Example:
        >>> [most_lost(total, 0.01) for total in (298, 299, 3000)]
        [-1, 0, 20]
    """
    return int(np.count_nonzero(_chances(math.ceil(loss * total), total, loss) <= RISK)) - 1


def _chances(most: int, total: int, share: float) -> Float[np.ndarray, " counts"]:
    """Return the chance that 0, 1, ... or fewer are lost, up to `most`, where each is with chance `share`."""
    number = np.arange(1, most + 1)
    steps = np.log((total + 1 - number) / number) + math.log(share / (1 - share)) if most else np.zeros(0)
    logs = total * math.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    summed: Float[np.ndarray, " counts"] = np.cumsum(np.exp(logs))
    return summed
