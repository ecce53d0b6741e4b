"""The engine `fused`: a network with fewer and quicker steps, by PyTorch alone.

Batch normalisations are folded, activations are computed inside the convolution before them (oneDNN,
on CPUs), weights lie in the order that suits the processor, and a batch is cut into slices whose
intermediate results fit into its caches. What cannot be fused runs as before. Never touches the module it is
given. To fuse another activation: a line in ACTIVATIONS.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn import functional as F

from ensemble_kit.inference.engines.batchnorm_folding import (
    CONVOLUTIONS,
    fold,
    folded,
    kind_of,
    plain_modules,
    replace,
    rewritten,
)
from ensemble_kit.inference.engines.memory import is_out_of_memory
from ensemble_kit.inference.engines.start import Run

SLICE: Final = 16
Activation = tuple[str, list[float], str]
"""What oneDNN computes after a convolution: its name, its numbers, its algorithm."""
PLAIN: Final[Activation] = ("none", [], "")

ACTIVATIONS: Final[Mapping[type[nn.Module], Callable[[Any], Activation]]] = {
    nn.ReLU: lambda module: ("relu", [], ""),
    nn.ReLU6: lambda module: ("hardtanh", [0.0, 6.0], ""),
    nn.Hardtanh: lambda module: ("hardtanh", [module.min_val, module.max_val], ""),
    nn.LeakyReLU: lambda module: ("leaky_relu", [module.negative_slope], ""),
    nn.SiLU: lambda module: ("swish", [], ""),
    nn.Hardswish: lambda module: ("hardswish", [], ""),
    nn.Hardsigmoid: lambda module: ("hardsigmoid", [], ""),
    nn.Sigmoid: lambda module: ("sigmoid", [], ""),
    nn.Tanh: lambda module: ("tanh", [], ""),
    nn.GELU: lambda module: ("gelu", [], module.approximate),
}


def fused(module: nn.Module, sample: Tensor, precision: str) -> Run:
    """Return the network with everything fused that can be; at worst as it is, in channels-last order.

    Source: folding as in Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", CVPR 2018; oneDNN's post-operations as used by torch.compile.
    """
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    ways: Sequence[Callable[[nn.Module], nn.Module]] = (partial(convolved, dtype=dtype), folded, copy.deepcopy)
    for way in ways if sample.device.type == "cpu" else ways[1:]:
        try:
            run = _sliced(way(module).to(memory_format=torch.channels_last))
            with torch.autocast(sample.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                run(sample[:2])
            return run
        except Exception as error:  # a graph may lack what a module had, oneDNN an operation: the next way has more
            if is_out_of_memory(error):
                raise
    return _sliced(module)


def convolved(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Return a copy, in eval mode, whose convolutions are oneDNN's, with what can be fused into them.

    Raises:
        AttributeError: this build of PyTorch has no such operations.
    """
    return rewritten(copy.deepcopy(module).eval(), partial(_convolve, dtype=dtype))


class Convolution(nn.Module):
    """A convolution and the activation after it, in one step of oneDNN.

    Its weights are laid out once for the size of image that comes: laid out for none in particular,
    some shapes were measured to take 8 to 20 times as long. A convolution of timm that pads as TensorFlow
    does (`same`) pads by the size of what comes.
    """

    def __init__(self, convolution: nn.Conv2d, activation: Activation, dtype: torch.dtype) -> None:
        """Take over the numbers of a convolution."""
        super().__init__()
        self.kernel_px, self.same = convolution.kernel_size, kind_of(convolution) != CONVOLUTIONS[0]
        padding = [0, 0] if self.same else list(convolution.padding)
        self.shape = (padding, list(convolution.stride), list(convolution.dilation), convolution.groups)
        self.weight = convolution.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.laid_out, self.laid_out_for = self.weight, torch.Size()
        self.bias = None if convolution.bias is None else convolution.bias.detach().to(dtype)
        self.dtype, self.activation = dtype, activation

    def forward(self, pixels: Float[Tensor, "images channels height width"]) -> Tensor:
        """Return the activated channels."""
        if self.same:
            pixels = F.pad(pixels, self._padding(pixels.shape[-2:]))
        if pixels.shape[1:] != self.laid_out_for:
            lay_out, self.laid_out_for = torch.ops.mkldnn._reorder_convolution_weight, pixels.shape[1:]
            self.laid_out = lay_out(self.weight, *self.shape, [SLICE, *self.laid_out_for])
        step = torch.ops.mkldnn._convolution_pointwise
        result: Tensor = step(pixels.to(self.dtype), self.laid_out, self.bias, *self.shape, *self.activation)
        return result

    def _padding(self, size: Sequence[int]) -> list[int]:
        """Return left, right, top, bottom, so that a stride of s gives ceil(size / s) rows and columns."""
        _, strides, dilations, _ = self.shape
        sides: list[int] = []
        for side, kernel, stride, dilation in zip(size, self.kernel_px, strides, dilations, strict=True):
            whole = max((-(-side // stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            sides = [whole // 2, whole - whole // 2, *sides]
        return sides


def _convolve(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    """Fold a graph, and make every plain convolution oneDNN's."""
    fold(graph)
    called = plain_modules(graph)
    for node, convolution in called.items():
        if kind_of(convolution) not in CONVOLUTIONS or not _has_zeros_around(convolution):
            continue
        user = next(iter(node.users), None) if len(node.users) == 1 else None
        activation = _activation(called, user)
        replace(graph, node, Convolution(convolution, activation, dtype))
        if activation is not PLAIN and user is not None:
            user.replace_all_uses_with(node)
            graph.graph.erase_node(user)


def _has_zeros_around(convolution: nn.Conv2d) -> bool:
    return convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)


def _activation(called: Mapping[fx.Node, Any], node: fx.Node | None) -> Activation:
    """Return the activation that a node computes and nothing else; PLAIN where it is none."""
    if node is None:
        return PLAIN
    if node.op == "call_function" and node.target in (F.relu, torch.relu):
        return ACTIVATIONS[nn.ReLU](None)
    module = called.get(node)
    known = None if module is None else ACTIVATIONS.get(type(module))
    return PLAIN if known is None else known(module)


def _sliced(module: nn.Module) -> Run:
    """Return the module on slices of a batch, in channels-last order; whole batches off the CPU."""

    def run(pixels: Tensor) -> Tensor:
        slices = torch.split(pixels, SLICE) if pixels.device.type == "cpu" else (pixels,)
        return torch.cat([module(part.contiguous(memory_format=torch.channels_last)) for part in slices])

    return run
