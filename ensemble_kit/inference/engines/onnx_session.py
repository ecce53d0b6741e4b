"""ONNX files that others made: opened, checked, and run as a model.

A file says little: not how pixels are to be normalised, nor what its outputs mean. The first is
stated by the caller; of the second only the number is checked. Never imports onnx or onnxruntime
before it is asked to.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.extras import install_hint
from ensemble_kit.inference.engines.start import Run

Channels = tuple[float, float, float]
_FLOAT: Final = "tensor(float)"
_ASKED: Final = "wanted one input of float32 images (images, 3, height, width)"


def open_onnx(path: Path, mean: Channels, std: Channels, classes: int, size_px: int) -> Run:
    """Return the model in a file: float pixels in [0, 1] (images, 3, size, size) -> logits (images, classes).

    A graph for a fixed number of images runs as often as needed, the last time with black ones
    added.

    Args:
        mean, std: pixels are normalised by them, channel by channel, before the graph sees them.
        classes: how many outputs per image must have.
        size_px: side of the images.

    Raises:
        InvalidOptionError: the extra [onnx] is not installed; other numbers of classes or pixels
            than the file's; a std that is not above 0.
        BadDataError: not an ONNX file, or one with other inputs or outputs.
    """
    if min(std) <= 0:
        raise InvalidOptionError(f"--std is {std}; wanted three numbers above 0.")
    session = open_session(path)
    shape, outputs = _shape(session, path), [one.name for one in session.get_outputs()]
    if len(outputs) != 1:
        raise BadDataError(f"{path} has the outputs {', '.join(outputs)}; wanted one, the logits (images, classes).")
    if any(isinstance(side, int) and side != size_px for side in shape[2:]):
        raise InvalidOptionError(f"{path} takes images of {shape[2]} x {shape[3]} px, not of {size_px}. Give --size.")
    name, fixed = session.get_inputs()[0].name, shape[0] if isinstance(shape[0], int) else None
    centre, spread = (torch.tensor(one).view(3, 1, 1) for one in (mean, std))

    def run(pixels: Float[Tensor, "images 3 size size"]) -> Tensor:
        normalised = (pixels.cpu() - centre) / spread
        if fixed is None:
            return run_session(session, name, normalised)
        parts = [_filled(part, fixed) for part in torch.split(normalised, fixed)]
        return torch.cat([run_session(session, name, part) for part in parts])[: len(pixels)]

    _prove(run, path, classes, size_px)
    return run


def side_px(path: Path) -> int | None:
    """Return the side of the images that a file takes; None where it takes any.

    Raises:
        InvalidOptionError: the extra [onnx] is not installed.
        BadDataError: not an ONNX file, or one with other inputs; or one for images that are not square.
    """
    height, width = _shape(open_session(path), path)[2:]
    if isinstance(height, int) and isinstance(width, int) and height != width:
        raise BadDataError(f"{path} takes images of {height} x {width} px; wanted a graph for squares.")
    return next((side for side in (height, width) if isinstance(side, int)), None)


def open_session(path: Path | bytes) -> Any:
    """Return a session of ONNX Runtime with as many threads as PyTorch uses.

    Args:
        path: of a file, or what it would hold.

    Raises:
        InvalidOptionError: the extra [onnx] is not installed, and there is no file to be read.
        BadDataError: the file cannot be read as ONNX, or not here, without onnxruntime.
    """
    if isinstance(path, Path) and find_spec("onnxruntime") is None:
        raise BadDataError(f"{path} is an ONNX file, and onnxruntime is not here to run it: {install_hint('onnx')}")
    require("onnxruntime")
    import onnxruntime  # type: ignore[import-untyped,unused-ignore]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has an exception for each kind of trouble and no common one
        reason = str(error).strip().splitlines()[0][:200]
        place = path if isinstance(path, Path) else "The graph"
        raise BadDataError(f"{place} cannot be used as an ONNX file: {reason}") from error


def run_session(session: Any, name: str, pixels: Tensor) -> Tensor:
    """Return the first output of a graph."""
    return torch.from_numpy(session.run(None, {name: np.ascontiguousarray(pixels.numpy())})[0])


def require(*packages: str) -> None:
    """Check that packages of the extra [onnx] are there.

    Raises:
        InvalidOptionError: one is missing.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InvalidOptionError(f"ONNX needs {', '.join(missing)}. Install: {install_hint('onnx')}")


def _shape(session: Any, path: Path) -> list[Any]:
    """Return the shape of the only input: (images, 3, height, width), each a number or, where open, none."""
    inputs = session.get_inputs()
    came = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
    shape = list(inputs[0].shape) if len(inputs) == 1 and inputs[0].type == _FLOAT else []
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        hint = " Channels must come second; export it with the layout NCHW." if shape[-1:] == [3] else ""
        raise BadDataError(f"{path} has {came or 'no input'}; {_ASKED}.{hint}")
    return shape


def _filled(pixels: Float[Tensor, "images 3 size size"], count: int) -> Tensor:
    return torch.cat([pixels, pixels.new_zeros(count - len(pixels), *pixels.shape[1:])])


def _prove(run: Run, path: Path, classes: int, size_px: int) -> None:
    """Run two blank images through, so that a file that does not fit is known at once."""
    try:
        logits = run(torch.zeros(2, 3, size_px, size_px))
    except Exception as error:  # as in open_session
        reason = str(error).strip().splitlines()[0][:300]
        raise BadDataError(f"{path} does not take two images of {size_px} px: {reason}") from error
    if logits.ndim != 2 or len(logits) != 2 or not logits.is_floating_point():
        raise BadDataError(f"{path} gives {tuple(logits.shape)} for two images; wanted logits (2, {classes}).")
    if logits.shape[1] != classes:
        raise InvalidOptionError(
            f"{path} has {logits.shape[1]} outputs per image and there are {classes} classes. Name the classes of its "
            "outputs in order by --classes FILE."
        )
