"""A data folder or CSVs -> decoded splits of one size; and commands that only show images.

Comes in: `images.Source`. Goes out: `DecodedImages` (splits, uint8 arrays, fingerprints). Read first: `images`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
