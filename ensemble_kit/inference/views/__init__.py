"""Test-time views: their names, how names are parsed, and what they do to pixels.

Comes in: words that people type, as `hflip,scale@1.1`. Goes out: canonical names, and views of a batch.
Read first: `views`; `steps` holds what a view is made of. To add a view: a primitive, a line in `steps`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
