"""The zoo: what a network looks like.

Every network takes float images in [0, 1] and gives logits; it carries its own
normalisation, so a checkpoint is complete. Imports nothing of ensemble_kit, and torch
only inside the builders. Never trains. Read first: `table`, then `build`. To add an architecture: a module with
`build(wanted: Wanted) -> Body`, its line in the stub, and a line in ARCHITECTURES.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
