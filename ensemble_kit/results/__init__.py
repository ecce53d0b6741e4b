"""What a command found out: frozen, printable, one JSON object each.

The command line prints these, Python callers read them, and both see the same names.
Accuracies are fractions in [0, 1]; `*_interval` is (low, high) at 95 %. A file a chapter.
"""

import dataclasses
import json
from collections.abc import Mapping
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
from ensemble_kit.results.find_lr import FindLrReport
from ensemble_kit.results.intervals import Interval
from ensemble_kit.results.members import ArchReport, FamilyReport, MemberReport, MembersReport, TrainReport, ZooReport
from ensemble_kit.results.probe import ProbeReport
from ensemble_kit.results.soup import IngredientReport, SoupReport
from ensemble_kit.results.views import (
    ClassHarmReport,
    CurveReport,
    CurveStepReport,
    EngineReport,
    OrderReport,
    PredictReport,
    ShardReport,
    TtaReport,
    ViewReport,
)

__all__ = [
    "ArchReport",
    "AugmentReport",
    "AutoPlanReport",
    "AutoReport",
    "AutoStepReport",
    "BlendReport",
    "CalibrationReport",
    "CertificateReport",
    "ClassHarmReport",
    "CompareReport",
    "ContributionReport",
    "CostReport",
    "CurveReport",
    "CurveStepReport",
    "DataReport",
    "DemoDataReport",
    "DemoReport",
    "Diagnosis",
    "DiversityReport",
    "DoctorReport",
    "EngineReport",
    "FamilyReport",
    "FamilyWeightReport",
    "FindLrReport",
    "Finding",
    "FlipReport",
    "IngredientReport",
    "Interval",
    "MemberReport",
    "MembersReport",
    "MethodReport",
    "OrderReport",
    "PredictReport",
    "ProbeReport",
    "Rung",
    "ShardReport",
    "Shift",
    "SoupReport",
    "SplitFacts",
    "TrainReport",
    "TtaReport",
    "ViewReport",
    "ZooReport",
    "as_json",
]


def as_json(report: Any) -> str:
    """Return a report as one JSON object, two blanks a level, infinities as strings."""
    return json.dumps(_plain(report), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    return value
