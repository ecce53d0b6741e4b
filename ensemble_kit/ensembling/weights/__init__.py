"""Ways to find weights, each a function from `Evidence` to weights that sum to 1.

Comes in: calibrated votes of members (or views) with labels and folds. Goes out: `Weighing`.
Read first: `evidence`, then `logloss` (the default). To add a way: see `table`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
