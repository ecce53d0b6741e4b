"""What a run computes in: the numbers of its products, and how its images lie in memory.

Both decide how fast a run is and its last bits, so that a run goes on with what it began with. Which is fastest
depends on processor, network, size and batch: `timing.quickest` measures it. Never measures and never trains.
"""

from collections.abc import Mapping
from typing import Final

import torch

from ensemble_kit.training.recipes import Computing

LAYOUTS: Final[Mapping[str, torch.memory_format]] = {
    "channels_last": torch.channels_last,
    "contiguous": torch.contiguous_format,
}


def usual(precision: str, device: torch.device) -> Computing:
    """Return what a run computes in where nothing was measured.

    Args:
        precision: as a recipe has it; `auto`: bfloat16 where the processor has instructions for it.

    Example:
        >>> usual("float32", torch.device("cpu"))
        Computing(precision='float32', layout='channels_last')
    """
    return Computing("bfloat16" if computes_in_bfloat16(precision, device) else "float32")


def choices(precision: str, device: torch.device) -> tuple[Computing, ...]:
    """Return all that a run of a precision may compute in, the usual first.

    Example:
        >>> [str(one) for one in choices("float32", torch.device("cpu"))]
        ['float32, channels_last', 'float32, contiguous']
    """
    first = usual(precision, device)
    others = ("float32", "bfloat16") if precision == "auto" else (first.precision,)
    every = [Computing(numbers, layout) for numbers in others for layout in LAYOUTS]
    return (first, *(one for one in every if one != first))


def computes_in_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether products are taken in bfloat16; `auto`: where the processor has instructions for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cpu":
        return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
