"""How many members, drawn at random, a blend is worth: its deep-ensemble equivalent.

The yardstick is a curve: how likely the labels are under the equal blend (mean of
probabilities) of k members drawn without replacement, on average, for every k. A blend is
worth the k at which the curve reaches its own log-likelihood. Every log-likelihood here is
calibrated: the scores are divided by a temperature found on other rows than they are
scored on, since a sharper blend is no better one. Never sees how a blend was made.

Source: Ashukha et al., "Pitfalls of in-domain uncertainty estimation and ensembling in
deep learning", ICLR 2020.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import softmax
from ensemble_kit.ensembling.weights import SMALLEST_PROBABILITY, fit_scale, row_losses
from ensemble_kit.errors import BadDataError
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, MemberLogits, Scores

Curve = Float[np.ndarray, " sizes"]
Fold = Int[np.ndarray, " images"]

FEW: Final = 60  # subsets of one size that are all tried
DRAWS: Final = 20  # subsets of one size that are drawn where there are more
SAME: Final = 1e-9  # log-likelihoods (nats) closer than this are equal
_FEWEST_IMAGES, _NUMBERS = 300, 30_000  # images * classes that one blend of the curve is scored on


def calibrated_log_likelihood(scores: Scores, labels: Labels, fold: Fold) -> float:
    """Return the mean log probability (nats) of the labels; more is better, 0 is perfect.

    Args:
        scores: logits, or logs of probabilities; vote shares are neither.
        fold: the temperature with which a row is scored is found on the other folds' rows.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> sure_of_80 = np.log(np.array([[0.8, 0.2]] * 6))
        >>> labels, halves = np.array([0, 0, 1, 0, 0, 1]), np.array([0, 0, 0, 1, 1, 1])
        >>> two_of_three = (2 * np.log(2 / 3) + np.log(1 / 3)) / 3  # less, as half a wrong image more is counted
        >>> round(float(two_of_three), 3), round(calibrated_log_likelihood(sure_of_80, labels, halves), 3)
        (-0.637, -0.646)
    """
    check_some(labels)
    number, place = np.unique(fold, return_inverse=True)
    elsewhere = (place != np.arange(len(number))[:, None]).astype(np.float64)
    scales = fit_scale(scores, labels, elsewhere)
    scaled = scores * scales[place][:, None]
    return -float(row_losses(scaled[None], labels, np.ones((1, 1)), "softmax").mean())


def equal_blend_curve(logits: MemberLogits, labels: Labels, fold: Fold, seed: int | np.random.Generator = 0) -> Curve:
    """Return the calibrated log-likelihood of equal blends of 0, 1, ... and all members.

    Entry k is the mean over all subsets of k members, or over some 20 random ones (in which
    members are equally frequent) where there are more than 60. Entry 0 is a guess: minus the
    log of the number of classes. Beyond 8 members not every size is tried; those between lie
    on a line over 1 / k. Of many images a sample serves, spread evenly over the rows; then
    the curve is shifted so that its last entry is that of all images.

    Args:
        logits: one entry a member; best calibrated, since their probabilities are averaged.
        fold: see `calibrated_log_likelihood`; two halves, as in the paper, are quick.
        seed: the same seed, the same curve.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> random, labels = np.random.default_rng(0), np.arange(101) % 3
        >>> logits = np.eye(3)[labels] + random.normal(size=(5, 101, 3))
        >>> equal_blend_curve(logits, labels, np.arange(101) // 51).round(2)
        array([-1.1 , -0.83, -0.64, -0.48, -0.37, -0.29])

    Source: Ashukha et al., ICLR 2020; the sampling is own.
    """
    check_some(labels)
    random = np.random.default_rng(seed)
    members, images, classes = logits.shape
    rows = _spread(images, max(_FEWEST_IMAGES, _NUMBERS // classes), random)
    chances = [softmax(member[rows]) for member in logits]
    tried, found = _sizes(members), []
    for size in tried:
        parts = _subsets(members, size, random)
        found.append(np.mean([_of_equal((chances[m] for m in some), size, labels[rows], fold[rows]) for some in parts]))
    curve = np.interp(-1 / np.arange(1, members + 1), -1 / np.array(tried), found)
    if len(rows) < images:
        curve += _of_equal(map(softmax, logits), members, labels, fold) - curve[-1]
    return np.concatenate([[-np.log(classes)], curve])


def equivalent(curve: Curve, log_likelihood: float) -> float:
    """Return how many members drawn at random a log-likelihood is worth.

    The curve is made to rise first: its entries become the best so far. Between two sizes
    lies a straight line. 0 is a guess or worse; between 0 and 1 is worse than the average
    member; infinity is better than the curve anywhere: worth more than all of them.

    Args:
        curve: of 0, 1, ... members, see `equal_blend_curve`.
        log_likelihood: as calibrated as the curve, on the same images.

    Raises:
        BadDataError: the log-likelihood is not a number.

    Example:
        >>> curve = np.array([-2.25, -0.75, -0.5, -0.375])
        >>> [equivalent(curve, each) for each in (-0.75, -0.625, -0.25, -3.0)]
        [1.0, 1.5, inf, 0.0]
    """
    if np.isnan(log_likelihood):
        raise BadDataError("Wanted a log-likelihood in nats to compare, got nan.")
    rising = np.maximum.accumulate(curve)
    if log_likelihood > rising[-1] + SAME:
        return float("inf")
    reached = int(np.searchsorted(rising, log_likelihood - SAME))
    if reached == 0:
        return 0.0
    before, after = rising[reached - 1], rising[reached]
    return reached - 1 + float(min(1.0, (log_likelihood - before) / (after - before)))


def _of_equal(chances: Iterable[Scores], members: int, labels: Labels, fold: Fold) -> float:
    """Return the calibrated log-likelihood of the mean of some members' probabilities."""
    mean: Scores = reduce(np.add, chances) / members
    return calibrated_log_likelihood(np.log(np.maximum(mean, SMALLEST_PROBABILITY)), labels, fold)


def _sizes(members: int) -> list[int]:
    """Return the sizes that are tried: 1 to 8, then steps of a fifth to a quarter, and all."""
    sizes = [1]
    while sizes[-1] < members:
        sizes.append(min(members, sizes[-1] + max(1, sizes[-1] // 4)))
    return sizes


def _subsets(members: int, size: int, random: np.random.Generator) -> Iterator[Sequence[int]]:
    """Yield all subsets of one size if they are few, else arcs of members seated at random in a ring."""
    if comb(members, size) <= FEW:
        yield from combinations(range(members), size)
        return
    for _ in range(max(1, DRAWS // members)):
        ring = random.permutation(members)
        for start in range(min(members, DRAWS)):
            yield np.roll(ring, -(start * members // min(members, DRAWS)))[:size].tolist()


def _spread(images: int, at_most: int, random: np.random.Generator) -> Int[np.ndarray, " rows"]:
    """Return all rows, or one drawn from each of `at_most` stretches of equal length."""
    if images <= at_most:
        return np.arange(images)
    edges = np.arange(at_most + 1) * images // at_most
    return random.integers(edges[:-1], edges[1:])
