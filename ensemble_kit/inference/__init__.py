"""Looking at pictures with a finished module: views x batches -> logits.

`views` holds the looks and their names, `running` starts an engine, `engine` looks
through it. The engines:
`folding` and `fusing`, `compiling`, `onnx_export`; graphs of others: `onnx_session`;
a whole blend as one graph: `blend_graph` (pixels, ballots). `agreement` says
how far two engines are apart, `order` whether the order of pictures matters. Knows nothing of
members or labels. To add an engine: write its builder (see `running.Builder`), add a line to ENGINES.
"""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.tables import Entry

VIEW_SETS: Final[Mapping[str, str]] = {
    "flips": "hflip",
    "five-crop": "centre and corners; five-crop@0.875",
    "ten-crop": "hflip, five-crop, and five-crop of the mirrored picture; ten-crop@0.875",
    "d4": "the eight ways to turn and mirror a square",
    "scales": "scale@0.9, scale@1.1, scale@1.2",
    "grid": "n x n crops from edge to edge; grid:3@0.75",
    "random": "so many crops drawn from a seed; random:20@7",
}

ENGINES: Final[Mapping[str, Entry]] = {
    "eager": Entry("PyTorch as it is; what the others are checked against", "ensemble_kit.inference.running:eager"),
    "fused": Entry("normalisations and activations inside convolutions", "ensemble_kit.inference.fusing:fused"),
    "compiled": Entry("torch.compile, frozen; needs a C++ compiler", "ensemble_kit.inference.compiling:compiled"),
    "onnx": Entry("ONNX Runtime, on the CPU; needs the extra [onnx]", "ensemble_kit.inference.onnx_export:exported"),
}

PRECISIONS: Final[Mapping[str, str]] = {
    "float32": "as trained",
    "bfloat16": "products rounded to 8 bits: logits move by about 1 %",
}
