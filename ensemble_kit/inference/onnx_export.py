"""The engine `onnx`: the network as a graph in ONNX Runtime, on the CPU.

The graph is written into a temporary folder, read from there and removed. Never changes the
module it is given.
"""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.onnx_session import open_session, require, run_session
from ensemble_kit.inference.running import Run

_TALKERS: Final = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")


def exported(module: nn.Module, sample: Tensor, precision: str) -> Run:
    """Return the network's graph in ONNX Runtime, for any number of pictures at once.

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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        _export(module, sample[:1].repeat(2, 1, 1, 1).contiguous(), path)
        session = open_session(path)
    name = session.get_inputs()[0].name
    return lambda pixels: run_session(session, name, pixels)


def _export(module: nn.Module, pixels: Tensor, path: Path) -> None:
    """Write the graph of a network, its batch left open."""
    images = torch.export.Dim("images")
    with _silence(), torch.no_grad(), torch.inference_mode(False):
        try:
            program = torch.onnx.export(
                module, (pixels.clone(),), dynamo=True, dynamic_shapes=({0: images},), verbose=False
            )
        except Exception as error:  # the exporter lets through whatever its many parts raise
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InvalidOptionError(
                f"This network cannot be exported to ONNX ({line[:200]}). Use --engine fused."
            ) from error
        assert program is not None
        program.save(path)


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
