"""Labels that may be wrong, how many of them are, and when nothing can be said.

Of the labels a share is taken to be wrong, and those to be any other class alike. Chances that mean what they say are
wrong about a right label as often as they claim; wrong labels have already blunted them, for they were made to fit
those too. So the share, and how far the chances are to be sharpened again, are weighed together, by the likelihood of
the labels over a grid of both. A label is suspected where it is then likelier wrong than right. A weak network
is often wrong, and knows it, so little is left for its labels to be wrong about; networks that are sure and wrong of
hard images look like wrong labels, so a suspicion is a reason to look, never a proof. Probabilities must be of
networks that did not learn from the labels, nor a blend from them: cross-fitted.

Source: own; the noise is that of Natarajan et al., "Learning with noisy labels", NeurIPS 2013.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, Scores

SHARPENINGS: Final = np.geomspace(1 / 3, 8.0, 40)  # powers of the probabilities, all as likely beforehand
SHARES: Final = np.concatenate([[0.0], np.geomspace(0.002, 0.4, 40)])  # of the labels
NONE: Final = 2 / 3  # how likely no label is wrong beforehand; the other shares are alike
MOST_IMAGES: Final = 5000  # that decide about both
_LEAST: Final = 1e-12  # of a probability
_LIGHT: Final = 1e-5  # what weighs less is passed over

PerImage = Float[np.ndarray, " images"]
Grid = Float[np.ndarray, "sharpenings shares"]


class Suspected(NamedTuple):
    """Images whose label is likelier wrong than right, the least believable first.

    rows: of the images; suggested: the class that each likely shows.
    chance: that the label of each is wrong, above one half.
    noise, noise_interval: the share of all labels that is wrong: its mean, and where it lies with 95 %.
    """

    rows: Int[np.ndarray, " suspected"]
    suggested: Int[np.ndarray, " suspected"]
    chance: Float[np.ndarray, " suspected"]
    noise: float
    noise_interval: tuple[float, float]

    @property
    def expected(self) -> float:
        """How many of those suspected are expected to be wrong."""
        return float(self.chance.sum())


def find_label_errors(probabilities: Scores, labels: Labels) -> Suspected:
    """Return the images whose label is likelier wrong than right.

    Args:
        probabilities: of images whose labels they were not found with.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> odds = np.exp(5 * np.random.default_rng(0).normal(size=(300, 4)))
        >>> labels = odds.argmax(axis=1)
        >>> labels[:5] = (labels[:5] + 1) % 4
        >>> found = find_label_errors(odds / odds.sum(axis=1, keepdims=True), labels)
        >>> sorted(found.rows.tolist()), round(found.expected, 1), round(found.noise, 2)
        ([0, 1, 2, 3, 4], 5.0, 0.02)
    """
    check_some(labels)
    weights = _weights(probabilities, labels)
    chance = np.zeros(len(labels))
    for sharpening, there in zip(SHARPENINGS, weights, strict=True):
        if there.sum() > _LIGHT:
            chance += _chance_of_wrong(_of_labels(probabilities, labels, sharpening), there, probabilities.shape[1])
    rows = np.flatnonzero(chance > 0.5)
    rows = rows[np.argsort(-chance[rows], kind="stable")]
    others = probabilities[rows].copy()
    others[np.arange(len(rows)), labels[rows]] = -np.inf
    shares = weights.sum(axis=0)
    low, high = np.searchsorted(shares.cumsum(), (0.025, 0.975)).clip(0, len(SHARES) - 1)
    return Suspected(
        rows, others.argmax(axis=1), chance[rows], float(shares @ SHARES), (float(SHARES[low]), float(SHARES[high]))
    )


def _weights(probabilities: Scores, labels: Labels) -> Grid:
    """Return how likely each sharpening is together with each share of wrong labels, given the labels; sums to 1."""
    if len(labels) > MOST_IMAGES:
        rows = np.linspace(0, len(labels) - 1, MOST_IMAGES).round().astype(np.int64)
        probabilities, labels = probabilities[rows], labels[rows]
    others = max(probabilities.shape[1] - 1, 1)
    logs = np.empty((len(SHARPENINGS), len(SHARES)))
    for place, sharpening in enumerate(SHARPENINGS):
        right = _of_labels(probabilities, labels, sharpening)[:, None]
        logs[place] = np.log((1 - SHARES) * right + SHARES * (1 - right) / others).sum(axis=0)
    before = np.concatenate([[NONE], np.full(len(SHARES) - 1, (1 - NONE) / (len(SHARES) - 1))])
    likely = np.exp(logs - logs.max()) * before
    weights: Grid = likely / likely.sum()
    return weights


def _of_labels(probabilities: Scores, labels: Labels, sharpening: float) -> PerImage:
    """Return the probability of each label after all were raised to a power."""
    logs = sharpening * np.log(np.maximum(probabilities, _LEAST))
    logs -= logs.max(axis=1, keepdims=True)
    chances = np.exp(logs)
    of_labels: PerImage = np.maximum(chances[np.arange(len(labels)), labels] / chances.sum(axis=1), _LEAST)
    return of_labels


def _chance_of_wrong(of_labels: PerImage, weights: Float[np.ndarray, " shares"], classes: int) -> PerImage:
    """Return how likely each label is wrong at one sharpening, summed over shares by their weights."""
    chance = np.zeros(len(of_labels))
    for share, weight in zip(SHARES, weights, strict=True):
        if weight > _LIGHT / len(SHARES):
            wrong = share * (1 - of_labels) / max(classes - 1, 1)
            chance += weight * wrong / (wrong + (1 - share) * of_labels)
    return chance
