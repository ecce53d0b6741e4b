"""A network by its name, with its weights; and how large one is."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Final, NamedTuple

from models_zoo.contract import Wanted, ZooError
from models_zoo.find import find
from models_zoo.pretrained import resolved

if TYPE_CHECKING:
    from models_zoo.body import Body, Network

MEAN: Final = (0.5, 0.5, 0.5)
STD: Final = (0.25, 0.25, 0.25)


class Description(NamedTuple):
    """How large a network is."""

    parameters: int
    size_mb: float  # weights and buffers in float32, 10^6 bytes


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
    """Return a network: float images (images, 3, size_px, size_px) in [0, 1] -> logits (images, classes).

    Args:
        dropout: in front of the classifier, in [0, 1).
        options: the architecture's own, as values or as text; see `ARCHITECTURES`.
        pretrained: start from the weights that timm knows by this name: from an installed package, or
            from the hub (which needs the network once).
        weights: start from a .safetensors or .pth file, a trainer's checkpoint too; a classifier of another size
            is replaced, a moving average is preferred to the last step, and the network's `notes` say so.
        mean, std: normalisation of each colour channel; pretrained weights bring their own.
        seed: names the initial weights; torch's global generator is left as it was.

    Raises:
        ZooError: an unknown architecture or option, a value out of range, images that are too
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
            load(network, source, wanted)
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
        raise ZooError(f"'{arch}' takes images from {row.smallest_px} px, got {size_px} px; enlarge them.")
    if classes < 1:
        raise ZooError(f"Wanted at least one class, got {classes}.")
    if not 0.0 <= dropout < 1.0:
        raise ZooError(f"Dropout is {dropout}; wanted a number from 0 to under 1.")
    if pretrained and not row.pretrained:
        raise ZooError(f"No pretrained weights are known for '{arch}'; use timm's, as in timm:resnet18.")
    return Wanted(arch, classes, size_px, dropout, resolved(arch, options or {}, pretrained), pretrained)


def _body(wanted: Wanted) -> Body:
    """Call the architecture's builder."""
    return find(wanted.arch).builder()(wanted)
