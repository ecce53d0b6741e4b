"""What the file system gives and refuses: access, plain paths, temporary names, checksums, sealed JSON.

Comes in: paths, arrays, JSON. Goes out: what they hold, or an error that names the path and the remedy.
Every room above reads and writes through here. Read first: `access`, then `sealed`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
