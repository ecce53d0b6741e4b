"""Depthwise convolutions whose gradients are slow in bfloat16 on a CPU: those are taken in float32.

The products of a depthwise convolution are few, and the processor's library has no quick bfloat16
kernels for the gradients of filters that stride or are larger than 3 x 3: EfficientNet-Lite0 took
1.7 times as long a step. The forward pass itself stays as autocast wants it. Never changes a module, and never
another convolution.
"""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_QUICK_KERNEL = 3  # pixels; with stride 1


class QuickDepthwise(TorchFunctionMode):
    """Within it, under autocast on a CPU, depthwise convolutions learn by gradients taken in float32.

    Example:
        >>> maps, filters = torch.ones(2, 3, 7, 7), torch.ones(3, 1, 5, 5)
        >>> with torch.autocast("cpu", torch.bfloat16), QuickDepthwise():
        ...     found = torch.conv2d(maps, filters, groups=3)
        >>> found.dtype, float(found[0, 0, 0, 0])
        (torch.bfloat16, 25.0)
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return what the function returns."""
        kwargs = kwargs or {}
        if function is torch.conv2d and _slow(*args, **kwargs):
            return _convolve(*args, **kwargs)
        return function(*args, **kwargs)


def _slow(
    maps: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    """Return whether this is a depthwise convolution without quick gradients in bfloat16."""
    strides = max(stride) if isinstance(stride, (tuple, list)) else stride
    wide = max(weight.shape[2:]) > _QUICK_KERNEL
    return groups == maps.shape[1] > 1 and (strides > 1 or wide) and not isinstance(padding, str)


def _convolve(
    maps: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve in bfloat16; the gradients come in float32."""
    sides = [list(side) if isinstance(side, (tuple, list)) else [side, side] for side in (stride, padding, dilation)]
    found: Tensor = _Depthwise.apply(maps.bfloat16(), weight, *sides)
    return found if bias is None else found + bias.bfloat16()[:, None, None]


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution in bfloat16 with gradients in float32."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, *sides: list[int]) -> Tensor:
        """Convolve; the sides are stride, padding and dilation."""
        ctx.save_for_backward(maps, weight)
        ctx.sides = sides
        stride, padding, dilation = sides
        with torch.autocast("cpu", enabled=False):
            return torch.conv2d(maps, weight.to(maps.dtype), None, stride, padding, dilation, maps.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the maps and of the filters."""
        maps, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.sides
        of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient.float(),
            maps.float(),
            weight,
            None,
            stride,
            padding,
            dilation,
            False,
            [0, 0],
            maps.shape[1],
            [*ctx.needs_input_grad[:2], False],
        )
        return None if of_maps is None else of_maps.to(maps.dtype), of_weight, None, None, None
