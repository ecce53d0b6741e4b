"""What every blend of a pool shares: view weights and a temperature inside each member.

Found once a pool and remembered while the pool lives, so that several ways to find
weights cost little more than one. Rows are sorted by id first, so that their order
cannot matter. Never reads more than one member at a time. To add a way to choose
views: a function in `weights`, one line in `VIEW_CHOICES`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import LOGIT_SUM, merge_views, normalised
from ensemble_kit.ensembling.statistics import fold_of, numbered, why_not_fitted
from ensemble_kit.ensembling.weights import (
    TEMPERATURES,
    VIEW_CHOICES,
    Evidence,
    Weighing,
    fit_temperatures,
    prior_only,
)
from ensemble_kit.errors import BadDataError, MisalignedError
from ensemble_kit.tables import pick
from ensemble_kit.types import Labels, MemberLogits, Pool, ViewLogits, Weights

ViewChoice = str | Float[np.ndarray, " _"]  # members of one pool differ in their views


class TunedViews(NamedTuple):
    """The view weights of one member, summing to 1, and the ridge that was chosen."""

    view_weights: Float[np.ndarray, " views"]
    ridge: float | None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A pool, sorted by id, after the steps that every blend shares.

    logits: views merged and divided by the temperatures.
    fold: the fold in which each image is held out, for inner cross-fitting.
    fitted: whether there is enough to fit anything, see `statistics.why_not_fitted`.
    """

    views: tuple[TunedViews, ...]
    temperatures: Weights
    logits: MemberLogits
    labels: Labels
    fold: Int[np.ndarray, " images"]
    groups: Int[np.ndarray, " images"] | None
    fitted: bool


def tune_views(
    view_logits: ViewLogits,
    labels: Labels,
    ids: Sequence[str],
    groups: Sequence[str] | None,
    choice: ViewChoice,
) -> TunedViews:
    """Return the view weights of one member; view 0 is identity.

    With fewer than 50 images or a single class every choice but `equal` stays at identity.

    Args:
        choice: a name in `VIEW_CHOICES`, or the weights themselves.

    Raises:
        UnknownNameError: no way to choose views has that name.
        InvalidOptionError: a given weight is negative or not finite, or all are 0.
        MisalignedError: there are more or fewer weights than views.
    """
    order = _by_id(ids)
    grouped = None if groups is None else [groups[row] for row in order]
    fold = fold_of([ids[row] for row in order], labels[order], grouped)
    place = None if grouped is None else numbered(grouped)
    fitted = why_not_fitted(labels) is None
    return _tune_in_order(view_logits[:, order], labels[order], fold, place, choice, fitted)


_PREPARED: WeakKeyDictionary[Pool, dict[tuple[str, ...], Prepared]] = WeakKeyDictionary()


def prepare(pool: Pool, view_choices: Sequence[ViewChoice], temperatures: str = "auto") -> Prepared:
    """Return view weights, temperatures and calibrated logits of every member.

    Args:
        temperatures: a name in `TEMPERATURES`.

    Raises:
        BadDataError: the pool has no labels.
        MisalignedError: choices do not fit the members, or weights their views.
        UnknownNameError: no way to choose views, or to find temperatures, has that name.
        InvalidOptionError: a given weight is negative or not finite, or all are 0.
    """
    if pool.labels is None:
        raise BadDataError(f"Wanted labelled images to tune on, got {len(pool.ids)} without labels; tune on val.")
    if len(view_choices) != len(pool.members):
        raise MisalignedError(
            f"Wanted one view choice for each of {len(pool.members)} members, got {len(view_choices)}."
        )
    key = temperatures, *(choice if isinstance(choice, str) else repr(choice.tolist()) for choice in view_choices)
    remembered = _PREPARED.setdefault(pool, {})
    if key not in remembered:
        order = _by_id(pool.ids)
        remembered[key] = _prepare_in_order(pool.rows(order), pool.labels[order], view_choices, temperatures)
    return remembered[key]


def _prepare_in_order(pool: Pool, labels: Labels, view_choices: Sequence[ViewChoice], temperatures: str) -> Prepared:
    """Prepare a pool whose rows are sorted by id."""
    fold = fold_of(pool.ids, labels, pool.groups)
    groups = None if pool.groups is None else numbered(pool.groups)
    fitted = why_not_fitted(labels, pool.part_of) is None
    find = pick(TEMPERATURES, temperatures if fitted else "none", "way to find temperatures").load()
    views = tuple(
        _tune_in_order(logits, labels, fold, groups, choice, fitted)
        for logits, choice in zip(pool.logits, view_choices, strict=True)
    )
    merged = np.stack([merge_views(pool.logits[m], views[m].view_weights) for m in range(len(views))])
    found = find(merged, labels)
    return Prepared(views, found, merged / found[:, None, None], labels, fold, groups, fitted)


def _tune_in_order(
    view_logits: ViewLogits,
    labels: Labels,
    fold: Int[np.ndarray, " images"],
    groups: Int[np.ndarray, " images"] | None,
    choice: ViewChoice,
    fitted: bool,
) -> TunedViews:
    """Return the view weights of one member whose rows are sorted by id."""
    if not isinstance(choice, str):
        return TunedViews(normalised(choice, len(view_logits)), None)
    find = pick(VIEW_CHOICES, choice, "way to choose views").load()
    identity = np.eye(len(view_logits))[0]
    if len(view_logits) == 1:
        return TunedViews(identity, None)
    if not fitted and choice != "equal":
        find = prior_only
    # all views at identity's temperature, so that bounds and ridge mean the same for every member
    temperature = fit_temperatures(view_logits[:1], labels)[0]
    calibrated = view_logits.astype(np.float64) / temperature
    weighing: Weighing = find(Evidence(LOGIT_SUM, calibrated, labels, fold, groups, identity))
    return TunedViews(weighing.weights, weighing.ridge)


def _by_id(ids: Sequence[str]) -> Int[np.ndarray, " images"]:
    """Return the rows in the order of their ids."""
    return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
