from .exact_bounds import most_lost as most_lost, upper_bound as upper_bound
from .folds import fold_of as fold_of, generator as generator, numbered as numbered
from .near_best import near_best as near_best, paired_errors as paired_errors
from .resampling import RESAMPLES as RESAMPLES, percentiles as percentiles, resamples as resamples, swaps as swaps
