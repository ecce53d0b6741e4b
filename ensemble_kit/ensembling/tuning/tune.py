"""From a pool to the numbers of a blend, and from those numbers to predictions.

The order is always the same: view weights inside each member, a temperature a member,
weights over members, one blend temperature. `tune` reads labels; what is done with its
numbers is in `combining.apply`. Nothing here reads a file. To add a way to find weights: see
`weights.table`; a method: see `combining.table`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from ensemble_kit.ensembling.combining import Voting, normalised, predict, probabilities, scores, softmax, voting_of
from ensemble_kit.ensembling.tuning.prepare import Prepared, TunedViews, ViewChoice, prepare, tune_views
from ensemble_kit.ensembling.weights import PLAIN, WEIGHTS, Evidence, Search, Weighing, among, choose_members, weigh
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import METRICS, measure
from ensemble_kit.tables import pick
from ensemble_kit.types import Pool, Tuned, Weights

__all__ = [
    "TunedViews",
    "ViewChoice",
    "best_single",
    "check_metric",
    "given",
    "predict",
    "probabilities",
    "scores",
    "tune",
    "tune_views",
]


def tune(
    pool: Pool,
    method: str,
    weights: str | Mapping[str, float | int],
    view_choices: Sequence[ViewChoice],
    search: Search = PLAIN,
    temperatures: str = "auto",
) -> Tuned:
    """Return the numbers of a blend, all of them found on this pool.

    With fewer than 50 images or a single class nothing is fitted: temperatures are 1,
    named ways give equal weights, and views chosen by `auto` stay at identity.

    Args:
        method: a name in `METHODS`.
        weights: a name in `WEIGHTS`, or numbers >= 0 by member name (unnamed members: 0).
        view_choices: for each member a name in `VIEW_CHOICES`, or its weights, one a view.
        search: what a way goes by, of which it is handed what its line names, and the limits that every way keeps to.
        temperatures: a name in `TEMPERATURES`; `none` leaves that of the blend at 1 too.

    Raises:
        BadDataError: the pool has no labels.
        UnknownNameError: a name is in no table, or a weight names no member.
        InvalidOptionError: a weight is negative or not finite, or all are 0; a metric that reads
            probabilities, of votes; limits that no member meets, or limits of given weights.
        MisalignedError: choices do not fit the members, or weights their views.
    """
    check_metric(search.metric, method)
    voting = voting_of(method)
    if isinstance(weights, str):
        pick(WEIGHTS, weights, "way to find weights")
    elif search.limits.bind:
        raise InvalidOptionError("Weights were given, so there is nothing to limit; name the members to blend instead.")
    prepared = prepare(pool, view_choices, temperatures)
    weighing = _weighing(voting, weights, prepared, pool.members, search)
    return Tuned(
        method=method,
        view_weights=tuple(chosen.view_weights for chosen in prepared.views),
        temperatures=prepared.temperatures,
        weights=weighing.weights,
        blend_temperature=1.0 if temperatures == "none" else weighing.blend_temperature,
        ridge=weighing.ridge,
        stack=weighing.stack,
    )


def best_single(
    pool: Pool,
    method: str,
    view_choices: Sequence[ViewChoice],
    metric: str = "accuracy",
    temperatures: str = "auto",
) -> Tuned:
    """Return the blend of one member alone: the best by the metric (ties: the lowest index).

    Measured after the member's views are merged and its temperature is found. Without any
    image the first member is taken. Raises as `tune` does.
    """
    check_metric(metric, method)
    prepared = prepare(pool, view_choices, temperatures)
    best = 0
    if len(prepared.labels):
        rule = METRICS[metric]
        best = int(np.argmax([rule.gain(measure(metric, softmax(m), prepared.labels)) for m in prepared.logits]))
    return tune(pool, method, {pool.members[best]: 1.0}, view_choices, temperatures=temperatures)


def check_metric(metric: str, method: str) -> None:
    """Raise unless the metric can be measured on what the method gives.

    Raises:
        UnknownNameError: a name is in no table.
        InvalidOptionError: the metric reads probabilities, and votes are none.
    """
    rule = pick(METRICS, metric, "metric")
    if rule.reads == "log_prob" and voting_of(method).unit == "votes":
        raise InvalidOptionError(
            f"{metric} needs probabilities, and {method} gives vote shares, which are none; "
            "take another metric, or blend by logit-sum or prob-mean."
        )


def given(weights: Mapping[str, float | int], members: Sequence[str]) -> Weights:
    """Return weights by member name as numbers that sum to 1; unnamed members get 0.

    Raises:
        UnknownNameError: a name is not a member's.
        InvalidOptionError: a weight is negative or not finite, or all are 0.

    Example:
        >>> given({"vit": 3, "cnn": 1}, ["cnn", "mlp", "vit"])
        array([0.25, 0.  , 0.75])
    """
    places = {name: place for place, name in enumerate(members)}
    numbers = np.zeros(len(members))
    for name, weight in weights.items():
        numbers[pick(places, name, "member")] = weight
        if not (np.isfinite(weight) and weight >= 0):
            raise InvalidOptionError(f"The weight of '{name}' is {weight}; wanted a finite number >= 0.")
    if not numbers.any():
        raise InvalidOptionError("All weights are 0; wanted at least one member with a weight above 0.")
    return normalised(numbers, len(members))


def _weighing(
    voting: Voting,
    weights: str | Mapping[str, float | int],
    prepared: Prepared,
    members: Sequence[str],
    search: Search,
) -> Weighing:
    """Return the weights of all members; those that the limits leave out have 0."""
    fitted = prepared.fitted
    if isinstance(weights, str):
        find: Callable[[Evidence], Weighing] = WEIGHTS[weights].load()
        search = search.only(WEIGHTS[weights].goes_by)
        seen = slice(None if fitted else 0)
        may = choose_members(prepared.logits[:, seen], prepared.labels[seen], search.limits, members)
    else:
        find = partial(weigh, weights=given(weights, members))
        may = np.arange(len(members))
    even = np.full(len(may), 1.0 / len(may))
    if fitted:
        logits = prepared.logits if len(may) == len(members) else prepared.logits[may]
        found = find(Evidence(voting, logits, prepared.labels, prepared.fold, prepared.groups, even, search))
    else:
        found = Weighing(even if isinstance(weights, str) else given(weights, members))
    every = np.zeros(len(members))
    every[may] = found.weights
    return found._replace(weights=every, stack=found.stack and among(found.stack, may, len(members)))
