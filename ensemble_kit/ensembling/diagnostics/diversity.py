"""How different members are: who is right where, and who is nearly the same network.

Members that err on other images than one another have something to give to a blend; good
ones err on fewer images, so look at diversity beside accuracy, never alone. Near
duplicates are another matter: two networks whose logits are the same pattern but for
scale and a little noise, so that a blend counts one opinion twice. Never fits anything.
To add a measure: a field in `Margins` and in `PairMeans`, a line in `diversity`.

Source: Kuncheva and Whitaker, "Measures of diversity in classifier ensembles and their
relationship with the ensemble accuracy", Machine Learning 51, 2003.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, MemberLogits

Predicted = Int[np.ndarray, "members images"]
PerPair = Float[np.ndarray, "members members"]

NEARLY_THE_SAME: Final = 0.95
"""Measured on five small sets: other seeds reach 0.90, other training from the same start 0.93; the
last two epochs of a run that ends slowly begin at 0.96, noise of 1 % of the logits gives 0.999."""


class Margins(NamedTuple):
    """What holds between two members; all symmetric, NaN where nothing can be said.

    disagreement: the share of images that one has right and the other wrong.
    different_class: the share of images to which they give different classes; two wrong
        classes may differ too, so no less than the disagreement.
    double_fault: the share of images that both have wrong.
    q: Yule's Q of being right: 1 the same images, 0 unrelated, -1 opposite ones; NaN where
        both products are 0, as where one of two is always right.
    correlation: of being right or wrong, from -1 to 1; NaN where one is always right or
        always wrong.
    """

    disagreement: PerPair
    different_class: PerPair
    double_fault: PerPair
    q: PerPair
    correlation: PerPair


class PairMeans(NamedTuple):
    """The means of `Margins` over pairs of which something can be said; None without any."""

    disagreement: float | None
    different_class: float | None
    double_fault: float | None
    q: float | None
    correlation: float | None


class Diversity(NamedTuple):
    """How good members are, and how different.

    accuracy: mean over the members.
    oracle: the share of images that at least one member has right.
    """

    accuracy: float
    oracle: float
    pairs: Margins
    means: PairMeans


class Duplicate(NamedTuple):
    """Two members that are nearly the same network, and how alike their logits are."""

    first: int
    second: int
    correlation: float


def diversity(predicted: Predicted, labels: Labels) -> Diversity:
    """Return how good members are, and how different from one another.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> labels = np.array([0, 1, 2, 0, 1])
        >>> found = diversity(np.array([[0, 1, 2, 1, 2], [0, 1, 1, 0, 0]]), labels)
        >>> found.accuracy, found.oracle
        (0.6, 0.8)
        >>> found.means.disagreement, found.means.different_class, found.means.double_fault
        (0.4, 0.6, 0.2)

    Source: Kuncheva and Whitaker, Machine Learning 51, 2003; the disagreement is Skalak's
    and Ho's, the double fault Giacinto's and Roli's.
    """
    check_some(labels)
    correct = predicted == labels
    pairs = _pairs(predicted, correct.astype(np.float64))
    return Diversity(
        accuracy=float(correct.mean()),
        oracle=float(correct.any(axis=0).mean()),
        pairs=pairs,
        means=PairMeans(*map(pair_mean, pairs)),
    )


def pair_mean(matrix: PerPair) -> float | None:
    """Return the mean over pairs of different members, NaN left out; None where none is left.

    Example:
        >>> nan = float("nan")
        >>> pair_mean(np.array([[1.0, 0.5, nan], [0.5, 1.0, 0.0], [nan, 0.0, 1.0]]))
        0.25
        >>> pair_mean(np.array([[1.0]])) is None
        True
    """
    values = matrix[np.triu_indices(len(matrix), k=1)]
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def near_duplicates(logits: MemberLogits, threshold: float = NEARLY_THE_SAME) -> list[Duplicate]:
    """Return the pairs of members whose logits are the same pattern, the most alike first.

    Finds a network that was added again, rounded, scaled, or trained a little further with a
    small step. Not always one that comes back as probabilities of four or six digits: where
    they are 0, the pattern is gone.

    Args:
        logits: of any scale and temperature, float16 and float32 too.
        threshold: the least correlation of a duplicate.

    Example:
        >>> random = np.random.default_rng(0)
        >>> one, other = random.normal(size=(2, 7, 3))
        >>> [found] = near_duplicates(np.stack([one, other, one.astype(np.float16) / 2]))
        >>> found.first, found.second, round(found.correlation, 3)
        (0, 2, 1.0)

    Source: own.
    """
    alike = pattern_correlation(logits)
    first, second = np.nonzero(np.triu(alike >= threshold, k=1))
    found = [Duplicate(int(i), int(j), float(alike[i, j])) for i, j in zip(first, second, strict=True)]
    return sorted(found, key=lambda each: (-each.correlation, each.first, each.second))


def pattern_correlation(logits: MemberLogits) -> PerPair:
    """Return how alike the logits of two members are, apart from being right.

    The correlation, over images and classes, of logits centred over the classes. The n
    images of a class, as most members see it, first lose n / (n + 1) of their mean: else two
    good members on an easy set would pass for one. NaN for a member whose logits say nothing.

    Example:
        >>> logits = np.random.default_rng(0).normal(size=(2, 101, 5))
        >>> pattern_correlation(np.concatenate([logits, 3 * logits[:1] - 1])).round(1) + 0.0
        array([[1., 0., 1.],
               [0., 1., 0.],
               [1., 0., 1.]])

    Source: own.
    """
    seen = _majority(logits.argmax(axis=2), logits.shape[2])
    products = np.zeros((len(logits), len(logits)))
    for one_class in np.unique(seen):
        rows = logits[:, seen == one_class].astype(np.float64)
        rows -= rows.mean(axis=2, keepdims=True)
        images = rows.shape[1]
        rows -= rows.mean(axis=1, keepdims=True) * images / (images + 1)
        flat = rows.reshape(len(rows), -1)
        products += flat @ flat.T
    size = np.sqrt(products.diagonal())
    return _ratio(products, size * size[:, None])


def _majority(predicted: Predicted, classes: int) -> Int[np.ndarray, " images"]:
    """Return the class that most members give each image (ties: the lowest class index)."""
    agreeing = np.array([(predicted == member).sum(axis=0) for member in predicted])
    chosen = (agreeing * classes - predicted).argmax(axis=0)
    seen: Int[np.ndarray, " images"] = predicted[chosen, np.arange(predicted.shape[1])]
    return seen


def _pairs(predicted: Predicted, correct: Float[np.ndarray, "members images"]) -> Margins:
    """Return the measures of every pair from the four counts of who is right."""
    wrong, images = 1.0 - correct, correct.shape[1]
    both, neither, first_only = correct @ correct.T, wrong @ wrong.T, correct @ wrong.T
    second_only = first_only.T
    ahead, against = both * neither, first_only * second_only
    right = correct.sum(axis=1)
    spread = np.sqrt(right * (images - right))
    return Margins(
        disagreement=(first_only + second_only) / images,
        different_class=np.array([(predicted != member).mean(axis=1) for member in predicted]),
        double_fault=neither / images,
        q=_ratio(ahead - against, ahead + against),
        correlation=_ratio(ahead - against, spread * spread[:, None]),
    )


def _ratio(above: PerPair, below: PerPair) -> PerPair:
    """Return the quotient, NaN where the divisor is 0."""
    ratio: PerPair = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return ratio
