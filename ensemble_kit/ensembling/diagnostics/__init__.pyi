from .contributions import contributions as contributions
from .diversity import (
    Diversity as Diversity,
    PerPair as PerPair,
    diversity as diversity,
    near_duplicates as near_duplicates,
)
from .ensemble_equivalent import equal_blend_curve as equal_blend_curve, equivalent as equivalent
from .harmful_views import Harm as Harm, find_harm as find_harm
from .label_errors import find_label_errors as find_label_errors
from .shapley import Shapley as Shapley, shapley as shapley, subset_accuracies as subset_accuracies
from .view_curve import view_curve as view_curve
