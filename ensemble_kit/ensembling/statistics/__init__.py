"""Folds, intervals and tests: what chance can do, made repeatable.

Comes in: labels, groups, figures an image. Goes out: folds, standard errors, intervals, p-values, exact
bounds, and whether there is enough to fit. Knows nothing of members or blends. Read first: `folds`, then
`paired_tests`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
