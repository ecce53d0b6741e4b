"""Members -> a blend, its honest estimate and its submission; which of two is better.

Comes in: names of members, a method, a way to find weights. Goes out: a saved blend and `BlendReport`.
Read first: `blend`, then `settings`, `tuning_set`, `evaluation`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
