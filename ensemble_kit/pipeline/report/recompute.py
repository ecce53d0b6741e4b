"""A saved blend evaluated again: what was found when it was made, and what it says of each image it has not seen.

The figures are those that the blend holds; where it is too old to hold them, they are found anew.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ensemble_kit.ensembling.combining import merge_views
from ensemble_kit.ensembling.diagnostics import Diversity, diversity
from ensemble_kit.ensembling.evaluation import CrossFitted, Scored, as_tuned, cross_fit_one, evaluate, repeats_of
from ensemble_kit.pipeline.blends import (
    BlendSets,
    BlendSettings,
    Measured,
    assemble,
    blend_sets,
    evaluate_blend,
    every_budget,
    figures_from_json,
    notes_of,
    procedure_of,
    reported_calibration,
    reported_diversity,
    settings_again,
)
from ensemble_kit.pipeline.members import evaluation_of
from ensemble_kit.pipeline.models import OpenBlend
from ensemble_kit.reporting.terminal import IMAGES, say
from ensemble_kit.results import BlendReport, FamilyWeightReport, FullReport
from ensemble_kit.types import Pool, Tuned


@dataclass(frozen=True, eq=False)
class Case:
    """A blend and all that is found about it where it is evaluated.

    val: the evaluation set, with all its classes, however large it is.
    tuned: the numbers of what is weighed there, members or families.
    plain: what these say with every temperature 1, as one repeat; None for a stack.
    unseen: what the blend says of each image where it was not fitted.
    alone: the class that each member, or family, gives each image.
    """

    opened: OpenBlend
    val: Pool
    sets: BlendSets
    settings: BlendSettings
    tuned: Tuned
    plain: Scored | None
    cross_fitted: CrossFitted
    alone: np.ndarray
    differ: Diversity

    @property
    def repeats(self) -> int:
        """How often the images were split anew; 0: they decided nothing."""
        return 0 if self.sets.fresh else len(self.cross_fitted.scored.predicted)


def evaluate_again(opened: OpenBlend, quiet: bool) -> Case:
    """Return what is found about a saved blend where it is evaluated.

    Raises:
        BadDataError: there are no labels.
        MisalignedError: the members differ.
    """
    saved, held = opened.saved, opened.members
    evaluation = evaluation_of(held)
    val = evaluation.pool
    assert val.labels is not None
    families, settings = settings_again(saved, evaluation.manifests)
    sets = blend_sets(evaluation, held, families, saved.metric, settings.written)
    repeats, tuned = repeats_of(len(val.ids)), evaluation.here(saved.tuned())
    if sets.fresh:
        cross_fitted = as_tuned(val, tuned)
    else:
        images = f"{len(val.ids)} {IMAGES[evaluation.split]}"
        say(f"Cross-fitting '{saved.name}' on {images}, 5 folds x {repeats} ...", quiet)
        cross_fitted = cross_fit_one(sets.evaluated, procedure_of(settings, sets.redone), repeats, val)
    alone = np.stack([_classes(*pair) for pair in zip(val.logits, tuned.view_weights, strict=True)])
    return Case(
        opened, val, sets, settings, tuned, _plain(val, tuned), cross_fitted, alone, diversity(alone, val.labels)
    )


def blend_report(case: Case, blends: Path, quiet: bool) -> BlendReport:
    """Return the blend as `ek blend` reports it, as far as its file and its members tell."""
    opened, sets = case.opened, case.sets
    measured = _measured(case)
    return assemble(
        opened.saved,
        opened.path,
        blends,
        opened.members,
        sets,
        measured,
        families=_families(case),
        full=FullReport(costs=every_budget(sets, case.settings, quiet)),
        notes=notes_of(case.val, sets, case.settings, measured.diversity),
    )


def _measured(case: Case) -> Measured:
    """Return the figures that the blend holds, or those that are found now where it lacks some; the rest found now."""
    held = figures_from_json(case.opened.saved.figures)
    before, after = (
        None if one is None else reported_calibration(one.calibration())
        for one in (case.plain, case.cross_fitted.scored)
    )
    merged = np.stack([merge_views(*pair) for pair in zip(case.val.logits, case.tuned.view_weights, strict=True)])
    return Measured(
        estimates=evaluate_blend(case.sets, case.settings).measured.estimates if held is None else held,
        calibration_before=before,
        calibration_after=after,
        diversity=reported_diversity(case.differ, merged, case.val.members),
    )


def _classes(logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the class that a member gives each image over its views."""
    classes: np.ndarray = merge_views(logits, weights).argmax(axis=1)
    return classes


def _plain(val: Pool, tuned: Tuned) -> Scored | None:
    """Return what the members say with every temperature 1; None for a stack, which knows no such thing."""
    if tuned.stack is not None:
        return None
    return evaluate(val, replace(tuned, temperatures=np.ones(len(tuned.temperatures)), blend_temperature=1.0))


def _families(case: Case) -> tuple[FamilyWeightReport, ...]:
    """Return the weight of each family, the sum of its members'; nothing where members were weighed."""
    pins = case.opened.saved.members
    return tuple(
        FamilyWeightReport(
            family=family.name,
            members=tuple(pins[place].name for place in family.places),
            weight=sum(pins[place].weight for place in family.places),
            temperature=pins[family.places[0]].temperature,
        )
        for family in case.sets.families
    )
