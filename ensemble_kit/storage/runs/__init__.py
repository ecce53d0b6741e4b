"""The folder of a training run: config, metrics, checkpoint, and the state of an unfinished one.

Comes in: facts and weights. Goes out: the same, verified. Read first: `runs`, then `resume_state`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
