"""What a blend is worth: every figure about it, and the same for its rivals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ensemble_kit.ensembling.combining import calibrated
from ensemble_kit.ensembling.diagnostics import Diversity, diversity, equal_blend_curve, equivalent, near_duplicates
from ensemble_kit.ensembling.evaluation import Calibration, Judged, compare_judged, judge, optimism
from ensemble_kit.ensembling.statistics import PSEUDO_SHARE, fold_of
from ensemble_kit.ensembling.tuning import best_single, tune
from ensemble_kit.ensembling.weights import Certificate
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.blends.settings import Way
from ensemble_kit.pipeline.blends.tuning_set import Ground, make, procedure_of
from ensemble_kit.results import CalibrationReport, DiversityReport
from ensemble_kit.types import MemberLogits, Pool, Tuned


class Judgement(NamedTuple):
    """A blend's numbers and all that is known of it.

    found: its numbers as they were tuned, one a member or one a family.
    tuned: the same, one a member.
    honest: of this blend (`this`), of equal weights and of the best single member or family.
    figures: accuracies, scores, gains and p-values by the names that the report gives them.
    """

    found: Tuned
    tuned: Tuned
    certificate: Certificate | None
    honest: Mapping[str, Judged]
    figures: dict[str, Any]
    calibration: tuple[CalibrationReport | None, CalibrationReport | None]
    diversity: DiversityReport


def judge_blend(ground: Ground, way: Way) -> Judgement:
    """Return what a blend is worth, its rivals judged in the same way on the same pictures.

    Rivals are found where the blend is: the best single is chosen on the rows that are tuned on.
    """
    val, metric = ground.judged_on, way.search.metric
    found, certificate = make(ground.pool, way, ground.chosen)
    rivals: dict[str, Any] = {
        "equal": partial(tune, ballot=way.ballot, weights="equal"),
        "single": partial(best_single, ballot=way.ballot, metric=metric),
    }
    numbers = {"this": found} | {key: rival(ground.pool, view_choices=ground.chosen) for key, rival in rivals.items()}
    procedures = {key: partial(rival, view_choices=ground.redone) for key, rival in rivals.items()}
    seen, honest = ground.judged(numbers, {"this": procedure_of(way, ground.redone), **procedures})
    return Judgement(
        found=found,
        tuned=ground.whole(found),
        certificate=certificate,
        honest=honest,
        figures={
            "best_single": ground.pool.members[int(numbers["single"].weights.argmax())],
            "tuned_oof_accuracy": judge(ground.pool, found).accuracy if ground.families else None,
            **_accuracies(val, seen, honest, metric),
            **_gains(val, honest, metric),
        },
        calibration=_calibration(val, ground.there(found), honest["this"]),
        diversity=_diversity(ground, ground.there(found), honest["this"]),
    )


def _accuracies(val: Pool, seen: Mapping[str, Judged], honest: Mapping[str, Judged], metric: str) -> dict[str, Any]:
    """Return tuned and honest figures of the blend and its rivals."""
    figures: dict[str, Any] = {
        "tuned_val_accuracy": seen["this"].accuracy,
        "tuned_val_interval": seen["this"].interval(val.groups),
        "optimism": optimism(seen["this"].accuracy, honest["this"]),
        "val_score_interval": seen["this"].score_interval(metric, val.ids, val.groups),
    }
    for key, prefix in (("this", ""), ("equal", "equal_")):
        figures[f"{prefix}honest_interval"] = honest[key].interval(val.groups)
    for key, prefix in (("this", ""), ("equal", "equal_"), ("single", "best_single_")):
        figures |= {
            f"{prefix}honest_accuracy": honest[key].accuracy,
            f"{prefix}val_score": seen[key].score(metric),
            f"{prefix}honest_score": honest[key].score(metric),
            f"{prefix}honest_score_interval": honest[key].score_interval(metric, val.ids, val.groups),
        }
    return figures


def _gains(val: Pool, honest: Mapping[str, Judged], metric: str) -> dict[str, Any]:
    """Return what the blend gains over its rivals (more is better), how sure that is, and what val could tell.

    A blend and its rivals mostly decide alike, so pseudo-images are kept to a fifth of those
    that they decide otherwise: intervals are at most a tenth wider than Wald's.
    """
    figures: dict[str, Any] = {}
    gain = METRICS[metric].gain
    for rival, name in (("equal", "equal"), ("single", "best_single")):
        found = compare_judged(honest["this"], honest[rival], metric, val.ids, val.groups, pseudo_share=PSEUDO_SHARE)
        low, high = sorted(map(gain, found.interval))
        figures[f"gain_over_{name}"] = gain(found.difference)
        figures[f"gain_over_{name}_interval"] = (low, high)
        figures[f"p_vs_{name}"] = found.p
        if rival == "equal":
            figures["resolvable"] = found.resolvable
    return figures


def _calibration(val: Pool, tuned: Tuned, honest: Judged) -> tuple[CalibrationReport | None, CalibrationReport | None]:
    """Return calibration with every temperature 1, and cross-fitted with those that were found."""
    raw = None
    if tuned.stack is None:
        plain = replace(tuned, temperatures=np.ones(len(tuned.temperatures)), blend_temperature=1.0)
        raw = judge(val, plain).calibration()
    return reported_calibration(raw), reported_calibration(honest.calibration())


def reported_calibration(found: Calibration | None) -> CalibrationReport | None:
    """Return what calibration was found to be; None where there are no probabilities."""
    return None if found is None else CalibrationReport(found.ece, found.brier, found.log_loss)


def _diversity(ground: Ground, tuned: Tuned, honest: Judged) -> DiversityReport:
    """Return how different the members are, and how many of them the blend is worth.

    The latter needs temperatures that are fitted there, so it is left out where nothing was.
    """
    val = ground.judged_on
    assert val.labels is not None
    logits = calibrated(val, tuned)
    found = diversity(logits.argmax(axis=2), val.labels)
    worth = None
    if honest.log_prob is not None and len(val.members) > 1 and not ground.fresh:
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
