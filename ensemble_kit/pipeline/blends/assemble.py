"""A saved blend and what was measured of it -> its report, the same for `ek blend` and for `ek report`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ensemble_kit.ensembling.contest import expected_interval
from ensemble_kit.pipeline.blends.evaluation import Measured
from ensemble_kit.pipeline.blends.submission_csv import without_test
from ensemble_kit.pipeline.blends.trials import count_trials
from ensemble_kit.pipeline.blends.tuning_set import BlendSets
from ensemble_kit.pipeline.members import cost_ms
from ensemble_kit.reporting.blend import verdict
from ensemble_kit.results import (
    BlendReport,
    EvaluatedReport,
    FamilyWeightReport,
    FullReport,
    NumbersReport,
    ProcedureReport,
)
from ensemble_kit.storage import Blend
from ensemble_kit.storage.members import Member


def assemble(
    saved: Blend,
    path: Path,
    blends: Path,
    held: Sequence[Member],
    sets: BlendSets,
    measured: Measured,
    *,
    families: tuple[FamilyWeightReport, ...],
    full: FullReport,
    notes: Sequence[str],
    submission: Path | None = None,
    seconds: float = 0.0,
) -> BlendReport:
    """Return the report of a blend.

    Args:
        path: the file that holds it.
        blends: the folder whose ledger knows what was tried on its evaluation set.
        held: its members.
    """
    this, evaluated = measured.estimates.this, _evaluated(saved, held, sets, blends)
    like_val = this.honest_accuracy, this.honest_interval, evaluated.val_images
    report = BlendReport(
        name=saved.name,
        procedure=_procedure(saved),
        numbers=_numbers(saved, sets, families),
        evaluated=evaluated,
        this=this,
        equal=measured.estimates.equal,
        best_single=measured.estimates.best_single,
        calibration_before=measured.calibration_before,
        calibration_after=measured.calibration_after,
        diversity=measured.diversity,
        full=full,
        verdict="",
        notes=tuple(notes),
        blend_path=path,
        submission_path=submission,
        seconds=seconds,
        expected_on_test=expected_interval(*like_val, evaluated.test_images) if evaluated.test_images else None,
    )
    return replace(report, verdict=verdict(report))


def _procedure(saved: Blend) -> ProcedureReport:
    return ProcedureReport(
        method=saved.method,
        weights_method=saved.weights_method,
        settings=saved.settings,
        metric=saved.metric,
        tuned_on=saved.tuned_on,
    )


def _numbers(saved: Blend, sets: BlendSets, families: tuple[FamilyWeightReport, ...]) -> NumbersReport:
    return NumbersReport(
        members=tuple(pin.name for pin in saved.members),
        families=families,
        weights={pin.name: pin.weight for pin in saved.members},
        temperatures={pin.name: pin.temperature for pin in saved.members},
        ridge=saved.ridge,
        blend_temperature=saved.blend_temperature,
        cost_ms=cost_ms(sets.manifests, [pin.weight for pin in saved.members]),
    )


def _evaluated(saved: Blend, held: Sequence[Member], sets: BlendSets, blends: Path) -> EvaluatedReport:
    val = sets.evaluated
    return EvaluatedReport(
        judged_on=sets.evaluation.split,
        val_images=len(val.ids),
        groups=None if val.groups is None else len(set(val.groups)),
        tuned_images=len(sets.pool.ids),
        ledger_trials=0 if saved.val_fingerprint is None else count_trials(blends, saved.val_fingerprint),
        test_images=None if without_test(held) else len(held[0].split("test").ids),
    )
