"""From a pool of members to a tuned blend: view weights, temperatures, weights, blend temperature.

Comes in: `Pool`, a method, a way to find weights. Goes out: `Tuned`. Read first: `tune`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
