"""Batch normalisation folded into the convolution before it.

At test time both are linear, so the pair is one convolution with other numbers. Works on a
copy that is traced with torch.fx; of a module that cannot be traced, the parts that can be.
Folds only where nobody else reads the convolution, and only plain layers: none with hooks, none that
makes its weights as it runs.
"""

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

CONVOLUTIONS: Final = ("torch.nn.modules.conv.Conv2d", "timm.layers.conv2d_same.Conv2dSame")
NORMALISATIONS: Final = ("torch.nn.modules.batchnorm.BatchNorm2d", "timm.layers.norm_act.BatchNormAct2d")
_NUMBERS: Final = ("running_mean", "running_var", "weight", "bias")
Change = Callable[[fx.GraphModule], None]


def folded(module: nn.Module) -> nn.Module:
    """Return a copy, in eval mode, with every batch normalisation folded that can be.

    Example:
        >>> [type(part).__name__ for part in folded(nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5))).children()]
        ['Conv2d']
    """
    return rewritten(copy.deepcopy(module).eval(), fold)


def rewritten(module: nn.Module, change: Change) -> nn.Module:
    """Return the module as a graph that was changed; where it has none, with its parts changed in place."""
    tracer = _Tracer()
    try:
        graph = fx.GraphModule(module, tracer.trace(module))
    except Exception:  # control flow on pixels, odd arguments: tracing fails in as many ways as there are modules
        for name, part in module.named_children():
            if isinstance(part, nn.ModuleList | nn.ModuleDict) or not tracer.is_leaf_module(part, name):
                setattr(module, name, rewritten(part, change))
        return module
    change(graph)
    graph.delete_all_unused_submodules()
    graph.graph.lint()
    graph.recompile()
    return graph


def fold(graph: fx.GraphModule) -> None:
    """Fold every batch normalisation of a graph that can be."""
    called = plain_modules(graph)
    for node, normalisation in called.items():
        source = _source(node)
        convolution = called.get(source)
        if convolution is not None and len(source.users) == 1 and _is_pair(convolution, normalisation):
            _absorb(convolution, normalisation)
            replace(graph, node, getattr(normalisation, "act", nn.Identity()))
            if isinstance(graph.get_submodule(str(node.target)), nn.Identity):
                node.replace_all_uses_with(source)
                graph.graph.erase_node(node)


def plain_modules(graph: fx.GraphModule) -> dict[fx.Node, Any]:
    """Return the modules that one node alone calls and that have no hooks, by that node."""
    called = {node: graph.get_submodule(str(node.target)) for node in graph.graph.nodes if node.op == "call_module"}
    times = Counter(map(id, called.values()))
    return {
        node: module
        for node, module in called.items()
        if times[id(module)] == 1 and not module._forward_hooks and not module._forward_pre_hooks
    }


def kind_of(module: nn.Module) -> str:
    """Return the full name of a module's class; a subclass may compute anything."""
    return f"{type(module).__module__}.{type(module).__name__}"


def replace(graph: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    """Put another module in the place of the one that a node calls."""
    parent, _, name = str(node.target).rpartition(".")
    setattr(graph.get_submodule(parent), name, module)


def _source(node: fx.Node) -> Any:
    """Return the node whose result is the only argument of a node; None where there is no such."""
    lone = len(node.args) == 1 and not node.kwargs and isinstance(node.args[0], fx.Node)
    return node.args[0] if lone else None


def _is_pair(convolution: nn.Module, normalisation: Any) -> bool:
    """Return whether both are what they seem; a normalisation without running numbers counts on the batch."""
    known = kind_of(convolution) in CONVOLUTIONS and kind_of(normalisation) in NORMALISATIONS
    return known and isinstance(normalisation.running_mean, Tensor)


@torch.no_grad()
def _absorb(convolution: nn.Conv2d, normalisation: Any) -> None:
    """Give the convolution the weights of the pair, computed in float64."""
    bias, mean, variance, scale, shift = (
        None if one is None else one.double()
        for one in (convolution.bias, *(getattr(normalisation, name) for name in _NUMBERS))
    )
    assert mean is not None
    assert variance is not None
    pair = fuse_conv_bn_weights(convolution.weight.double(), bias, mean, variance, normalisation.eps, scale, shift)
    dtype = convolution.weight.dtype
    convolution.weight, convolution.bias = (nn.Parameter(one.to(dtype), requires_grad=False) for one in pair)


class _Tracer(fx.Tracer):
    """Leaves layers whole that can be folded, whatever happens inside."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module stays one node of the graph."""
        return kind_of(m) in CONVOLUTIONS + NORMALISATIONS or super().is_leaf_module(m, module_qualified_name)
