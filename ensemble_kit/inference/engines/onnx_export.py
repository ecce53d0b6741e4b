"""A module as an ONNX graph: for the engine `onnx`, in ONNX Runtime on the CPU, and for `ek export`.

The engine's graph is written into a temporary folder, read from there and removed. Never changes the
module it is given.
"""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.engines.onnx_session import open_session, require, run_session
from ensemble_kit.inference.engines.start import Run

OPSET: Final = 18  # the first with Resize as we do it; IR version 10; ONNX Runtime 1.18 reads both
LARGEST_BYTES: Final = 2_000_000_000  # one file is one protobuf message, and those end at 2 GiB
_TALKERS: Final = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")


def exported(module: nn.Module, sample: Tensor, precision: str) -> Run:
    """Return the network's graph in ONNX Runtime, for any number of images at once.

    Raises:
        InvalidOptionError: the extra [onnx] is not installed, another device or precision than it
            knows, or a network that cannot be exported.
    """
    if sample.device.type != "cpu" or precision != "float32":
        raise InvalidOptionError(
            f"--engine onnx runs on the CPU in float32, got --device {sample.device} and --precision {precision}. "
            "Use --engine eager."
        )
    require("onnx", "onnxscript", "onnxruntime")
    program = traced(
        module, sample[:1].repeat(2, 1, 1, 1).contiguous().clone(), {0: "images"}, remedy="Use --engine fused."
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        program.save(path)
        session = open_session(path)
    name = session.get_inputs()[0].name
    return lambda pixels: run_session(session, name, pixels)


def graph_bytes(
    module: nn.Module,
    sample: Tensor,
    open_axes: Mapping[int, str],
    input_name: str,
    output_names: Sequence[str],
    metadata: Mapping[str, str],
) -> bytes:
    """Return the ONNX file of a module, checked by onnx.

    Args:
        open_axes: of the input, which axes may have any length, and how those are called.
        metadata: what the file says of itself, by key.

    Raises:
        InvalidOptionError: the extra [onnx] is not installed, a module that cannot be exported, or one
            too large for one file.
    """
    require("onnx", "onnxscript")
    import onnx

    size_bytes = sum(one.nbytes for one in (*module.parameters(), *module.buffers()))
    if size_bytes > LARGEST_BYTES:
        raise InvalidOptionError(
            f"The graph would have {size_bytes / 1e9:.1f} GB, and an ONNX file holds 2 GB. Blend fewer or smaller "
            "members, as by ek blend --max-members."
        )
    names = {"input_names": [input_name], "output_names": list(output_names), "opset_version": OPSET}
    remedy = "Blend other members, and use ek predict where this one is needed."
    model = traced(module, sample, open_axes, remedy, **names).model_proto
    model.producer_name = "ensemble_kit"
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, model.graph):
        part.ClearField("metadata_props")  # where in our source, and on whose disk, each step was written
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def traced(module: nn.Module, sample: Tensor, open_axes: Mapping[int, str], remedy: str, **names: Any) -> Any:
    """Return the ONNX program of a module.

    Args:
        sample: an input with two images or more; what it is shaped like where an axis is not open.
        remedy: what to do where the module cannot be exported.

    Raises:
        InvalidOptionError: it cannot.
    """
    axes = {axis: torch.export.Dim(name) for axis, name in open_axes.items()}
    with _silence(), torch.no_grad(), torch.inference_mode(False):
        try:
            program = torch.onnx.export(module, (sample,), dynamo=True, dynamic_shapes=(axes,), verbose=False, **names)
        except Exception as error:  # the exporter lets through whatever its many parts raise
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InvalidOptionError(f"This network cannot be exported to ONNX ({line[:200]}). {remedy}") from error
    assert program is not None
    return program


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter from talking: it prints, warns and logs."""
    loggers = [logging.getLogger(name) for name in _TALKERS]
    levels = [logger.level for logger in loggers]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
