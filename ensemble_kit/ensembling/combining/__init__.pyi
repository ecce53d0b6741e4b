from . import apply as apply
from .apply import (
    calibrated as calibrated,
    predict as predict,
    probabilities as probabilities,
    rule_of as rule_of,
    scores as scores,
)
from .ballots import (
    Ballot as Ballot,
    LOGIT_SUM as LOGIT_SUM,
    TIE_WIDTH as TIE_WIDTH,
    cast_log_prob as cast_log_prob,
    cast_logit as cast_logit,
    cast_prob as cast_prob,
    combine as combine,
    decide as decide,
    merge_views as merge_views,
    normalised as normalised,
    softmax as softmax,
)
from .stacked import stacked as stacked
from .table import BALLOTS as BALLOTS
