"""The classes of images, by a file that `ek export` wrote: python predict_onnx.py NET.onnx IMAGE ...

Needs onnxruntime, Pillow and numpy alone. Transparency, 16-bit greys and colour profiles are not
treated as `ek` does.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

graph, *paths = sys.argv[1:]
session = onnxruntime.InferenceSession(graph)
about = session.get_modelmeta().custom_metadata_map
classes, side = json.loads(about["classes"]), json.loads(about["size_px"])

for path in paths:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    if side is not None:  # exported by --size; else the graph resizes, exactly as `ek` does
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)[None])
    probabilities, label = session.run(None, {"pictures": pixels})
    print(f"{path}: {classes[label[0]]} {probabilities[0, label[0]]:.4f}")
