"""A blend -> one ONNX graph in one file, checked on images before it is written. Read first: `export`."""
