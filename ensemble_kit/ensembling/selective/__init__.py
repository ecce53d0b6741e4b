"""Selective prediction: early exit (no further views than needed) and abstention (no answer when unsure).

Comes in: calibrated logits in the order in which views are computed. Goes out: thresholds, and what they cost.
Read first: `early_exit`, then `margin_threshold`; `abstention` stands alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
