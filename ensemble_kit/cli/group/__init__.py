"""The group `ek` that all commands stand in: errors to exit codes, chapters of the help page, streams.

Read first: `root`, then `careful`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
