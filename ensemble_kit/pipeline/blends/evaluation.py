"""What a blend is worth: every figure about it, and the same for its baselines."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ensemble_kit.ensembling.combining import calibrated
from ensemble_kit.ensembling.diagnostics import Diversity, diversity, equal_blend_curve, equivalent, near_duplicates
from ensemble_kit.ensembling.evaluation import Calibration, Scored, compare_scored, evaluate, optimism
from ensemble_kit.ensembling.statistics import PSEUDO_SHARE, fold_of, why_not_fitted
from ensemble_kit.ensembling.tuning import best_single, tune
from ensemble_kit.ensembling.weights import Certificate
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.blends.settings import BlendSettings
from ensemble_kit.pipeline.blends.tuning_set import BlendSets, make, procedure_of
from ensemble_kit.results import (
    EQUAL,
    BaselineFigures,
    BlendFigures,
    CalibrationReport,
    DiversityReport,
    Estimates,
    Gain,
)
from ensemble_kit.types import MemberLogits, Pool, Tuned, Weights


class Measured(NamedTuple):
    """What was measured of a blend where it is evaluated, as its report holds it; calibration is None for votes."""

    estimates: Estimates
    calibration_before: CalibrationReport | None
    calibration_after: CalibrationReport | None
    diversity: DiversityReport


class BlendEvaluation(NamedTuple):
    """A blend's numbers and all that is known of it.

    found: its numbers as they were tuned, one a member or one a family.
    tuned: the same, one a member.
    """

    found: Tuned
    tuned: Tuned
    certificate: Certificate | None
    measured: Measured


class Compared(NamedTuple):
    """A way to blend where it is evaluated: with the numbers that were found, and honestly."""

    seen: Scored
    honest: Scored


def evaluate_blend(sets: BlendSets, settings: BlendSettings) -> BlendEvaluation:
    """Return what a blend is worth, its baselines evaluated in the same way on the same images.

    Baselines are found where the blend is: the best single is chosen on the rows that are tuned on.
    """
    val, metric = sets.evaluated, settings.search.metric
    found, certificate = make(sets.pool, settings, sets.chosen)
    baselines: dict[str, Callable[..., Tuned]] = {
        "equal": partial(tune, method=settings.method, weights="equal", temperatures=settings.temperatures),
        "single": partial(best_single, method=settings.method, metric=metric, temperatures=settings.temperatures),
    }
    numbers = {"this": found} | {
        key: baseline(sets.pool, view_choices=sets.chosen) for key, baseline in baselines.items()
    }
    procedures = {key: partial(baseline, view_choices=sets.redone) for key, baseline in baselines.items()}
    seen, honest = sets.evaluate(numbers, {"this": procedure_of(settings, sets.redone), **procedures})
    this, equal, single = (Compared(seen[key], honest[key]) for key in ("this", "equal", "single"))
    over_equal, over_single = (_gain(val, this.honest, baseline.honest, metric) for baseline in (equal, single))
    if _weighs_equally(sets.pool, settings, found.weights):
        over_equal = replace(over_equal, difference=0.0, interval=(0.0, 0.0), p=1.0)
    name = sets.pool.members[int(numbers["single"].weights.argmax())]
    estimates = Estimates(
        this=_of_blend(sets, found, this, metric),
        equal=_of_baseline(val, EQUAL, equal, over_equal, metric),
        best_single=_of_baseline(val, name, single, replace(over_single, resolvable=None), metric),
    )
    there = sets.there(found)
    calibration = _calibration(val, there, this.honest)
    measured = Measured(estimates, *calibration, _diversity(sets, there, this.honest))
    return BlendEvaluation(found, sets.whole(found), certificate, measured)


def _weighs_equally(pool: Pool, settings: BlendSettings, found: Weights) -> bool:
    """Return whether the blend is that of equal weights in every fold too, so that it is compared with itself."""
    assert pool.labels is not None
    asked = settings.weights == "equal" or not isinstance(settings.weights, str)
    return bool(np.ptp(found) < 1e-9) and (asked or why_not_fitted(pool.labels) is not None)


def _of_blend(sets: BlendSets, found: Tuned, compared: Compared, metric: str) -> BlendFigures:
    """Return what the blend itself is worth."""
    val, seen, honest = sets.evaluated, compared.seen, compared.honest
    return BlendFigures(
        tuned_accuracy=seen.accuracy,
        tuned_interval=seen.interval(val.groups),
        tuned_score=seen.score(metric),
        tuned_score_interval=seen.score_interval(metric, val.groups),
        honest_accuracy=honest.accuracy,
        honest_interval=honest.interval(val.groups),
        honest_score=honest.score(metric),
        honest_score_interval=honest.score_interval(metric, val.groups),
        optimism=optimism(seen.accuracy, honest),
        tuned_oof_accuracy=evaluate(sets.pool, found).accuracy if sets.families else None,
    )


def _of_baseline(val: Pool, name: str, compared: Compared, gain: Gain, metric: str) -> BaselineFigures:
    """Return what a baseline is worth."""
    seen, honest = compared
    return BaselineFigures(
        name=name,
        tuned_accuracy=seen.accuracy,
        tuned_score=seen.score(metric),
        honest_accuracy=honest.accuracy,
        honest_interval=honest.interval(val.groups),
        honest_score=honest.score(metric),
        honest_score_interval=honest.score_interval(metric, val.groups),
        gain=gain,
    )


def _gain(val: Pool, this: Scored, baseline: Scored, metric: str) -> Gain:
    """Return what the blend gains over a baseline (more is better), how sure that is, and what val could tell.

    A blend and its baselines mostly decide alike, so pseudo-images are kept to a fifth of those
    that they decide otherwise: intervals are at most a tenth wider than Wald's.
    """
    gain = METRICS[metric].gain
    found = compare_scored(this, baseline, metric, val.groups, pseudo_share=PSEUDO_SHARE)
    low, high = sorted(map(gain, found.interval))
    return Gain(gain(found.difference), (low, high), found.p, found.resolvable)


def _calibration(val: Pool, tuned: Tuned, honest: Scored) -> tuple[CalibrationReport | None, CalibrationReport | None]:
    """Return calibration with every temperature 1, and cross-fitted with those that were found."""
    raw = None
    if tuned.stack is None:
        plain = replace(tuned, temperatures=np.ones(len(tuned.temperatures)), blend_temperature=1.0)
        raw = evaluate(val, plain).calibration()
    return reported_calibration(raw), reported_calibration(honest.calibration())


def reported_calibration(found: Calibration | None) -> CalibrationReport | None:
    """Return what calibration was found to be; None where there are no probabilities."""
    return None if found is None else CalibrationReport(found.ece, found.brier, found.log_loss)


def _diversity(sets: BlendSets, tuned: Tuned, honest: Scored) -> DiversityReport:
    """Return how different the members are, and how many of them the blend is worth.

    The latter needs temperatures that are fitted there, so it is left out where nothing was.
    """
    val = sets.evaluated
    assert val.labels is not None
    logits = calibrated(val, tuned)
    found = diversity(logits.argmax(axis=2), val.labels)
    worth = None
    if honest.log_prob is not None and len(val.members) > 1 and not sets.fresh:
        halves = fold_of(val.ids, val.labels, val.groups, folds=2)
        worth = equivalent(equal_blend_curve(logits, val.labels, halves), float(honest.log_prob.mean()))
    return reported_diversity(found, logits, val.members, worth)


def reported_diversity(
    found: Diversity, logits: MemberLogits, names: Sequence[str], worth: float | None = None
) -> DiversityReport:
    """Return how different members were found to be.

    Args:
        logits: of each member, views merged.
        worth: how many members the blend is worth.
    """
    return DiversityReport(
        mean_accuracy=found.accuracy,
        oracle_accuracy=found.oracle,
        disagreement=found.means.disagreement,
        double_fault=found.means.double_fault,
        q=found.means.q,
        correlation=found.means.correlation,
        near_duplicates=tuple((names[pair.first], names[pair.second]) for pair in near_duplicates(logits)),
        equivalent_members=worth,
    )
