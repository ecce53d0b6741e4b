"""The engine `compiled`: torch.compile with frozen weights.

Takes tens of seconds at first, for any number of images at once. Needs a C++ compiler on a
CPU, Triton on a GPU. Never changes the module it is given.
"""

import copy
import os
import shutil
from typing import Final

import torch
from torch import Tensor, nn

from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.inference.engines.memory import is_out_of_memory
from ensemble_kit.inference.engines.start import Run

COMPILERS: Final = ("g++", "clang++", "c++")


def compiled(module: nn.Module, sample: Tensor, precision: str) -> Run:
    """Return the compiled network; it is compiled when it first runs.

    Raises:
        ResourceError: there is no C++ compiler.
        InvalidOptionError: the compiler cannot compile this network; when it first runs.
    """
    from torch._inductor import config

    if sample.device.type == "cpu" and not _has_compiler():
        raise ResourceError(
            "--engine compiled wants a C++ compiler (g++ or clang++) and finds none. Install one, as by "
            "`apt install g++`, name it in the variable CXX, or use --engine fused."
        )
    code = torch.compile(copy.deepcopy(module).eval().requires_grad_(False))

    def run(pixels: Tensor) -> Tensor:
        count = len(pixels)
        if count == 1:  # a batch of one would be compiled anew
            pixels = pixels.repeat(2, 1, 1, 1)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        torch._dynamo.maybe_mark_dynamic(pixels, 0)
        try:
            with config.patch(freezing=True), torch.no_grad():
                logits: Tensor = code(pixels)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise _refused(error) from error
        return logits[:count]

    return run


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS) if name)


def _refused(error: Exception) -> Exception:
    """Return what a person can use of a compiler's error."""
    if is_out_of_memory(error):
        return MemoryError(str(error))
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return InvalidOptionError(f"torch.compile cannot compile this network ({line.strip()[:200]}). Use --engine fused.")
