"""What holds for all commands, said once around the outermost of them.

Comes in: a public function. Goes out: the same with checked folders, cleared leftovers, and what the system refused
as our errors. Read first: `command`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
