"""Is this machine, and is this folder, fit for work? Each finding with its remedy. Read first: `doctor`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
