"""Engines at work: started on a module, and checked against eager on some images.

The module takes float pixels in [0, 1] and normalises them itself. Never changes weights. To add an
engine: a function that is a `Builder`, and a line in ENGINES.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.inference.engines.agreement import compare, tolerance_of
from ensemble_kit.inference.engines.memory import is_out_of_memory
from ensemble_kit.inference.engines.table import ENGINES, PRECISIONS
from ensemble_kit.tables import pick
from ensemble_kit.types import IDENTITY

Run = Callable[[Tensor], Tensor]
"""Float pixels in [0, 1] (images, 3, size, size), strided in any way -> logits (images, classes)."""
Builder = Callable[[nn.Module, Tensor, str], Run]
"""(module in eval mode on its device, some pixels, precision) -> what runs; must leave the module as it is."""

AUTO: Final = "auto"
CHECKED_AT_ONCE: Final = 16


@dataclass(frozen=True, eq=False)
class Running:
    """An engine at work on one module.

    relative_error: the largest difference to eager on the sample, divided by eager's largest absolute logit.
    changed: images of the sample that get another class than eager's, ties apart.
    note: what a person should be told; empty where all is as asked.
    """

    engine: str
    run: Run
    device: str
    relative_error: float = 0.0
    changed: int = 0
    precision: str = "float32"
    note: str = ""


def start(
    module: Callable[..., Any],
    engine: str,
    device: str,
    sample: UInt8[np.ndarray, "images 3 size size"],
    precision: str = "float32",
) -> Running:
    """Return an engine at work on a module, checked on a sample.

    `auto` takes fused on a CPU, where it was measured to be the fastest that needs nothing more
    than PyTorch, and eager on other devices, where nothing was measured.

    Args:
        module: float pixels in [0, 1] -> logits. A torch module is put on the device, in eval mode
            and in channels-last order, and is not changed otherwise. Any other callable, to tensors
            or arrays, runs as it is: eager or auto.
        engine: a name in ENGINES, or auto.
        sample: images to compare with eager on; the first batch will do.

    Raises:
        UnknownNameError: no engine or precision has that name.
        InvalidOptionError: an engine that cannot run this module, or is not installed.
        ResourceError: an engine that wants a compiler where there is none.
        BadDataError: the engine's logits are not those of eager.
    """
    pick({AUTO: None, **ENGINES}, engine, "engine")
    pick(PRECISIONS, precision, "precision")
    if not isinstance(module, nn.Module):
        return _start_callable(module, engine, device, precision)
    module = module.to(device).to(memory_format=torch.channels_last).eval()
    reference = _running(eager(module, torch.empty(0), "float32"), "eager", device, "float32")
    wanted = ("fused" if device.startswith("cpu") else "eager") if engine == AUTO else engine
    if (wanted, precision) == ("eager", "float32"):
        return reference
    pixels = floats(sample, device)
    with torch.inference_mode():
        expected = _in_slices(reference.run, pixels)
    refuse_not_finite(expected.unsqueeze(0).cpu().numpy(), (IDENTITY,), 0)
    try:
        return _started(module, wanted, device, precision, pixels, expected)
    except Exception as error:
        if engine != AUTO or is_out_of_memory(error):
            raise
        return replace(reference, note=f"Fell back to plain PyTorch, in float32. {error}")


def eager(module: nn.Module, sample: Tensor, precision: str) -> Run:
    """Return the module as it is, given pixels in channels-last order: measured 1.2 to 1.9 times as fast."""
    return lambda pixels: module(pixels.contiguous(memory_format=torch.channels_last))


def floats(images: UInt8[np.ndarray, "images 3 size size"], device: str) -> Float[Tensor, "images 3 size size"]:
    """Return images as floats in [0, 1] on a device."""
    return torch.from_numpy(np.array(images)).to(device).float().div_(255)


def refuse_not_finite(logits: Float[np.ndarray, "views images classes"], views: Sequence[str], first: int) -> None:
    """Raise BadDataError where a logit is not finite; `first` is the place of the first image."""
    bad = np.argwhere(~np.isfinite(logits))
    if len(bad):
        view, row, _ = bad[0]
        raise BadDataError(
            f"The model gave a number that is not finite for view '{views[view]}' of image {first + row}: "
            "the training diverged (train again with a lower --lr), or weights, --mean or --std are wrong."
        )


def _start_callable(call: Callable[..., Any], engine: str, device: str, precision: str) -> Running:
    if engine not in (AUTO, "eager") or precision != "float32":
        raise InvalidOptionError(
            f"--engine {engine} with --precision {precision} needs a torch module; a callable or an ONNX file runs "
            "as it is. Use --engine eager and --precision float32."
        )

    def run(pixels: Tensor) -> Tensor:
        said = call(pixels.clone())  # which it may change; views share memory
        try:
            return torch.as_tensor(said)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InvalidOptionError(
                f"The model gave {type(said).__name__} for {len(pixels)} images; wanted logits as a tensor or an "
                f"array, ({len(pixels)}, classes)."
            ) from error

    return _running(run, "eager", device, precision)


def _started(
    module: nn.Module,
    engine: str,
    device: str,
    precision: str,
    sample: Float[Tensor, "images 3 size size"],
    expected: Float[Tensor, "images classes"],
) -> Running:
    """Return an engine that gives the expected logits on the sample."""
    tolerance = tolerance_of(device, precision)
    with torch.inference_mode():
        run = _running(ENGINES[engine].load()(module, sample, precision), engine, device, precision).run
        found = compare(_in_slices(run, sample), expected, tolerance)
    if found.changed or not found.relative_error <= tolerance:
        raise BadDataError(
            f"The engine '{engine}' does not compute what PyTorch does: on {len(sample)} images the largest "
            f"difference is {found.relative_error:.2g} of the largest logit, wanted {tolerance:.0e} at most, and "
            f"{found.changed} images change their class. Use --engine eager."
        )
    return Running(engine, run, device, found.relative_error, found.changed, precision)


def _running(run: Run, engine: str, device: str, precision: str) -> Running:
    """Return what runs: in its precision, to float32 logits of the right shape."""

    def checked(pixels: Tensor) -> Tensor:
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=precision == "bfloat16"):
            logits = run(pixels)
        real = isinstance(logits, Tensor) and not logits.is_complex()
        if not real or logits.ndim != 2 or len(logits) != len(pixels):
            came = f"{logits.dtype} {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
            raise InvalidOptionError(
                f"The model gave {came} for {len(pixels)} images; wanted one tensor of logits, "
                f"({len(pixels)}, classes)."
            )
        return logits.float()

    return Running(engine, checked, device, precision=precision)


def _in_slices(run: Run, pixels: Tensor) -> Tensor:
    return torch.cat([run(part) for part in torch.split(pixels, CHECKED_AT_ONCE)])
