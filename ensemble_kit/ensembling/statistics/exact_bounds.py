"""What share can be promised, given how many of some images were lost. Exact, one-sided, 95 %.

Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the
case of the binomial", Biometrika 26(4), 1934.
"""

import math
from typing import Final

import numpy as np

RISK: Final = 0.05  # that an upper bound does not hold


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
    if lost == 0:
        return 1 - math.pow(RISK, 1 / total)  # as below, without the tenth of a second that SciPy takes to load
    from scipy.special import betaincinv

    return float(betaincinv(lost + 1, total - lost, 1 - RISK))


def most_lost(total: int, loss: float) -> int:
    """Return how many of `total` may be lost so that the upper bound is at most `loss`; -1: not even none.

    Example:
        >>> [most_lost(total, 0.01) for total in (298, 299, 3000)]
        [-1, 0, 20]
    """
    from scipy.special import bdtr

    so_few = bdtr(np.arange(math.ceil(loss * total) + 1), total, loss)  # the chance that 0, 1, ... or fewer are lost
    return int(np.count_nonzero(so_few <= RISK)) - 1
