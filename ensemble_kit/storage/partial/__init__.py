"""Parts of long forward passes, kept until the whole is there.

Comes in: logits of a part. Goes out: the joined whole. Read first: `part`, then `job`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
