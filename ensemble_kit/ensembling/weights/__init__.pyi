from .evidence import (
    Evidence as Evidence,
    PLAIN as PLAIN,
    Search as Search,
    Weighing as Weighing,
    prior_only as prior_only,
    weigh as weigh,
)
from .logloss import MOST_IMAGES as MOST_IMAGES
from .logloss_solver import SMALLEST_PROBABILITY as SMALLEST_PROBABILITY, row_losses as row_losses
from .margins import pairs_of as pairs_of, right as right
from .member_selection import Limits as Limits, NO_LIMITS as NO_LIMITS, choose_members as choose_members, grow as grow
from .optimality import Certificate as Certificate, certify as certify
from .stacking import among as among, check_enough_rows as check_enough_rows, enough_rows as enough_rows
from .table import VIEW_CHOICES as VIEW_CHOICES, WEIGHTS as WEIGHTS
from .temperature import fit_scale as fit_scale, fit_scales as fit_scales, fit_temperatures as fit_temperatures
