"""An architecture by its name, and those that were probably meant by a name that is none."""

import re
from collections.abc import Mapping
from typing import Final

from models_zoo.contract import Architecture, unknown
from models_zoo.names import SHOWN, nearest
from models_zoo.table import ARCHITECTURES, TIMM

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
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
    found = nearest(re.sub(r"^timm\W+", "", arch), [*own, *theirs], ALIASES, most=len(theirs) + len(own))
    own_first = sorted(found, key=lambda name: name not in own)
    return [name if name in own else f"{TIMM}{name}" for name in own_first[:SHOWN]]
