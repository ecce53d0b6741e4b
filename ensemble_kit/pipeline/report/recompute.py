"""A saved blend judged again: what was found when it was made, and what it says of each picture it has not seen.

The figures are those that the blend holds; where it is too old to hold them, they are found anew.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from ensemble_kit.ensembling.combining import merge_views
from ensemble_kit.ensembling.diagnostics import Diversity, diversity
from ensemble_kit.ensembling.evaluation import Judged, Unseen, judge, repeats_of, say_as_it_is, say_unseen
from ensemble_kit.pipeline.blends import (
    Ground,
    Judgement,
    Way,
    asked_again,
    cost_ms,
    count_trials,
    every_budget,
    ground_of,
    judge_blend,
    notes_of,
    procedure_of,
    reported_calibration,
    reported_diversity,
)
from ensemble_kit.pipeline.members import evaluation_of
from ensemble_kit.pipeline.models import OpenBlend
from ensemble_kit.reporting import PICTURES, say
from ensemble_kit.reporting.blend import verdict
from ensemble_kit.results import BlendReport, FamilyWeightReport
from ensemble_kit.types import Pool, Tuned

_BEGIN: Final = ("tuned_oof", "tuned_val", "val_score", "honest", "equal", "best_single", "gain", "p_vs")
OF_FIGURES: Final = (
    *(field.name for field in fields(BlendReport) if field.name.startswith(_BEGIN)),
    "optimism",
    "resolvable",
)
"""What a blend keeps among its figures, by the names that the report gives them."""


@dataclass(frozen=True, eq=False)
class Case:
    """A blend and all that is found about it where it is judged.

    val: the evaluation set, with all its classes, however large it is.
    tuned: the numbers of what is weighed there, members or families.
    plain: what these say with every temperature 1, as one repeat; None for a stack.
    unseen: what the blend says of each picture where it has not looked.
    alone: the class that each member, or family, gives each picture.
    """

    opened: OpenBlend
    val: Pool
    ground: Ground
    way: Way
    tuned: Tuned
    plain: Judged | None
    unseen: Unseen
    alone: np.ndarray
    differ: Diversity

    @property
    def repeats(self) -> int:
        """How often the pictures were split anew; 0: they decided nothing."""
        return 0 if self.ground.fresh else len(self.unseen.judged.predicted)


def judge_again(opened: OpenBlend, quiet: bool) -> Case:
    """Return what is found about a saved blend where it is judged.

    Raises:
        BadDataError: there are no labels.
        MisalignedError: the members differ.
    """
    saved, held = opened.saved, opened.members
    evaluation = evaluation_of(held)
    val = evaluation.pool
    assert val.labels is not None
    families, way = asked_again(saved, evaluation.manifests)
    ground = ground_of(evaluation, held, families, saved.metric, way.written)
    repeats, tuned = repeats_of(len(val.ids)), evaluation.here(saved.tuned())
    if ground.fresh:
        unseen = say_as_it_is(val, tuned)
    else:
        pictures = f"{len(val.ids)} {PICTURES[evaluation.split]}"
        say(f"Cross-fitting '{saved.name}' on {pictures}, 5 folds x {repeats} ...", quiet)
        unseen = say_unseen(ground.judged_on, procedure_of(way, ground.redone), repeats, val)
    alone = np.stack([_classes(*pair) for pair in zip(val.logits, tuned.view_weights, strict=True)])
    return Case(opened, val, ground, way, tuned, _plain(val, tuned), unseen, alone, diversity(alone, val.labels))


def blend_report(case: Case, blends: Any, quiet: bool) -> BlendReport:
    """Return the blend as `ek blend` reports it, as far as its file and its members tell."""
    saved, ground = case.opened.saved, case.ground
    manifests = ground.manifests
    figures = _figures(case)
    before, after = (
        None if one is None else reported_calibration(one.calibration()) for one in (case.plain, case.unseen.judged)
    )
    merged = np.stack([merge_views(*pair) for pair in zip(case.val.logits, case.tuned.view_weights, strict=True)])
    differ = reported_diversity(case.differ, merged, case.val.members)
    judged = Judgement(
        case.tuned, case.tuned, None, {"this": case.unseen.judged}, dict(figures), (before, after), differ
    )
    report = BlendReport(
        name=saved.name,
        method=saved.ballot,
        members=tuple(pin.name for pin in saved.members),
        families=_families(case),
        weights={pin.name: pin.weight for pin in saved.members},
        temperatures={pin.name: pin.temperature for pin in saved.members},
        weights_method=saved.weights_method,
        settings=saved.settings,
        tuned_on=saved.tuned_on,
        tuned_images=len(ground.pool.ids),
        ridge=saved.ridge,
        blend_temperature=saved.blend_temperature,
        metric=saved.metric,
        judged_on=ground.evaluation.split,
        val_images=len(case.val.ids),
        groups=None if case.val.groups is None else len(set(case.val.groups)),
        **figures,
        ledger_trials=0 if saved.val_fingerprint is None else count_trials(blends, saved.val_fingerprint),
        calibration_before=before,
        calibration_after=after,
        diversity=differ,
        cost_ms=cost_ms(saved.tuned(), manifests),
        costs=every_budget(ground, case.way, quiet),
        methods=(),
        contributions=(),
        certificate=None,
        verdict="",
        notes=tuple(notes_of(case.val, ground, judged)),
        blend_path=case.opened.path,
        submission_path=None,
        seconds=0.0,
    )
    return replace(report, verdict=verdict(report))


def _figures(case: Case) -> dict[str, Any]:
    """Return the figures that the blend holds, or those that are found now where it lacks some."""
    held = case.opened.saved.figures
    if any(name not in held for name in OF_FIGURES):
        held = judge_blend(case.ground, case.way).figures
    return {name: tuple(held[name]) if isinstance(held[name], list) else held[name] for name in OF_FIGURES}


def _classes(logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the class that a member gives each picture over its views."""
    classes: np.ndarray = merge_views(logits, weights).argmax(axis=1)
    return classes


def _plain(val: Pool, tuned: Tuned) -> Judged | None:
    """Return what the members say with every temperature 1; None for a stack, which knows no such thing."""
    if tuned.stack is not None:
        return None
    return judge(val, replace(tuned, temperatures=np.ones(len(tuned.temperatures)), blend_temperature=1.0))


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
        for family in case.ground.families
    )
