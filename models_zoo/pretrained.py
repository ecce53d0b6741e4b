"""What an architecture's pretrained weights are: of which size, where to be had, with which options."""

from collections.abc import Mapping
from pathlib import Path

from models_zoo import hub
from models_zoo.contract import UnreachableError, complete
from models_zoo.find import find
from models_zoo.imagenet import IMAGENET


def own_size_px(arch: str) -> int | None:
    """Return the side of the images that an architecture's pretrained weights were trained on; None if unknown."""
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


def fetch_weights(arch: str, seconds: float) -> Path:
    """Return the weights of a line of IMAGENET, fetched from the hub where they are not in its cache.

    Raises:
        UnreachableError: they are not there after so many seconds, or this timm starts from others, whose licence
            the table does not know.
    """
    from models_zoo.timm_nets import repository

    repo = IMAGENET[arch].hub
    if repository(arch) != repo:
        raise UnreachableError(f"The timm that is installed does not start '{arch}' from '{repo}'; update timm.")
    return hub.fetch(repo, seconds)


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
