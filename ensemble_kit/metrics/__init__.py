"""The metrics that people choose by name, each one number: accuracy, balanced-accuracy, macro-f1, log-loss.

Comes in: predicted classes or log probabilities, and labels. Goes out: a float. Read first: `table`, whose lines
name the functions in `scores`. To add a metric: a function there, its line in the stub, one line in `METRICS`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
