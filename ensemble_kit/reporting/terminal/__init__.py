"""What all printed texts are made of: tables, phrases about figures, wrapped lines, progress.

Comes in: figures and verdicts. Goes out: lines of at most 80 columns; a bar, or plain lines where there is no terminal.
Read first: `tables`, then `statements`; `progress` stands alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
