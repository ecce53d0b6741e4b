"""What computes, and in which precision. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.tables import Entry

ENGINES: Final[Mapping[str, Entry]] = {
    "eager": Entry(
        "PyTorch as it is; what the others are checked against", "ensemble_kit.inference.engines.start:eager"
    ),
    "fused": Entry("normalisations and activations inside convolutions", "ensemble_kit.inference.engines.fused:fused"),
    "compiled": Entry(
        "torch.compile, frozen; needs a C++ compiler", "ensemble_kit.inference.engines.compiled:compiled"
    ),
    "onnx": Entry(
        "ONNX Runtime, on the CPU; needs the extra [onnx]", "ensemble_kit.inference.engines.onnx_export:exported"
    ),
}


PRECISIONS: Final[Mapping[str, str]] = {
    "float32": "as trained",
    "bfloat16": "products rounded to 8 bits: logits move by about 1 %",
}
