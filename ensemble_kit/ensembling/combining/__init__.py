"""Voting methods, and how the numbers of a blend are applied to logits.

Comes in: `Pool` and `Tuned`. Goes out: scores, probabilities, predicted classes, tile by tile.
Read first: `voting` (the one algebra), then `apply`. To add a voting method: see `table`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
