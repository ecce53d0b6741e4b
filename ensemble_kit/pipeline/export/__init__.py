"""A blend -> one ONNX graph in one file, checked on images before it is written. Read first: `export`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
