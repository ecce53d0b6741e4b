"""TTA: a checkpoint and view names -> more views in the member, and the weights of its views.

Read first: `tta`, then `view_report`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
