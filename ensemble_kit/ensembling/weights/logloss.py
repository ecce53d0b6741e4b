"""Weights by log loss, pulled towards the prior as hard as val justifies.

Nothing here is ever chosen by accuracy. A path of ridges, from 0 to infinity where the
prior itself stands, is cross-fitted on the evidence's folds; `log_loss` takes the ridge of
least log loss, `auto` the strongest that is hardly worse.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.statistics import near_best, paired_errors
from ensemble_kit.ensembling.weights.evidence import Evidence, Weighing, weigh
from ensemble_kit.ensembling.weights.logloss_solver import SMALLEST_PROBABILITY, LogLossFit, row_losses, wary_losses
from ensemble_kit.ensembling.weights.temperature import fit_scale
from ensemble_kit.types import MemberLogits, Scores, Weights

Losses = Float[np.ndarray, "ridges images"]
Choice = Callable[[Losses, Int[np.ndarray, " images"] | None], int]

MOST_IMAGES: Final = 5000  # to choose a ridge by; where there are more, ridges hardly differ
_POWER: Final = 4
_LEAST_RIDGE: Final = 1e-6  # of weights that are equally good, those nearest to the prior
RIDGES: Final = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, np.inf)


def auto(evidence: Evidence) -> Weighing:
    """Take the strongest ridge that is hardly worse than the best, and fit it on all rows.

    Hardly worse: its paired, cross-fitted log loss is within half a standard error of the
    best. The ridge pulls towards weights by what each member knows, see `_by_knowledge`. If no
    member helps (all weights 0), these stand.

    Source: own; half a standard error after Breiman et al., "CART", 1984.
    """
    return _by_ridge(evidence, lambda losses, groups: int(np.flatnonzero(near_best(losses, groups)).max()))


def log_loss(evidence: Evidence) -> Weighing:
    """Take the ridge of least cross-fitted log loss (ties: the weakest), as `auto` else."""
    return _by_ridge(evidence, lambda losses, _: int(losses.mean(axis=1).argmin()))


def _by_ridge(evidence: Evidence, choose: Choice) -> Weighing:
    """Cross-fit the whole path, all folds at a time, on 5,000 images at most; fit the ridge that is chosen on all."""
    if len(evidence.prior) == 1:
        return weigh(evidence, evidence.prior)
    some = _at_most(evidence, MOST_IMAGES)
    prior = _by_knowledge(some)
    ridge = RIDGES[choose(_path_losses(replace(some, prior=prior)), some.groups)]
    evidence = replace(evidence, prior=prior)
    cast = evidence.voting.cast(evidence.logits)
    v = _path(evidence, cast, np.ones((1, len(evidence.labels))), (ridge,))[0, 0]
    temperature = float(1.0 / v.sum()) if evidence.voting.unit == "logits" else 1.0
    return Weighing(v / v.sum(), temperature, ridge)


def _by_knowledge(evidence: Evidence) -> Weights:
    """Return the prior, each member counting by the fourth power of what it knows.

    That is how far its log loss is below that of guessing, one standard error of the
    difference in its favour, and at most what the best one knows: members that cannot be told
    from the best stay equal, and a hopeless one hardly counts before a few hundred images could
    tell. The power: own, by simulation.
    """
    labels, one = evidence.labels, np.ones((1, 1))
    losses = np.concatenate([row_losses(each[None], labels, one, "softmax") for each in evidence.logits])
    knows = np.log(evidence.logits.shape[2]) - losses.mean(axis=1)
    favoured = np.clip(knows + paired_errors(losses, evidence.groups), 0.0, max(knows.max(), 0.0))
    weights: Weights = evidence.prior * favoured**_POWER
    return weights / weights.sum() if weights.any() else evidence.prior


def _at_most(evidence: Evidence, images: int) -> Evidence:
    """Return the evidence of so many images, evenly spread over the rows; all where there are no more."""
    if len(evidence.labels) <= images:
        return evidence
    rows = np.linspace(0, len(evidence.labels) - 1, images).round().astype(np.int64)
    return replace(
        evidence,
        logits=evidence.logits[:, rows],
        labels=evidence.labels[rows],
        fold=evidence.fold[rows],
        groups=None if evidence.groups is None else evidence.groups[rows],
    )


def _path_losses(evidence: Evidence) -> Losses:
    """Return the log loss of each image under every ridge, found on the folds that do not hold it.

    Means of probabilities are compared after sharpening, see `_held_out_losses`.
    """
    cast = evidence.voting.cast(evidence.logits)
    folds = np.unique(evidence.fold)
    losses = np.empty((len(RIDGES), len(evidence.labels)))
    training = (evidence.fold != folds[:, None]).astype(np.float64)
    for fold, v in zip(folds, _path(evidence, cast, training, RIDGES), strict=True):
        losses[:, evidence.fold == fold] = _held_out_losses(evidence, cast, v, evidence.fold == fold)
    return losses


def _held_out_losses(
    evidence: Evidence,
    cast: MemberLogits,
    v: Float[np.ndarray, "ridges members"],
    held: Bool[np.ndarray, " images"],
) -> Float[np.ndarray, "ridges held"]:
    """Return the log loss of the held-out images under each v.

    A mean of probabilities is too humble, the more so the more members share it; left
    alone, log loss would take that for a fault of sharing. So each mixture is first
    sharpened by one temperature, found on the rows that were seen.
    """
    labels = evidence.labels
    if evidence.voting.link == "softmax":
        return wary_losses(cast[:, held], labels[held], v, evidence.prior, len(labels))
    losses = np.empty((len(v), int(held.sum())))
    for ridge, mixture in enumerate(v):
        humble = np.log(np.maximum(np.tensordot(mixture, cast, axes=1), SMALLEST_PROBABILITY))
        counts = (~held).astype(np.float64)[None]
        sharper = fit_scale(humble, labels, counts)[:, None]
        losses[ridge] = row_losses(humble[None, held], labels[held], sharper, "softmax")[0]
    return losses


def _path(
    evidence: Evidence,
    cast: MemberLogits,
    training: Float[np.ndarray, "parts images"],
    ridges: Sequence[float],
) -> Float[np.ndarray, "parts ridges members"]:
    """Return v for every part of the rows and every ridge; never all 0."""
    centre = len(evidence.prior) * evidence.prior
    scale = _common_scale(evidence, cast, training)
    at_prior = scale[:, None] * centre
    found = np.tile(at_prior[:, None], (1, len(ridges), 1))
    fit, nearest = LogLossFit(cast, evidence.labels, training, centre, scale, evidence.voting.link), at_prior
    for place in np.argsort(ridges)[::-1]:  # from the strongest, each beginning where the last one ended
        if np.isfinite(ridges[place]):
            nearest = fit.at(np.full(len(training), max(ridges[place], _LEAST_RIDGE)), start=nearest)
            found[:, place] = nearest
    return np.where(found.sum(axis=2, keepdims=True) > 0, found, at_prior[:, None])


def _common_scale(
    evidence: Evidence, cast: MemberLogits, training: Float[np.ndarray, "parts images"]
) -> Float[np.ndarray, " parts"]:
    """Return, for each part, the s that makes s * members * prior the best multiple of the prior."""
    members = len(evidence.prior)
    if evidence.voting.link == "mixture":
        return np.full(len(training), 1.0 / members)
    blend: Scores = np.tensordot(evidence.prior, cast, axes=1)
    return fit_scale(blend, evidence.labels, training) / members
