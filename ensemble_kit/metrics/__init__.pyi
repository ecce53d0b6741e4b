from .scores import accuracy as accuracy
from .scores import check_some as check_some
from .scores import log_loss as log_loss
from .scores import log_prob as log_prob
from .scores import mean_loss as mean_loss
from .scores import measure as measure
from .table import METRICS as METRICS
from .table import Metric as Metric
