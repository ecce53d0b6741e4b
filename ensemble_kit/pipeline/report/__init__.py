"""A saved blend -> one page with all that is known of it, and the same as JSON.

Read first: `report`, then `sections` and `recompute`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
