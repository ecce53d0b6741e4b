"""Which layers learn, and how fast: the head before the rest, later layers more than early ones.

A network may name the parts of it that belong to the classifier (`head`: prefixes of weight
names); one that names none has no head. Early layers of a pre-trained network are the most
general, so fine-tuning changes them least. Never makes an optimiser and never steps.
"""

from collections.abc import Iterable, Mapping

from torch import nn


def learning_scales(names: Iterable[str], decay: float) -> Mapping[str, float]:
    """Return the share of the learning rate for each weight: 1 in the last layer, `decay` times less before it.

    A layer is what comes before the last number in a weight's name (`blocks.3.1` of
    `blocks.3.1.conv.weight`), or the module itself where there is none; layers count in the
    order in which the network was built.

    Args:
        names: of all weights, in that order.
        decay: in (0, 1]; 1 lets all layers learn alike.

    Example:
        >>> learning_scales(["stem.weight", "blocks.0.a.weight", "blocks.0.b.bias", "fc.weight"], 0.5)
        {'stem.weight': 0.25, 'blocks.0.a.weight': 0.5, 'blocks.0.b.bias': 0.5, 'fc.weight': 1.0}

    Source: Howard and Ruder, "Universal Language Model Fine-tuning", ACL 2018.
    """
    layer = {name: _layer(name) for name in names}
    order = {one: place for place, one in enumerate(dict.fromkeys(layer.values()))}
    return {name: decay ** (len(order) - 1 - order[one]) for name, one in layer.items()}


def hold_all_but_the_head(module: nn.Module, hold: bool) -> None:
    """Let only the head learn, or everything again; call it when the module was put into training mode.

    What is held has no gradients, so no backward pass goes through it, and its norms use and
    keep the statistics that they have. A module without a head learns whole.
    """
    heads = tuple(getattr(module, "head", ()))
    if not heads:
        return
    inner = getattr(module, "body", module)
    for name, parameter in inner.named_parameters():
        parameter.requires_grad_(name.startswith(heads) or not hold)
    if hold:
        for name, part in inner.named_modules():
            if not f"{name}.".startswith(heads):
                part.training = False


def in_head(module: nn.Module, name: str) -> bool:
    """Return whether a weight of the module belongs to its classifier."""
    heads = tuple(getattr(module, "head", ()))
    return bool(heads) and name.removeprefix("body.").startswith(heads)


def _layer(name: str) -> str:
    """Return the layer that a weight belongs to."""
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdecimal()]
    return ".".join(parts[: numbers[-1] + 1]) if numbers else ".".join(parts[:-1])
