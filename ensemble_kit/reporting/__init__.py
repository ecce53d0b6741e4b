"""What people read: progress while it runs, tables and sentences when it is done. One module a command.

Comes in: a report of `results`. Goes out: text. `tables`, `statements`, `plain`, `progress` and `bar` serve all.
A module named after a command is imported as such, from anywhere; this face shows what all commands share.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
