"""New images through a blend or one member -> a file with their classes.

Read first: `predict`, then `predictor` and `batches`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
