"""A data set checked before anything is learnt from it; never changes a file.

Comes in: a `DataSet`. Goes out: findings with remedies, duplicates, shifts, a contact sheet.
Read first: `inspect` (one file), then `findings`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
