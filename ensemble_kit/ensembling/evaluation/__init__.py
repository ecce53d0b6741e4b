"""How good a whole procedure is: redone inside every fold, scored where it was not fitted.

Comes in: a pool and a procedure (a function from a pool to `Tuned`). Goes out: predictions, scores, intervals, the
honest estimate. Read first: `cross_fitting`, then `scored`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
