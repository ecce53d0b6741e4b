"""Early exit: a rule for the steps of a blend, and what following it saved."""

from typing import NamedTuple

import numpy as np

from ensemble_kit.ensembling.combining import voting_of
from ensemble_kit.ensembling.selective import (
    EarlyExitRule,
    MarginEstimate,
    by_value_for_cost,
    exact_rule,
    margin_rule,
    runs_each_view,
    saved,
)
from ensemble_kit.ensembling.tuning import condensed
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.predict.predictor import Predictor
from ensemble_kit.results import EarlyExitReport

ORDERED_ON = 1000  # val images that decide the order of steps; more change nothing


class EarlyExit(NamedTuple):
    """A rule, the share of predictions that may become wrong, and what each step costs.

    costs: milliseconds, or forward passes where not all were measured.
    """

    rule: EarlyExitRule
    wanted_loss: float
    estimate: MarginEstimate | None
    costs: np.ndarray
    in_ms: bool


def check_early_exit(share: float | None, method: str, stacked: bool, name: str) -> None:
    """Raise unless a blend can be asked no further than needed.

    Raises:
        InvalidOptionError: a loss that is no share, a stack, or a sum of logits that may lose nothing.
    """
    if share is None:
        return
    if not 0 <= share < 1:
        raise InvalidOptionError(f"--early-exit is {share}; wanted a share from 0 to below 1, as 0.01.")
    if stacked:
        raise InvalidOptionError(
            f"'{name}' is stacked, which needs the logits of every member; leave --early-exit out, or blend with "
            "other --weights."
        )
    if share == 0 and runs_each_view(method):
        raise InvalidOptionError(
            f"--early-exit 0 loses nothing, and {method} has no bounds: any later member may change the class. Allow "
            "a loss, as --early-exit 0.02, or take prob-mean, majority-vote or borda."
        )


def early_exit_of(predictor: Predictor, share: float) -> EarlyExit:
    """Return when to ask no further.

    The order is that of value for cost, see `partial_blend.by_value_for_cost`. With bounded votes
    nothing is lost whatever is allowed; sums of logits stop by a margin.

    Raises:
        InvalidOptionError: its members are folds that held out other images each.
    """
    tuned, steps = predictor.steps.tuned, predictor.steps.steps
    measured = [predictor.ms_of(step) for step in steps]
    known = [ms for ms in measured if ms]
    in_ms = len(known) == len(steps)
    costs = np.array(known if in_ms else [float(len(step.views)) for step in steps])
    _check_one_by_one(predictor)
    val = condensed(predictor.evaluation.pool)
    sample = val.rows(np.arange(0, len(val.ids), max(len(val.ids) // ORDERED_ON, 1)))
    bounded = voting_of(tuned.method).unit != "logits"
    order = by_value_for_cost(
        predictor.steps.logits(sample), tuned.weights, costs, 1.0 if bounded else tuned.blend_temperature
    )
    if bounded:
        return EarlyExit(exact_rule(tuned.method, tuned.weights, order=order), share, None, costs, in_ms)
    assert val.labels is not None
    rule, estimate = margin_rule(
        predictor.steps.logits(val), val.labels, val.ids, val.groups, tuned.weights, share, tuned.method, order, costs
    )
    return EarlyExit(rule, share, estimate, costs, in_ms)


def _check_one_by_one(predictor: Predictor) -> None:
    """Raise where no image is known on which all members were asked, one after the other."""
    if predictor.evaluation.families:
        raise InvalidOptionError(
            f"--early-exit finds order and threshold on val, and members of '{predictor.name}' have no val: each "
            "training image has the logits of one fold model only. Leave --early-exit out."
        )


def early_exit_report(predictor: Predictor, early_exit: EarlyExit, taken: np.ndarray) -> EarlyExitReport:
    """Return what following the rule saved.

    Args:
        taken: how many images stopped after no step, one, two, ...
    """
    rule, estimate = early_exit.rule, early_exit.estimate
    steps = np.repeat(np.arange(len(taken)), taken)
    passes = np.array([float(len(step.views)) for step in predictor.steps.steps])
    promised = estimate is not None and np.isfinite(rule.threshold)
    kind = "all" if len(rule.order) == 1 or (estimate is not None and not promised) else rule.kind
    return EarlyExitReport(
        kind=kind,
        order=tuple(predictor.called(predictor.steps.steps[step]) for step in rule.order),
        saved_passes=saved(rule, steps, passes),
        saved_ms=saved(rule, steps, early_exit.costs) if early_exit.in_ms else None,
        wanted_loss=early_exit.wanted_loss,
        loss=estimate.loss if estimate and promised else None,
        loss_at_most=estimate.at_most if estimate and promised else None,
        expected_saved=estimate.saved if estimate and promised else None,
        judged_on=predictor.evaluation.split,
    )
