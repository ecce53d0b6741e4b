"""How a network learns: recipes, optimisers, schedules and the loop.

Comes in: a module, uint8 images in memory and a recipe. Goes out: weights and a history. Never reads or writes
files, never knows where images come from: the augmentation is handed in. Read first: `recipes`, then `loop` and
`step`. To add an optimiser, a schedule or a soup: a function, its line in the stub, one line in `tables`; a field of
a recipe: see `recipes`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
