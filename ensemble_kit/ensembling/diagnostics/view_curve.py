"""How many views are worth their time: accuracy and likelihood against their number.

Views join identity one at a time, each the one that lowers the log loss of the plain mean
of logits most. Which join, in what order, and the temperature of every mean are decided
again inside every fold, on rows that are not scored; so the curve tells what k views that
were chosen by val are worth, not how well the best of many fits val. Never finds weights.

Source: own; the calibrated log-likelihood after Ashukha et al., "Pitfalls of in-domain
uncertainty estimation and ensembling in deep learning", ICLR 2020.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.evaluation import Scored, Split, compare_scored, held_out, repeats_of
from ensemble_kit.ensembling.statistics import (
    PSEUDO_SHARE,
    near_best,
    numbered,
    paired_errors,
    why_not_fitted,
)
from ensemble_kit.ensembling.weights import MOST_IMAGES, fit_scales, row_losses
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, ViewLogits

MOST_VIEWS: Final = 30  # the curve ends here

Means = Float[np.ndarray, "steps views"]  # factors of the views' logits: equal weights / temperature
Predicted = Int[np.ndarray, "steps repeats images"]
Losses = Float[np.ndarray, "steps repeats images"]


class CurveStep(NamedTuple):
    """The plain mean of so many views, where it was not fitted.

    added: the view that joins in this step when all images choose; 0, identity, is the first.
    log_likelihood: mean calibrated log probability of the labels (nats, at most 0).
    error: standard error of the paired difference of log-likelihood to the best step.
    """

    views: int
    added: int
    accuracy: float
    interval: tuple[float, float]
    log_likelihood: float
    log_likelihood_interval: tuple[float, float]
    error: float


class CurveGain(NamedTuple):
    """What the mean of `views` views gains over that of `over` of them, paired; p-values are two-sided.

    accuracy_p: exact, see `evaluation.compare_scored`.
    likelihood: of mean log-likelihoods; its p-value is that of a paired t test.
    """

    views: int
    over: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    accuracy_p: float
    likelihood: float
    likelihood_interval: tuple[float, float]
    likelihood_p: float


class Curve(NamedTuple):
    """One step for 1, 2, ... views.

    stop: the fewest views whose log-likelihood is within half a standard error of the best.
    gain: of all views over the first `stop`, or over identity where that is all of them.
    """

    steps: tuple[CurveStep, ...]
    stop: int
    gain: CurveGain


def view_curve(view_logits: ViewLogits, labels: Labels, ids: Sequence[str], groups: Sequence[str] | None) -> Curve:
    """Return how good 1, 2, ... views are, up to 30, cross-fitted.

    5 folds, 4 repeats below 5,000 images and 1 from there; groups whole. Stop at the fewest
    views whose log-likelihood is within half a standard error of the best, as the ridge is
    chosen. Intervals hold for 95 %, see `Scored.score_interval`. With fewer than 50 images, or a
    single class, nothing is fitted and identity stands alone, at temperature 1.

    Args:
        view_logits: view 0 is identity.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> random, labels = np.random.default_rng(0), np.arange(211) % 3
        >>> logits = np.eye(3)[labels] + random.normal(size=(5, 211, 3))
        >>> found = view_curve(logits, labels, [f"{row:03d}" for row in range(211)], None)
        >>> found.stop, [round(step.log_likelihood, 2) for step in found.steps]
        (5, [-0.8, -0.58, -0.45, -0.35, -0.23])
    """
    check_some(labels)
    rows = sorted(range(len(ids)), key=ids.__getitem__)
    ids, labels, view_logits = [ids[row] for row in rows], labels[rows], view_logits[:, rows]
    groups = None if groups is None else [groups[row] for row in rows]
    if why_not_fitted(labels) is None:
        order = greedy_order(view_logits, labels)
        predicted, losses = _cross_fitted(view_logits, labels, ids, groups)
    else:
        order, identity = (0,), np.eye(1, len(view_logits))
        predicted, losses = (said[:, None] for said in _said(view_logits, labels, identity))
    return _curve(order, predicted, losses, labels, groups)


def greedy_order(view_logits: ViewLogits, labels: Labels, most: int = MOST_VIEWS) -> tuple[int, ...]:
    """Return identity and the views that join it, in the order in which they help most.

    Each time the one joins that gives the mean of logits the least log loss (ties: the
    lowest index), all at the temperature of the mean that they would join: as good as one of
    its own for every candidate, at half the time, and better than that of identity all along.
    Of more than 5,000 images so many decide, evenly spread over the rows.

    Args:
        most: how many views are taken at most.

    Example:
        >>> labels = np.array([0, 1, 1])
        >>> identity, wrong, right = 1.0 * np.eye(2)[labels], 3.0 * np.eye(2)[1 - labels], 3.0 * np.eye(2)[labels]
        >>> greedy_order(np.stack([identity, wrong, right]), labels)
        (0, 2, 1)
    """
    if len(labels) > MOST_IMAGES:
        rows = np.linspace(0, len(labels) - 1, MOST_IMAGES).round().astype(np.int64)
        view_logits, labels = view_logits[:, rows], labels[rows]
    order, left = [0], list(range(1, len(view_logits)))
    while left and len(order) < most:
        scale = fit_scales(view_logits[order].mean(axis=0, dtype=np.float64)[None], labels)[0]
        chosen = np.zeros((len(left), len(view_logits)))
        chosen[:, order] = 1.0
        chosen[np.arange(len(left)), left] = 1.0
        losses = row_losses(view_logits, labels, chosen * scale / (len(order) + 1), "softmax")
        order.append(left.pop(int(losses.mean(axis=1).argmin())))
    return tuple(order)


def _cross_fitted(
    view_logits: ViewLogits, labels: Labels, ids: Sequence[str], groups: Sequence[str] | None
) -> tuple[Predicted, Losses]:
    """Return what every step says of each image, and its log loss, by the folds that did not see it."""

    def say(split: Split) -> dict[str, np.ndarray]:
        means = _calibrated_means(view_logits[:, split.seen], labels[split.seen])
        predicted, losses = _said(view_logits[:, split.held], labels[split.held], means)
        return {"predicted": predicted, "losses": losses}

    said = held_out(ids, labels, groups, say, repeats=repeats_of(len(ids)))
    return said["predicted"], said["losses"]


def _calibrated_means(view_logits: ViewLogits, labels: Labels) -> Means:
    """Return the means of 1, 2, ... views, as factors of the views, each at its temperature."""
    order = greedy_order(view_logits, labels)
    number = np.arange(1, len(order) + 1)
    means = np.zeros((len(order), len(view_logits)))
    means[:, order] = np.tri(len(order)) / number[:, None]
    scales = [fit_scales(np.tensordot(mean, view_logits, axes=1)[None], labels)[0] for mean in means]
    calibrated: Means = means * np.array(scales)[:, None]
    return calibrated


def _said(
    view_logits: ViewLogits, labels: Labels, means: Means
) -> tuple[Int[np.ndarray, "steps images"], Float[np.ndarray, "steps images"]]:
    """Return the winning classes and the log losses of every mean."""
    predicted = np.stack([np.tensordot(mean, view_logits, axes=1).argmax(axis=1) for mean in means])
    return predicted, row_losses(view_logits, labels, means, "softmax")


def _curve(
    order: Sequence[int],
    predicted: Predicted,
    losses: Losses,
    labels: Labels,
    groups: Sequence[str] | None,
) -> Curve:
    """Return the curve of what was said."""
    place = None if groups is None else numbered(groups)
    mean_losses = losses.mean(axis=1)
    errors = paired_errors(mean_losses, place)
    scored = [Scored(said, -loss, labels) for said, loss in zip(predicted, losses, strict=True)]
    steps = (
        CurveStep(
            views=step + 1,
            added=order[step],
            accuracy=scored[step].accuracy,
            interval=scored[step].interval(groups),
            log_likelihood=-float(mean_losses[step].mean()),
            log_likelihood_interval=_negative(scored[step].score_interval("log-loss", groups)),
            error=float(errors[step]),
        )
        for step in range(len(order))
    )
    stop = int(near_best(mean_losses, place).argmax()) + 1
    last, over = len(order), stop if stop < len(order) else 1
    found = compare_scored(scored[last - 1], scored[over - 1], "accuracy", groups, PSEUDO_SHARE)
    likelihood = compare_scored(scored[over - 1], scored[last - 1], "log-loss", groups)
    gain = CurveGain(
        last,
        over,
        found.difference,
        found.interval,
        found.p,
        likelihood.difference,
        likelihood.interval,
        likelihood.p,
    )
    return Curve(tuple(steps), stop, gain)


def _negative(interval: tuple[float, float]) -> tuple[float, float]:
    return -interval[1], -interval[0]
