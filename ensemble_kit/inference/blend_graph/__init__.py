"""A whole blend as one torch module that a graph can hold: uint8 images in, probabilities and classes out.

Comes in: members' networks and a `Tuned` blend. Goes out: one module for ONNX export. Read first: `graph`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
