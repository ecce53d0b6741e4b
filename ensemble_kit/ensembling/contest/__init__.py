"""What a contest's scores can tell: its public split, class balance, which two submissions to end with.

Comes in: predictions of submissions and scores that came back. Goes out: expectations and advice as numbers.
Each module stands alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
