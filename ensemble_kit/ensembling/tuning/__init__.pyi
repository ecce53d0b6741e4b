from .certify import prove as prove
from .prepare import (
    TunedViews as TunedViews,
    ViewChoice as ViewChoice,
    prepare as prepare,
    tune_views as tune_views,
    why_not_fitted as why_not_fitted,
)
from .top_classes import condensed as condensed
from .tune import best_single as best_single, check_metric as check_metric, tune as tune
