"""The zoo: what a network looks like.

Every network takes float pictures in [0, 1] and gives logits; it carries its own
normalisation, so a checkpoint is complete. Imports nothing of ensemble_kit, and torch
only inside the builders. Never trains. To add an architecture: a module with
`build(wanted: Wanted) -> Body`, and a line in ARCHITECTURES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Final, NamedTuple

from models_zoo.contract import Architecture, Option, UnreachableError, Wanted, ZooError, complete, unknown
from models_zoo.names import SHOWN, nearest

if TYPE_CHECKING:
    from models_zoo.body import Body, Network

__all__ = [
    "ARCHITECTURES",
    "PACKAGED",
    "Architecture",
    "Description",
    "Option",
    "UnreachableError",
    "ZooError",
    "build",
    "describe",
    "find",
    "own_size_px",
    "resolved",
    "weights_at_hand",
]

ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "mlp": Architecture(
        "multi-layer perceptron on the raw pixels",
        "models_zoo.mlp:build",
        smallest_px=1,
        options={
            "width": Option("units a hidden layer", 512, 1, 8192),
            "depth": Option("hidden layers", 2, 1, 16),
        },
    ),
    "cnn": Architecture(
        "simple CNN: blocks of convolution and pooling",
        "models_zoo.cnn:build",
        smallest_px=16,
        options={
            "width": Option("channels of the first block", 64, 1, 512),
            "depth": Option("blocks", 3, 1, 8),
            "kernel_size": Option("side of the filters", 3, 1, 11),
            "stride": Option("step of the filters", 1, 1, 4),
            "pool": Option("how each block halves the picture", "max", choices=("max", "avg")),
            "cells": Option("largest side of what the classifier sees; above 1 it knows where things are", 1, 1, 8),
            "dropout": Option("dropout of whole channels after each block; -1: as the recipe", -1.0, -1.0, 0.9),
        },
    ),
    "cnn-deep": Architecture(
        "refined residual CNN for small pictures",
        "models_zoo.cnn_deep:build",
        smallest_px=16,
        options={
            "width": Option("channels at full size; 2, 4 and 6 times that further on", 48, 8, 256),
            "depth": Option("residual blocks after the first and the last halving", 1, 0, 8),
        },
    ),
    "vgg11_bn": Architecture("VGG of 11 layers, batch norm", "models_zoo.torchvision_nets:build_vgg", 16),
    "vgg16_bn": Architecture("VGG of 16 layers, batch norm", "models_zoo.torchvision_nets:build_vgg", 16),
    "resnet18": Architecture("ResNet of 18 layers", "models_zoo.torchvision_nets:build_resnet", 16),
    "resnet34": Architecture("ResNet of 34 layers", "models_zoo.torchvision_nets:build_resnet", 16),
    "resnet50": Architecture("ResNet of 50 layers", "models_zoo.torchvision_nets:build_resnet", 16),
    "timm:NAME": Architecture(
        "any network of timm, by its name",
        "models_zoo.timm_nets:build",
        smallest_px=1,
        options={
            "input_px": Option(
                "side to which it enlarges smaller pictures; 0: pre-trained, to the weights' own, else not", 0, 0, 1024
            ),
        },
        pretrained=True,
    ),
}

TIMM: Final = "timm:"
PACKAGED: Final[Mapping[str, str]] = {
    "timm:tf_efficientnet_lite0": "EfficientNet-Lite0; its weights come as a package",
    "timm:tf_efficientnet_lite1": "the same, deeper",
    "timm:tf_efficientnet_lite2": "the same, deeper and wider",
}
"""Networks of timm whose ImageNet weights the extra `pretrained` installs."""
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "cnn": ("simple_cnn", "small_cnn", "basic_cnn", "convnet"),
    "cnn-deep": ("deep_cnn",),
    "tf_efficientnet_lite0": ("efficientnet_lite",),
    "vit_tiny_patch16_224": ("vit", "vit_tiny", "vit_t_16", "vision_transformer"),
    "vit_small_patch16_224": ("vit", "vit_small", "vit_s_16", "vision_transformer"),
    "vit_base_patch16_224": ("vit", "vit_base", "vit_b_16", "vision_transformer"),
    "swin_tiny_patch4_window7_224": ("swin", "swin_t", "swin_tiny"),
    "mixer_b16_224": ("mlp_mixer", "mixer"),
    "mobilenetv2_100": ("mobilenet", "mobilenet_v2"),
    "mobilenetv3_small_100": ("mobilenet_v3_small",),
    "mobilenetv3_large_100": ("mobilenet", "mobilenet_v3", "mobilenet_v3_large"),
    "mnasnet_100": ("mnasnet", "mnasnet1_0"),
    "regnety_004": (
        "regnet",
        "regnet_y_400mf",
    ),
    "regnetx_004": ("regnet_x_400mf",),
}
"""What networks are called elsewhere (torchvision, Keras), by their names here; timm's without its prefix."""
MEAN: Final = (0.5, 0.5, 0.5)
STD: Final = (0.25, 0.25, 0.25)


class Description(NamedTuple):
    """How large a network is."""

    parameters: int
    size_mb: float  # weights and buffers in float32, 10^6 bytes


def find(arch: str) -> Architecture:
    """Return the zoo's line for a name; every `timm:...` name has the same line.

    Raises:
        ZooError: no line has that name; the message suggests what was probably meant, networks of timm
            among it.
    """
    row = ARCHITECTURES.get("timm:NAME" if arch.startswith(TIMM) else arch)
    if row is None:
        raise unknown("architecture", arch, ARCHITECTURES, suggested(arch))
    return row


def suggested(arch: str) -> list[str]:
    """Return the architectures that may be meant by a name that is none; asks timm, which loads torch.

    Example:
        >>> suggested("EfficientNet-B0"), suggested("resnet"), suggested("no such thing")
        (['timm:efficientnet_b0'], ['resnet18', 'resnet34', 'resnet50'], [])
    """
    try:
        import timm

        theirs = timm.list_models()
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision that does not fit torch
        theirs = []
    own = [name for name in ARCHITECTURES if TIMM not in name]
    found = nearest(re.sub(r"^timm\W+", "", arch), [*own, *theirs], _ALIASES, most=len(theirs) + len(own))
    own_first = sorted(found, key=lambda name: name not in own)
    return [name if name in own else f"{TIMM}{name}" for name in own_first[:SHOWN]]


def build(
    arch: str,
    classes: int,
    size_px: int,
    *,
    dropout: float = 0.0,
    options: Mapping[str, object] | None = None,
    pretrained: bool = False,
    weights: str | PathLike[str] | None = None,
    mean: tuple[float, float, float] = MEAN,
    std: tuple[float, float, float] = STD,
    seed: int = 0,
) -> Network:
    """Return a network: float pictures (images, 3, size_px, size_px) in [0, 1] -> logits (images, classes).

    Args:
        dropout: in front of the classifier, in [0, 1).
        options: the architecture's own, as values or as text; see `ARCHITECTURES`.
        pretrained: start from the weights that timm knows by this name: from an installed package, or
            from the hub (which needs the network once).
        weights: start from a .safetensors or .pth file; a classifier of another size is replaced, and
            the network's `notes` say so.
        mean, std: normalisation of each colour channel; pretrained weights bring their own.
        seed: names the initial weights; torch's global generator is left as it was.

    Raises:
        ZooError: an unknown architecture or option, a value out of range, pictures that are too
            small, or weights that cannot be had, read or fitted.

    Example:
        >>> network = build("cnn", classes=7, size_px=28, options={"width": 9, "kernel_size": 2})
        >>> first = next(layer for layer in network.modules() if hasattr(layer, "kernel_size"))
        >>> first.weight.numel(), first.bias.numel()
        (108, 9)
    """
    wanted = _wanted(arch, classes, size_px, dropout, options, pretrained)
    if pretrained and weights is not None:
        raise ZooError("Wanted pretrained weights or a file of weights, got both; leave one away.")
    from models_zoo.body import prove, seeded
    from models_zoo.weights import load

    with seeded(seed):
        body = _body(wanted)
        network = body.network(mean, std)
        source = weights if weights is not None else body.weights
        if source is not None:
            load(network, source, arch)
    prove(network, wanted)
    return network


def describe(arch: str, classes: int, size_px: int, *, options: Mapping[str, object] | None = None) -> Description:
    """Return a network's size without making its weights.

    Raises:
        ZooError: as `build`.

    Example:
        >>> describe("mlp", classes=7, size_px=28).parameters
        1470983
    """
    wanted = _wanted(arch, classes, size_px, 0.0, options, False)
    import torch

    with torch.device("meta"):
        network = _body(wanted).network(MEAN, STD)
    tensors = [*network.parameters(), *network.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Description(sum(tensor.numel() for tensor in network.parameters()), size / 1e6)


def own_size_px(arch: str) -> int | None:
    """Return the side of the pictures that an architecture's pretrained weights were trained on; None if unknown."""
    if not find(arch).pretrained:
        return None
    from models_zoo.timm_nets import own_size_px

    return own_size_px(arch)


def weights_at_hand(arch: str) -> str:
    """Return where pretrained weights would come from.

    `installed` (a package of the extra `pretrained`), `cached` (the hub's cache on this
    machine), `hub` (over the network), or `none`.

    Raises:
        ZooError: an unknown architecture.
    """
    if not find(arch).pretrained:
        return "none"
    from models_zoo.timm_nets import at_hand

    return at_hand(arch)


def resolved(arch: str, options: Mapping[str, object], pretrained: bool) -> dict[str, int | float | str]:
    """Return every option of an architecture as it will be used, the defaults filled in.

    Raises:
        ZooError: an unknown architecture or option, or a value outside its range.

    Example:
        >>> resolved("timm:tf_efficientnet_lite0", {}, pretrained=True)
        {'input_px': 224}
    """
    found = complete(arch, find(arch), options)
    if pretrained and not found.get("input_px", 1):
        found["input_px"] = own_size_px(arch) or 0
    return found


def _wanted(
    arch: str,
    classes: int,
    size_px: int,
    dropout: float,
    options: Mapping[str, object] | None,
    pretrained: bool,
) -> Wanted:
    """Return what is wanted, checked against the zoo's line."""
    row = find(arch)
    if size_px < row.smallest_px:
        raise ZooError(f"'{arch}' takes pictures from {row.smallest_px} px, got {size_px} px; enlarge them.")
    if classes < 1:
        raise ZooError(f"Wanted at least one class, got {classes}.")
    if not 0.0 <= dropout < 1.0:
        raise ZooError(f"Dropout is {dropout}; wanted a number from 0 to under 1.")
    if pretrained and not row.pretrained:
        raise ZooError(f"No pretrained weights are known for '{arch}'; use timm's, as in timm:resnet18.")
    return Wanted(arch, classes, size_px, dropout, resolved(arch, options or {}, pretrained), pretrained)


def _body(wanted: Wanted) -> Body:
    """Call the architecture's builder."""
    module, _, function = find(wanted.arch).target.partition(":")
    body: Body = getattr(import_module(module), function)(wanted)
    return body
