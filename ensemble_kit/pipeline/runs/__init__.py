"""From images to a run, its checkpoint and its member: train, probe, soup, find-lr.

Comes in: `Source`, an architecture, a recipe. Goes out: a run folder and a member. Read first: `train`, `train_one`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
