"""The report of a blend as one HTML page without links to elsewhere. Read first: `page`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
