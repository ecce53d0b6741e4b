"""What computes logits: PyTorch as it is, fused, compiled, or ONNX Runtime.

Comes in: a module, views, batches of uint8 images. Goes out: logits (views, images, classes).
Read first: `forward`, then `start`. To add an engine: its builder, a line in `table`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
