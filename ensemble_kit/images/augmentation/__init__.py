"""Random changes to training images, seeded image by image.

Comes in: uint8 batches (images, 3, size, size) and a seed. Goes out: the same shape, changed.
Read first: `augment`, which holds the table.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
