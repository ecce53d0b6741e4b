"""How far a score may be from the truth: its standard error, of images or of whole groups, however few.

A score is moved by each of its images (`metrics.influences`); it varies as the sum of what independent units move it
by: images, or groups. Of few groups even that is hardly known, so Student's t takes the place of the normal law.
Several repeats of cross-fitting differ because weights vary with the images that they are found on, which adds to
the error. Never knows what is scored.

Sources: standard error of few groups: Bell and McCaffrey, "Bias reduction in standard errors for linear
regression with multi-stage samples", Survey Methodology 28(2), 2002. The share of the weights: own, see `_of_weights`.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.statistics.folds import FOLDS, numbered
from ensemble_kit.ensembling.statistics.paired_tests import POWER
from ensemble_kit.verdicts import LEVEL

MANY_GROUPS: Final = 1000  # from here on the degrees of freedom are those of groups of one size

Influences = Float[np.ndarray, "repeats images"]


class Spread(NamedTuple):
    """The standard error of a score, and the degrees of freedom by which it is known; of a lone group: infinite, 0."""

    standard_error: float
    degrees_of_freedom: float

    @property
    def half_width(self) -> float:
        """How far 95 % reach to either side."""
        if self.standard_error in (0.0, math.inf):
            return self.standard_error
        return self.standard_error * self.quantile

    @property
    def quantile(self) -> float:
        """How many standard errors 95 % reach to either side: 1.96 of many images, 3.18 of 4 equal groups."""
        from scipy.special import stdtrit

        return float(stdtrit(self.degrees_of_freedom, 1 - LEVEL / 2))

    def smallest(self, level: float = LEVEL) -> float:
        """Return the smallest difference that a two-sided t test at a level finds in 80 % of sets like this one.

        Example:
            >>> round(Spread(1.0, 300.0).smallest(), 2), round(Spread(1.0, 3.0).smallest(), 2)  # many images; 4 groups
            (2.81, 4.26)
        """
        if self.standard_error in (0.0, math.inf):
            return self.standard_error
        from scipy.special import nctdtrinc, stdtrit

        sure = stdtrit(self.degrees_of_freedom, 1 - level / 2)
        return float(nctdtrinc(self.degrees_of_freedom, 1 - POWER, sure)) * self.standard_error

    def p_value(self, difference: float) -> float:
        """Return the two-sided p-value of a difference from 0, as exact as the interval: 0.05 where it ends at 0."""
        if not difference or not math.isfinite(self.standard_error):
            return 1.0
        if not self.standard_error:
            return 0.0
        from scipy.special import stdtr

        return 2 * float(stdtr(self.degrees_of_freedom, -abs(difference) / self.standard_error))


def spread(influences: Influences, groups: Sequence[str] | None) -> Spread:
    """Return how far a score may be from the truth.

    Args:
        influences: by how much each image moves the score, in every repeat; of a difference of scores their difference.

    Example:
        >>> right = np.array([[1.0, 1.0, 1.0, 0.0]])
        >>> found = spread((right - right.mean()) / 4, None)  # s / sqrt(n) = 0.5 / 2
        >>> found.standard_error, found.degrees_of_freedom
        (0.25, 3.0)
    """
    moved, sizes = _of_units(influences, groups)
    units = len(sizes)
    if units < 2:
        return Spread(math.inf, 0.0)
    share = sizes / sizes.sum()
    known = 1 / (1 - share)  # a large group draws the mean to itself, and seems to vary less
    variance = float((known * moved.mean(axis=0) ** 2).sum())
    return Spread(math.sqrt(variance + _of_weights(moved)), _freedom(share, known, groups is None))


def _of_units(
    influences: Influences, groups: Sequence[str] | None
) -> tuple[Float[np.ndarray, "repeats units"], Int[np.ndarray, " units"]]:
    """Return by how much each unit moves the score, and how many images it is."""
    if groups is None:
        return influences, np.ones(influences.shape[1], dtype=np.int64)
    place = numbered(groups)
    sizes = np.bincount(place)
    return np.array([np.bincount(place, weights=row, minlength=len(sizes)) for row in influences]), sizes


def _of_weights(moved: Float[np.ndarray, "repeats units"]) -> float:
    """Return the variance that comes of weights varying with the images on which they are found.

    Two repeats leave a unit out together with others, and the rest of what they see is the same: they show a part of
    that variance, of many units a fifth. Where each fold is one group they show none.
    """
    units = len(moved.T)
    if len(moved) < 2 or units <= FOLDS:
        return 0.0
    shown = (units / FOLDS - 1) / (units - 1)
    return float(moved.var(axis=0, ddof=1).sum()) / shown


def _freedom(share: Float[np.ndarray, " units"], known: Float[np.ndarray, " units"], alike: bool) -> float:
    """Return the degrees of freedom of the variance: units - 1 where all are of one size, less where few are most.

    Groups are taken to vary by their size to the power of 1.5, between images that have nothing in common and
    images that all are alike.
    """
    if alike or len(share) >= MANY_GROUPS:
        return float(len(share) - 1)
    varies = share**1.5
    covariance = np.diag(varies) - np.outer(share, varies) - np.outer(varies, share)
    covariance += np.outer(share, share) * varies.sum()
    weighed = known[:, None] * covariance
    trace, squares = float(np.trace(weighed)), float((weighed * weighed.T).sum())
    return trace * trace / squares
