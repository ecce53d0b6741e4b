"""How far ahead a class must be before going on is not worth it: the threshold of a margin.

The lead is that of the weighted mean of the logits so far, at the member's temperature, so
it is in nats. A threshold loses an image where all views together have it right and the
early stop wrong; what it wins the other way does not count against that. It is safe where
so few of the images are lost that, with 95 % confidence, no more than the wanted share
would be of all. Thresholds are tried from the largest down, as they stand in `THRESHOLDS`
whatever the data, up to the first that is not safe; so trying many costs no confidence.
Never finds weights: those are given, and the estimate takes them as they are. Where they were
tuned on the same images, all views together are right a little too often, and so the loss,
which is counted against them, is never flattered by that. What is said of views holds of any
steps: of members too, whose temperatures are then part of the logits.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.combining import merge_views, voting_of
from ensemble_kit.ensembling.evaluation import Split, held_out, repeats_of
from ensemble_kit.ensembling.selective.early_exit import (
    Costs,
    EarlyExitRule,
    Rows,
    count,
    lead,
    ordered,
    saved,
    winners,
)
from ensemble_kit.ensembling.statistics import most_lost, numbered, upper_bound, why_not_fitted
from ensemble_kit.ensembling.weights import fit_temperatures
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, Scores, ViewLogits

THRESHOLDS: Final = tuple(2.0 ** (step / 8) for step in range(48, -49, -1))  # nats, from 64 down to 1/64


class MarginEstimate(NamedTuple):
    """What a margin costs and saves, cross-fitted; all shares.

    loss: of images that all views have right and the early stop wrong.
    at_most: upper bound of that, one-sided, 95 %; of groups where there are groups.
    changed: of images whose decision is another than that of all views, right or wrong.
    saved: of steps, or of their cost. A rule that never stops early has 0 everywhere.
    """

    loss: float
    at_most: float
    changed: float
    saved: float


class _Path(NamedTuple):
    """How each image stands after every step.

    peaks: the largest lead so far, of logits that are not yet divided by a temperature.
    lost, changed: whether a stop at this step would be wrong where all views are right, or differ from them.
    """

    peaks: Float[np.ndarray, "steps images"]
    lost: Bool[np.ndarray, "steps images"]
    changed: Bool[np.ndarray, "steps images"]

    def stops(self, threshold: float, rows: Rows) -> Rows:
        """Return the number of steps before the one at which each image stops."""
        before: Rows = (self.peaks[:-1, rows] <= threshold).sum(axis=0)
        return before


def margin_rule(
    view_logits: ViewLogits,
    labels: Labels,
    ids: Sequence[str],
    groups: Sequence[str] | None,
    weights: Float[np.ndarray, " weights"],
    loss: float,
    method: str = "logit-sum",
    order: Sequence[int] | None = None,
    costs: Costs | None = None,
) -> tuple[EarlyExitRule, MarginEstimate]:
    """Return the rule that stops at the smallest safe lead, and what that costs and saves.

    The rule comes from all images. Temperature and threshold are found again inside every
    fold, where as large a share may be lost as when all images choose, and measured on the
    rows held out. Where no threshold can promise the wanted loss, it is infinite and the
    rule never stops early: 298 images or fewer cannot promise 1 %, even where none is lost,
    nor as many groups. With fewer than 50 images or a single class it is infinite as well.

    Args:
        view_logits: one member's, of labelled images.
        weights: one number >= 0 a view; only ratios matter.
        loss: the share of images that may be lost, in (0, 1).
        method: `logit-sum` or `geo-mean`.
        order: see `early_exit.ordered`; labels must have had no say in it.
        costs: of the steps; then what is saved is a share of their cost.

    Raises:
        BadDataError: there is no image.
        UnknownNameError: no method has that name.
        InvalidOptionError: another method, or a loss that is no share; a weight is negative or
            not finite, or all are 0.
        MisalignedError: there are more or fewer weights than views.

    Example:
        >>> random, labels = np.random.default_rng(0), np.arange(1009) % 3
        >>> logits = 3.0 * np.eye(3)[labels] + random.normal(size=(5, 1009, 3))
        >>> ids = [f"{row:04d}" for row in range(1009)]
        >>> rule, estimate = margin_rule(logits, labels, ids, None, np.ones(5), 0.01)
        >>> bool(estimate.loss <= 0.01 < 0.5 < estimate.saved)
        True

    Source: own; one threshold after another as in Angelopoulos et al., "Learn then test:
    calibrating predictive algorithms to achieve risk control", Annals of Applied Statistics 19(2), 2025.
    """
    check_some(labels)
    _check(loss, method)
    merged = merge_views(view_logits, weights)
    never = EarlyExitRule("margin", method, *ordered(weights, order), threshold=math.inf)
    if why_not_fitted(labels) is not None:
        return never, MarginEstimate(0.0, 0.0, 0.0, 0.0)
    path = _path(never, view_logits, labels)
    place = None if groups is None else numbered(groups)
    rule = _fitted(never, path, merged, labels, place, loss, np.arange(len(labels)))
    if rule.threshold == math.inf:
        return rule, MarginEstimate(0.0, 0.0, 0.0, 0.0)
    return rule, _estimate(never, path, merged, labels, ids, groups, loss, costs)


def _check(loss: float, method: str) -> None:
    """Raise unless a margin can be found for that method and loss."""
    if voting_of(method).unit != "logits":
        raise InvalidOptionError(
            f"Wanted logit-sum or geo-mean to stop by a margin, got '{method}', which has an exact stop; take that."
        )
    if not 0 < loss < 1:
        raise InvalidOptionError(f"Wanted a share of images that may be lost between 0 and 1, got {loss}.")


def _path(rule: EarlyExitRule, view_logits: ViewLogits, labels: Labels) -> _Path:
    """Return how each image stands after every step."""
    leads, said, tally = [], [], None
    for step, view in enumerate(rule.order):
        tally = count(rule, tally, step, view_logits[view])
        leads.append(lead(tally[0]) / sum(rule.weights[: step + 1]))
        said.append(winners(tally))
    predicted = np.stack(said)
    lost = (predicted[-1] == labels) & (predicted != labels)
    return _Path(np.maximum.accumulate(np.stack(leads)), lost, predicted != predicted[-1])


def _fitted(
    rule: EarlyExitRule,
    path: _Path,
    merged: Scores,
    labels: Labels,
    place: Int[np.ndarray, " images"] | None,
    loss: float,
    rows: Rows,
) -> EarlyExitRule:
    """Return the rule with the temperature, and the smallest safe threshold, of some rows.

    As large a share of them may be lost as of all rows.
    """
    temperature = float(fit_temperatures(merged[None, rows], labels[rows])[0])
    units = np.arange(len(labels)) if place is None else place
    allowed = [_part(most_lost(len(np.unique(each)), loss), each, rows) for each in (np.arange(len(labels)), units)]
    chosen = math.inf
    for threshold in THRESHOLDS:
        lost = rows[path.lost[path.stops(threshold * temperature, rows), rows]]
        if len(lost) > allowed[0] or len(np.unique(units[lost])) > allowed[1]:
            break
        chosen = threshold
    return replace(rule, threshold=chosen, temperature=temperature)


def _part(most: int, units: Int[np.ndarray, " images"], rows: Rows) -> int:
    """Return the part of `most` that falls to the units of some rows; -1 stays."""
    return most * len(np.unique(units[rows])) // len(np.unique(units))


def _estimate(
    rule: EarlyExitRule,
    path: _Path,
    merged: Scores,
    labels: Labels,
    ids: Sequence[str],
    groups: Sequence[str] | None,
    loss: float,
    costs: Costs | None,
) -> MarginEstimate:
    """Return what the rules of the folds cost and save on the rows that they did not see."""
    place = None if groups is None else numbered(groups)

    def say(split: Split) -> dict[str, np.ndarray]:
        fitted = _fitted(rule, path, merged, labels, place, loss, split.seen)
        stops = path.stops(fitted.threshold * fitted.temperature, split.held)
        return {"lost": path.lost[stops, split.held], "changed": path.changed[stops, split.held], "steps": stops + 1}

    said = held_out(ids, labels, groups, say, repeats=repeats_of(len(ids)))
    return MarginEstimate(
        loss=float(said["lost"].mean()),
        at_most=max(_bound(said["lost"], each) for each in (np.arange(len(ids)), place) if each is not None),
        changed=float(said["changed"].mean()),
        saved=saved(rule, said["steps"].reshape(-1), costs),
    )


def _bound(lost: Bool[np.ndarray, "repeats images"], units: Int[np.ndarray, " images"]) -> float:
    """Return the upper bound of the share of units of which an image is lost, mean over repeats, rounded up."""
    mean = float(np.mean([len(np.unique(units[row])) for row in lost]))
    return upper_bound(math.ceil(mean), len(np.unique(units)))
