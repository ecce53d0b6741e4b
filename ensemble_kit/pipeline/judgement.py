"""What a blend is worth: every figure about it, and the same for its rivals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from ensemble_kit.ensembling.applying import calibrated
from ensemble_kit.ensembling.certificate import Certificate
from ensemble_kit.ensembling.comparison import compare_judged
from ensemble_kit.ensembling.condensing import condensed
from ensemble_kit.ensembling.diversity import diversity, near_duplicates
from ensemble_kit.ensembling.equivalents import equal_blend_curve, equivalent
from ensemble_kit.ensembling.folds import fold_of
from ensemble_kit.ensembling.holdouts import repeats_of
from ensemble_kit.ensembling.honesty import Procedure, cross_fit, optimism
from ensemble_kit.ensembling.judging import Calibration, Judged, judge
from ensemble_kit.ensembling.proof import prove
from ensemble_kit.ensembling.stacking import check_enough_rows
from ensemble_kit.ensembling.tuning import best_single, tune
from ensemble_kit.ensembling.views import ViewChoice
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.ways import Way, views_as_chosen, views_to_choose
from ensemble_kit.results import CalibrationReport, DiversityReport
from ensemble_kit.storage.manifest import Manifest
from ensemble_kit.types import Pool, Tuned

PSEUDO_SHARE: Final = 0.1
PROOF_SHARE: Final = 0.2  # of the seconds of a proof, what each fold may spend


class Judgement(NamedTuple):
    """A blend's numbers and all that is known of it.

    honest: cross-fitted, of this blend (`this`), of equal weights and of the best single member.
    figures: accuracies, scores, gains and p-values by the names that the report gives them.
    """

    tuned: Tuned
    certificate: Certificate | None
    honest: Mapping[str, Judged]
    figures: dict[str, Any]
    calibration: tuple[CalibrationReport | None, CalibrationReport | None]
    diversity: DiversityReport


def judge_blend(val: Pool, way: Way, manifests: Sequence[Manifest]) -> Judgement:
    """Return what a blend of these members is worth, its rivals judged on the same folds."""
    chosen, redone = views_as_chosen(manifests), views_to_choose(manifests)
    tuned, certificate = make(val, way, chosen)
    rivals: dict[str, Any] = {
        "equal": partial(tune, ballot=way.ballot, weights="equal"),
        "single": partial(best_single, ballot=way.ballot, metric=way.search.metric),
    }
    numbers = {"this": tuned} | {key: rival(val, view_choices=chosen) for key, rival in rivals.items()}
    seen = {key: judge(val, each) for key, each in numbers.items()}
    procedures = {key: partial(rival, view_choices=redone) for key, rival in rivals.items()}
    honest = cross_fit(val, {"this": procedure_of(way, redone), **procedures}, repeats=repeats_of(len(val.ids)))
    return Judgement(
        tuned=tuned,
        certificate=certificate,
        honest=honest,
        figures={
            "best_single": val.members[int(numbers["single"].weights.argmax())],
            **_accuracies(val, seen, honest, way.search.metric),
            **_gains(val, honest, way.search.metric),
        },
        calibration=_calibration(val, tuned, honest["this"]),
        diversity=_diversity(val, tuned, honest["this"]),
    )


def make(val: Pool, way: Way, view_choices: Sequence[ViewChoice]) -> tuple[Tuned, Certificate | None]:
    """Return the numbers of the blend and, where it was asked for, the proof of its weights."""
    tuned = tune(val, way.ballot, way.weights, view_choices, way.search)
    if way.proof_s is None or way.weights != "accuracy":
        return tuned, None
    return prove(val, tuned, view_choices, way.proof_s, way.search.limits)


def procedure_of(way: Way, view_choices: Sequence[ViewChoice]) -> Procedure:
    """Return the whole way from a pool to a blend, to be redone inside every fold."""
    hasty = way if way.proof_s is None else way._replace(proof_s=PROOF_SHARE * way.proof_s)
    return lambda pool: make(pool, hasty, view_choices)[0]


def estimate(val: Pool, way: Way, manifests: Sequence[Manifest]) -> tuple[Tuned, Judged]:
    """Return what a way makes of these members, and how that does where it has not looked."""
    procedure = procedure_of(way, views_to_choose(manifests))
    honest = cross_fit(val, {"it": procedure}, repeats=repeats_of(len(val.ids)))["it"]
    return make(val, way, views_as_chosen(manifests))[0], honest


def small_enough(val: Pool, metric: str, weights: str = "auto") -> Pool:
    """Return val as it can be tuned on: where it is very large, the likeliest classes of each image alone.

    Raises:
        InvalidOptionError: the metric or the way to find weights needs every class, or stacking
            needs more images.
    """
    if weights == "stacking":
        check_enough_rows(len(val.ids), len(val.members), len(val.classes))
    small = condensed(val)
    if small is not val and (metric not in ("accuracy", "log-loss") or weights == "stacking"):
        what = f"--metric {metric}" if weights != "stacking" else "stacking"
        raise InvalidOptionError(
            f"{what} needs all {len(val.classes)} classes, and on {len(val.ids)} val pictures only the "
            f"likeliest {len(small.classes)} of each are read; take another."
        )
    return small


def _accuracies(val: Pool, seen: Mapping[str, Judged], honest: Mapping[str, Judged], metric: str) -> dict[str, Any]:
    """Return tuned and honest figures of the blend and its rivals."""
    figures: dict[str, Any] = {
        "tuned_val_accuracy": seen["this"].accuracy,
        "tuned_val_interval": seen["this"].interval(val.groups),
        "optimism": optimism(seen["this"].accuracy, honest["this"]),
        "val_score_interval": seen["this"].score_interval(metric, val.ids, val.groups),
    }
    for key, prefix in (("this", ""), ("equal", "equal_"), ("single", "best_single_")):
        if prefix:
            figures[f"{prefix}val_accuracy"] = seen[key].accuracy
        figures |= {
            f"{prefix}honest_accuracy": honest[key].accuracy,
            f"{prefix}honest_interval": honest[key].interval(val.groups),
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
    return _reported(raw), _reported(honest.calibration())


def _reported(found: Calibration | None) -> CalibrationReport | None:
    return None if found is None else CalibrationReport(found.ece, found.brier, found.log_loss)


def _diversity(val: Pool, tuned: Tuned, honest: Judged) -> DiversityReport:
    """Return how different the members are, and how many of them the blend is worth."""
    assert val.labels is not None
    logits = calibrated(val, tuned)
    found = diversity(logits.argmax(axis=2), val.labels)
    worth = None
    if honest.log_prob is not None and len(val.members) > 1:
        halves = fold_of(val.ids, val.labels, val.groups, folds=2)
        worth = equivalent(equal_blend_curve(logits, val.labels, halves), float(honest.log_prob.mean()))
    return DiversityReport(
        mean_accuracy=found.accuracy,
        oracle_accuracy=found.oracle,
        disagreement=found.means.disagreement,
        double_fault=found.means.double_fault,
        q=found.means.q,
        correlation=found.means.correlation,
        near_duplicates=tuple((val.members[pair.first], val.members[pair.second]) for pair in near_duplicates(logits)),
        equivalent_members=worth,
    )
