"""The parts of which the report of a blend is made, and the names by which JSON and files know them.

Read first: `figures`; `blend_keys` is the one table of names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
