"""What computes, and in which precision. Imports nothing heavy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ensemble_kit.inference import engines
from ensemble_kit.tables import Entry

if TYPE_CHECKING:
    from ensemble_kit.inference.engines.start import Builder

ENGINES: Final[Mapping[str, Entry["Builder"]]] = {
    "eager": Entry("PyTorch as it is; what the others are checked against", lambda: engines.eager),
    "fused": Entry("normalisations and activations inside convolutions", lambda: engines.fused),
    "compiled": Entry("torch.compile, frozen; needs a C++ compiler", lambda: engines.compiled),
    "onnx": Entry("ONNX Runtime, on the CPU; needs the extra [onnx]", lambda: engines.exported),
}


PRECISIONS: Final[Mapping[str, str]] = {
    "float32": "as trained",
    "bfloat16": "products rounded to 8 bits: logits move by about 1 %",
}
