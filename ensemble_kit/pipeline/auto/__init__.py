"""A time budget -> members, views, a blend and its submission; the demo. Read first: `auto`, then `portfolio`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
