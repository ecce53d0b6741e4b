"""How anything is written: replaced whole, under a lock, with its own seal.

Comes in: bytes, text, JSON and a path. Goes out: a file that is the old one or the new one, never half.
Read first: `atomic`. Knows nothing of members, runs or blends.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
