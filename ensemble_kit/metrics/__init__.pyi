from .scores import (
    accuracy as accuracy,
    check_some as check_some,
    log_loss as log_loss,
    log_prob as log_prob,
    mean_loss as mean_loss,
    measure as measure,
)
from .table import METRICS as METRICS, Metric as Metric
