"""Members on disk: `member.json`, the arrays of logits and the CSVs of rows; score files of others.

Comes in: `Manifest` and `types.Predictions`. Goes out: the same, verified on first open.
Read first: `manifest`, then `members`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
