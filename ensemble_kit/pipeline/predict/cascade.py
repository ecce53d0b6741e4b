"""When to ask no further: a rule for a blend's looks, and what following it saved."""

from typing import NamedTuple

import numpy as np

from ensemble_kit.ensembling.combining import rule_of
from ensemble_kit.ensembling.selective import (
    MarginEstimate,
    StopRule,
    asks_each_view,
    by_value_for_cost,
    exact_rule,
    margin_rule,
    saved,
)
from ensemble_kit.ensembling.tuning import condensed
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.predict.predictor import Asked
from ensemble_kit.results import CascadeReport

ORDERED_ON = 1000  # val pictures that say in which order looks are asked; more tell nothing more


class Stop(NamedTuple):
    """When to ask no further, what was allowed to be lost, and what each look costs.

    costs: milliseconds, or forward passes where not all were measured.
    """

    rule: StopRule
    wanted_loss: float
    estimate: MarginEstimate | None
    costs: np.ndarray
    in_ms: bool


def check_cascade(cascade: float | None, ballot: str, stacked: bool, name: str) -> None:
    """Raise unless a blend can be asked no further than needed.

    Raises:
        InvalidOptionError: a loss that is no share, a stack, or a sum of logits that may lose nothing.
    """
    if cascade is None:
        return
    if not 0 <= cascade < 1:
        raise InvalidOptionError(f"--early-exit is {cascade}; wanted a share from 0 to below 1, as 0.01.")
    if stacked:
        raise InvalidOptionError(
            f"'{name}' is a stack, which reads every member to say anything; leave --early-exit out, or blend with "
            "other --weights."
        )
    if cascade == 0 and asks_each_view(ballot):
        raise InvalidOptionError(
            f"--early-exit 0 loses nothing, and {ballot} has no bounds: what is left may turn any lead. Allow a loss, "
            "as --early-exit 0.02, or take prob-mean, majority-vote or borda."
        )


def stop_of(asked: Asked, cascade: float) -> Stop:
    """Return when to ask no further.

    The order is that of value for cost, see `cascading.by_value_for_cost`. With bounded ballots
    nothing is lost whatever is allowed; sums of logits stop by a margin.

    Raises:
        InvalidOptionError: its members are folds that held out other pictures each.
    """
    tuned, looks = asked.looks.tuned, asked.looks.looks
    measured = [asked.ms_of(look) for look in looks]
    known = [ms for ms in measured if ms]
    in_ms = len(known) == len(looks)
    costs = np.array(known if in_ms else [float(len(look.views)) for look in looks])
    _check_one_by_one(asked)
    val = condensed(asked.evaluation.pool)
    sample = val.rows(np.arange(0, len(val.ids), max(len(val.ids) // ORDERED_ON, 1)))
    bounded = rule_of(tuned.ballot).unit != "logits"
    order = by_value_for_cost(
        asked.looks.logits(sample), tuned.weights, costs, 1.0 if bounded else tuned.blend_temperature
    )
    if bounded:
        return Stop(exact_rule(tuned.ballot, tuned.weights, order=order), cascade, None, costs, in_ms)
    assert val.labels is not None
    rule, estimate = margin_rule(
        asked.looks.logits(val), val.labels, val.ids, val.groups, tuned.weights, cascade, tuned.ballot, order, costs
    )
    return Stop(rule, cascade, estimate, costs, in_ms)


def _check_one_by_one(asked: Asked) -> None:
    """Raise where no picture is known on which all members were asked, one after the other."""
    if asked.evaluation.families:
        raise InvalidOptionError(
            f"--early-exit finds order and threshold on val, and members of '{asked.name}' have no val: of each "
            "training image only the fold that held it out may speak. Leave --early-exit out."
        )


def cascade_report(asked: Asked, stop: Stop, taken: np.ndarray) -> CascadeReport:
    """Return what following the rule saved.

    Args:
        taken: how many pictures stopped after no look, one, two, ...
    """
    rule, estimate = stop.rule, stop.estimate
    looks = np.repeat(np.arange(len(taken)), taken)
    passes = np.array([float(len(look.views)) for look in asked.looks.looks])
    promised = estimate is not None and np.isfinite(rule.threshold)
    kind = "all" if len(rule.order) == 1 or (estimate is not None and not promised) else rule.kind
    return CascadeReport(
        kind=kind,
        order=tuple(asked.called(asked.looks.looks[look]) for look in rule.order),
        saved_passes=saved(rule, looks, passes),
        saved_ms=saved(rule, looks, stop.costs) if stop.in_ms else None,
        wanted_loss=stop.wanted_loss,
        loss=estimate.loss if estimate and promised else None,
        loss_at_most=estimate.at_most if estimate and promised else None,
        expected_saved=estimate.saved if estimate and promised else None,
        judged_on=asked.evaluation.split,
    )
