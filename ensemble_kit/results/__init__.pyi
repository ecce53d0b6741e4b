from .auto import (
    AutoPlanReport as AutoPlanReport,
    AutoReport as AutoReport,
    AutoStepReport as AutoStepReport,
    FlipReport as FlipReport,
)
from .blend import (
    BlendReport as BlendReport,
    CalibrationReport as CalibrationReport,
    CertificateReport as CertificateReport,
    CompareReport as CompareReport,
    ContributionReport as ContributionReport,
    CostReport as CostReport,
    DiversityReport as DiversityReport,
    FamilyWeightReport as FamilyWeightReport,
    MethodReport as MethodReport,
)
from .data import (
    DataReport as DataReport,
    DemoDataReport as DemoDataReport,
    DemoReport as DemoReport,
    Diagnosis as Diagnosis,
    DoctorReport as DoctorReport,
    Finding as Finding,
    Rung as Rung,
    Shift as Shift,
    SplitFacts as SplitFacts,
)
from .export import ExportReport as ExportReport
from .find_lr import FindLrReport as FindLrReport
from .intervals import Interval as Interval
from .json_text import as_json as as_json
from .members import (
    ArchReport as ArchReport,
    FamilyReport as FamilyReport,
    MemberReport as MemberReport,
    MembersReport as MembersReport,
    RemovedReport as RemovedReport,
    RenamedReport as RenamedReport,
    TrainReport as TrainReport,
    ZooReport as ZooReport,
)
from .predict import (
    AbstentionReport as AbstentionReport,
    EarlyExitReport as EarlyExitReport,
    PredictReport as PredictReport,
)
from .probe import ProbeReport as ProbeReport
from .report import (
    BinReport as BinReport,
    ClassReport as ClassReport,
    ConfusionReport as ConfusionReport,
    DisagreementReport as DisagreementReport,
    LadderReport as LadderReport,
    LearningReport as LearningReport,
    LooksReport as LooksReport,
    PageReport as PageReport,
    PictureReport as PictureReport,
    PinReport as PinReport,
    ReliabilityReport as ReliabilityReport,
    RepeatReport as RepeatReport,
    SeenViewReport as SeenViewReport,
    WorthReport as WorthReport,
)
from .show_augment import AugmentReport as AugmentReport
from .soup import IngredientReport as IngredientReport, SoupReport as SoupReport
from .submit import (
    BalanceReport as BalanceReport,
    BaselineReport as BaselineReport,
    ChangeReport as ChangeReport,
    ClassScoreReport as ClassScoreReport,
    ClassShareReport as ClassShareReport,
    MoveReport as MoveReport,
    NeighboursReport as NeighboursReport,
    PartReport as PartReport,
    ScoreReport as ScoreReport,
    ScoredReport as ScoredReport,
    SubmissionReport as SubmissionReport,
    SubmissionsReport as SubmissionsReport,
    SubmitReport as SubmitReport,
)
from .tta import (
    ClassHarmReport as ClassHarmReport,
    CurveGainReport as CurveGainReport,
    CurveReport as CurveReport,
    CurveStepReport as CurveStepReport,
    EngineReport as EngineReport,
    OrderReport as OrderReport,
    ShardReport as ShardReport,
    TtaReport as TtaReport,
    ViewReport as ViewReport,
)
