"""What members there are, how good each is, families of folds, and the set they are evaluated on.

Comes in: member folders, score files of others. Goes out: reports, aligned pools. Read first: `members`, then `pools`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
