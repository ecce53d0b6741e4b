"""What a command found out: frozen, printable, one JSON object each.

The command line prints these, Python callers read them, and both see the same names.
Accuracies are fractions in [0, 1]; `*_interval` is (low, high) at 95 %. A file a chapter.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ensemble_kit.results.augment import AugmentReport
from ensemble_kit.results.auto import AutoPlanReport, AutoReport, AutoStepReport, FlipReport
from ensemble_kit.results.blends import (
    BlendReport,
    CalibrationReport,
    CertificateReport,
    CompareReport,
    ContributionReport,
    CostReport,
    DiversityReport,
    FamilyWeightReport,
    MethodReport,
)
from ensemble_kit.results.data import (
    DataReport,
    DemoDataReport,
    DemoReport,
    Diagnosis,
    DoctorReport,
    Finding,
    Rung,
    Shift,
    SplitFacts,
)
from ensemble_kit.results.export import ExportReport
from ensemble_kit.results.find_lr import FindLrReport
from ensemble_kit.results.intervals import Interval
from ensemble_kit.results.members import (
    ArchReport,
    FamilyReport,
    MemberReport,
    MembersReport,
    RemovedReport,
    RenamedReport,
    TrainReport,
    ZooReport,
)
from ensemble_kit.results.predict import AbstainReport, CascadeReport, PredictReport
from ensemble_kit.results.probe import ProbeReport
from ensemble_kit.results.report import (
    BinReport,
    ClassReport,
    ConfusionReport,
    DisagreementReport,
    LadderReport,
    LearningReport,
    LooksReport,
    PageReport,
    PictureReport,
    PinReport,
    ReliabilityReport,
    RepeatReport,
    SeenViewReport,
    WorthReport,
)
from ensemble_kit.results.soup import IngredientReport, SoupReport
from ensemble_kit.results.submissions import (
    BalanceReport,
    BaselineReport,
    ChangeReport,
    ClassScoreReport,
    ClassShareReport,
    MoveReport,
    NeighboursReport,
    PartReport,
    ScoredReport,
    ScoreReport,
    SubmissionReport,
    SubmissionsReport,
    SubmitReport,
)
from ensemble_kit.results.views import (
    ClassHarmReport,
    CurveGainReport,
    CurveReport,
    CurveStepReport,
    EngineReport,
    OrderReport,
    ShardReport,
    TtaReport,
    ViewReport,
)
from ensemble_kit.visible import visible_json

__all__ = [
    "AbstainReport",
    "ArchReport",
    "AugmentReport",
    "AutoPlanReport",
    "AutoReport",
    "AutoStepReport",
    "BalanceReport",
    "BaselineReport",
    "BinReport",
    "BlendReport",
    "CalibrationReport",
    "CascadeReport",
    "CertificateReport",
    "ChangeReport",
    "ClassHarmReport",
    "ClassReport",
    "ClassScoreReport",
    "ClassShareReport",
    "CompareReport",
    "ConfusionReport",
    "ContributionReport",
    "CostReport",
    "CurveGainReport",
    "CurveReport",
    "CurveStepReport",
    "DataReport",
    "DemoDataReport",
    "DemoReport",
    "Diagnosis",
    "DisagreementReport",
    "DiversityReport",
    "DoctorReport",
    "EngineReport",
    "ExportReport",
    "FamilyReport",
    "FamilyWeightReport",
    "FindLrReport",
    "Finding",
    "FlipReport",
    "IngredientReport",
    "Interval",
    "LadderReport",
    "LearningReport",
    "LooksReport",
    "MemberReport",
    "MembersReport",
    "MethodReport",
    "MoveReport",
    "NeighboursReport",
    "OrderReport",
    "PageReport",
    "PartReport",
    "PictureReport",
    "PinReport",
    "PredictReport",
    "ProbeReport",
    "ReliabilityReport",
    "RemovedReport",
    "RenamedReport",
    "RepeatReport",
    "Rung",
    "ScoreReport",
    "ScoredReport",
    "SeenViewReport",
    "ShardReport",
    "Shift",
    "SoupReport",
    "SplitFacts",
    "SubmissionReport",
    "SubmissionsReport",
    "SubmitReport",
    "TrainReport",
    "TtaReport",
    "ViewReport",
    "WorthReport",
    "ZooReport",
    "as_json",
]


def as_json(report: Any, ascii_only: bool = False, path_as: Callable[[Path], object] = str) -> str:
    """Return a report as one JSON object, two blanks a level, infinities as strings, marks without form escaped.

    Args:
        path_as: how a path is written.
    """
    return visible_json(json.dumps(_plain(report, path_as), indent=2, ensure_ascii=ascii_only))


def _plain(value: Any, path_as: Callable[[Path], object]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), path_as) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, path_as) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, path_as) for item in value]
    if isinstance(value, Path):
        return str(path_as(value))
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    return value
