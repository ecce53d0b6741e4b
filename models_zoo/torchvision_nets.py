"""Torchvision's VGG and ResNet, their stem fitted where the image is small.

As published they halve an image five times, and an image of 28 px would vanish. Names of
weights stay torchvision's own, so that its files load where the stem is the published one.
"""

from collections import OrderedDict
from typing import Any

from torch import nn

from models_zoo.body import Body
from models_zoo.contract import Wanted, ZooError

_NO_HALVING_BELOW_PX = 40
_ONE_HALVING_BELOW_PX = 112
_VGG_HIDDEN = 512
_VGG_PLANS = {"vgg11_bn": "A", "vgg16_bn": "D"}  # torchvision's letters


def build_resnet(wanted: Wanted) -> Body:
    """Return a ResNet; its stem halves not at all below 40 px, once below 112 px, else twice."""
    module = _torchvision().get_model(wanted.arch, weights=None, num_classes=wanted.classes)
    if wanted.size_px < _ONE_HALVING_BELOW_PX:
        module.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(module.conv1.weight, mode="fan_out", nonlinearity="relu")
    if wanted.size_px < _NO_HALVING_BELOW_PX:
        module.maxpool = nn.Identity()
    module.avgpool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Dropout(wanted.dropout))
    return Body(module, head=("fc",))


def build_vgg(wanted: Wanted) -> Body:
    """Return a VGG that stops halving at 2 x 2 cells, with a small classifier (60 MB for vgg16_bn)."""
    vgg = _torchvision().vgg
    features = vgg.make_layers(vgg.cfgs[_VGG_PLANS[wanted.arch]], batch_norm=True)
    side = wanted.size_px
    for place, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            if side < 4:
                features[place] = nn.Identity()
            else:
                side //= 2
        elif isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    classifier = nn.Sequential(
        nn.Linear(512, _VGG_HIDDEN),
        nn.ReLU(inplace=True),
        nn.Dropout(wanted.dropout),
        nn.Linear(_VGG_HIDDEN, wanted.classes),
    )
    parts = {"features": features, "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    return Body(nn.Sequential(OrderedDict(parts, classifier=classifier)), head=("classifier",))


def _torchvision() -> Any:
    """Return torchvision.models, or say why it cannot be imported."""
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise ZooError(
            f"torchvision cannot be imported ({error}); wanted a build that fits torch. "
            f"Install both from the same index: pip install --force-reinstall torch torchvision"
        ) from error
    return models
