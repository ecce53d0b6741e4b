from .blend import blend as blend
from .compare import compare as compare
from .evaluation import (
    Judgement as Judgement,
    judge_blend as judge_blend,
    reported_calibration as reported_calibration,
    reported_diversity as reported_diversity,
)
from .full_report import cost_ms as cost_ms, every_budget as every_budget
from .notes import notes_of as notes_of
from .settings import Way as Way, asked_again as asked_again, way_of as way_of
from .submission_csv import find_target as find_target, sample_of as sample_of, without_test as without_test
from .trials import count_trials as count_trials
from .tuning_set import (
    Ground as Ground,
    estimate as estimate,
    ground_of as ground_of,
    procedure_of as procedure_of,
    small_enough as small_enough,
)
