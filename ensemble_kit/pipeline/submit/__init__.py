"""A blend or a CSV -> a checked submission, kept and counted; scores that came back; a judge's scores.

Read first: `submit`, then `drafts` and `advice`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
