"""Networks and what is known of them: built, rebuilt from checkpoints, external files, members of a saved blend.

Comes in: a name, a run, a file or a blend. Goes out: a model that turns images and views into logits.
Read first: `model`, then `forward_passes`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
