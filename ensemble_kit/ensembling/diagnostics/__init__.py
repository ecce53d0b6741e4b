"""What a pool can tell about its members and views beyond the blend's own score.

Comes in: pools, predictions, procedures. Goes out: diversity, Shapley values, harmful views, label errors.
Each module stands alone; start with the one whose figure you look for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
