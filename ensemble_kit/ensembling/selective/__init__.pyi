from .abstention import abstention as abstention, fewest as fewest
from .early_exit import EarlyExitRule as EarlyExitRule, exact_rule as exact_rule, follow as follow, saved as saved
from .margin_threshold import MarginEstimate as MarginEstimate, margin_rule as margin_rule
from .partial_blend import (
    Answers as Answers,
    MemberSteps as MemberSteps,
    Step as Step,
    answer as answer,
    answers as answers,
    apart as apart,
    by_value_for_cost as by_value_for_cost,
    runs_each_view as runs_each_view,
    whole_steps as whole_steps,
)
