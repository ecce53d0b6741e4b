"""Labels that are likely wrong, by confident learning.

A class is said confidently of an image where its probability reaches the mean that the images
labelled so have. An image that is confidently said to be of another class than its label, and whose
label is not the likeliest class, is suspected. Probabilities must be of networks that did not learn from the labels,
nor a blend from them: cross-fitted. A suspicion is a reason to look, never a proof.

Source: Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70,
2021; the rule is cleanlab's `filter_by="confident_learning"`.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, Scores

PerClass = Float[np.ndarray, " classes"]
_ROUNDING: Final = 1e-6  # by so much a probability may fall short of a threshold
_TIE: Final = 1e-7  # by more than so much a label must be behind the likeliest class


class Suspected(NamedTuple):
    """Images whose label is likely wrong, the least believable label first.

    rows: of the images; suggested: the class that each likely shows.
    """

    rows: Int[np.ndarray, " suspected"]
    suggested: Int[np.ndarray, " suspected"]


def find_label_errors(probabilities: Scores, labels: Labels) -> Suspected:
    """Return the images whose label is likely wrong.

    Args:
        probabilities: of images whose labels they were not found with.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> found = find_label_errors(chances, np.array([0, 0, 1, 1, 1]))
        >>> found.rows.tolist(), found.suggested.tolist()
        ([4], [0])

    Source: Northcutt et al., JAIR 70, 2021.
    """
    check_some(labels)
    confident = probabilities >= thresholds(probabilities, labels) - _ROUNDING
    several = confident.sum(axis=1) > 1
    likely = np.where(several, probabilities.argmax(axis=1), confident.argmax(axis=1))
    of_label = probabilities[np.arange(len(labels)), labels]
    behind = of_label + _TIE < probabilities.max(axis=1)
    rows = np.flatnonzero(confident.any(axis=1) & (likely != labels) & behind)
    rows = rows[np.argsort(of_label[rows], kind="stable")]
    return Suspected(rows, likely[rows])


def thresholds(probabilities: Scores, labels: Labels) -> PerClass:
    """Return for each class the mean probability that the images labelled so give it; infinite without any.

    Example:
        >>> thresholds(np.array([[0.5, 0.25, 0.25], [0.75, 0.25, 0.0], [0.5, 0.5, 0.0]]), np.array([0, 0, 1]))
        array([0.625, 0.5  ,   inf])
    """
    classes = probabilities.shape[1]
    there = np.bincount(labels, minlength=classes)
    total = np.bincount(labels, weights=probabilities[np.arange(len(labels)), labels], minlength=classes)
    means: PerClass = np.divide(total, there, out=np.full(classes, np.inf), where=there > 0)
    return means
