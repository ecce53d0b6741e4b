"""The networks whose ImageNet weights `ek auto` may start from: what they are, and for which budgets. Nothing heavy.

Facts are timm's own, and a test holds them against timm: licence, where the weights are, parameters, native size.
Operations are as timm publishes them (results/benchmark-infer-*.csv of its repository). Small networks alone, that
learn fast on their hardware, under licences that allow commercial use. In a budget that several suit, those further up
come first; EfficientNet-Lite is first, for it is the one that was measured from images to blend. To add a network: a
line in IMAGENET, where it should be tried.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from models_zoo.table import TIMM

BUDGETS: Final = (1, 5, 20)  # minutes, about
PERMISSIVE: Final = ("apache-2.0", "mit", "bsd-3-clause")


class ImageNet(NamedTuple):
    """A network of timm and its published weights, with their classifier of 1000 classes.

    family: networks alike but for their size.
    hub: the repository of the weights on the Hugging Face hub.
    parameters_m: millions. size_mb: of the file, 10^6 bytes. own_px: side of the images that they learnt from.
    gmacs: billions of multiplications and additions an image of that side.
    cpu, gpu: minutes of a budget that it suits; see BUDGETS.
    """

    family: str
    hub: str
    licence: str
    parameters_m: float
    size_mb: float
    own_px: int
    gmacs: float
    cpu: tuple[int, ...] = ()
    gpu: tuple[int, ...] = ()


_LITE: Final = "EfficientNet-Lite"
_HGNET: Final = "PP-HGNetV2"
_APACHE: Final = "apache-2.0"
_DISTILLED: Final = "dist_in22k_ft_in1k"

IMAGENET: Final[Mapping[str, ImageNet]] = {
    f"{TIMM}{name}": row
    for name, row in {
        "tf_efficientnet_lite0": ImageNet(
            _LITE, "timm/tf_efficientnet_lite0.in1k", _APACHE, 4.65, 18.8, 224, 0.40, (1, 5, 20), (1, 5)
        ),
        "tf_efficientnet_lite1": ImageNet(
            _LITE, "timm/tf_efficientnet_lite1.in1k", _APACHE, 5.42, 21.9, 240, 0.62, (5, 20), (1, 5)
        ),
        "tf_efficientnet_lite2": ImageNet(
            _LITE, "timm/tf_efficientnet_lite2.in1k", _APACHE, 6.09, 24.6, 260, 0.89, (20,), (1, 5)
        ),
        "hgnetv2_b0": ImageNet(_HGNET, "timm/hgnetv2_b0.ssld_stage2_ft_in1k", _APACHE, 6.00, 24.0, 224, 0.33, cpu=(1,)),
        "hgnetv2_b1": ImageNet(_HGNET, "timm/hgnetv2_b1.ssld_stage2_ft_in1k", _APACHE, 6.34, 25.4, 224, 0.49, cpu=(5,)),
        "hgnetv2_b2": ImageNet(
            _HGNET, "timm/hgnetv2_b2.ssld_stage2_ft_in1k", _APACHE, 11.22, 45.0, 224, 1.15, (20,), (1,)
        ),
        "hgnetv2_b4": ImageNet(
            _HGNET, "timm/hgnetv2_b4.ssld_stage2_ft_in1k", _APACHE, 19.80, 79.4, 224, 2.75, gpu=(5, 20)
        ),
        "convnext_atto": ImageNet("ConvNeXt", "timm/convnext_atto.d2_in1k", _APACHE, 3.70, 14.8, 224, 0.55, cpu=(1,)),
        "convnext_femto": ImageNet("ConvNeXt", "timm/convnext_femto.d1_in1k", _APACHE, 5.22, 20.9, 224, 0.79, cpu=(5,)),
        "convnext_nano": ImageNet(
            "ConvNeXt", "timm/convnext_nano.in12k_ft_in1k", _APACHE, 15.59, 62.4, 224, 2.46, (20,), (1, 5)
        ),
        "convnext_tiny": ImageNet(
            "ConvNeXt", "timm/convnext_tiny.in12k_ft_in1k", _APACHE, 28.59, 114.4, 224, 4.47, gpu=(20,)
        ),
        "regnety_004": ImageNet(
            "RegNetY", "timm/regnety_004.tv2_in1k", "bsd-3-clause", 4.34, 17.5, 224, 0.41, cpu=(1, 5)
        ),
        "mobilenetv4_conv_small": ImageNet(
            "MobileNetV4", "timm/mobilenetv4_conv_small.e2400_r224_in1k", _APACHE, 3.77, 15.2, 224, 0.19, cpu=(1,)
        ),
        "mobilenetv4_conv_medium": ImageNet(
            "MobileNetV4", "timm/mobilenetv4_conv_medium.e500_r256_in1k", _APACHE, 9.72, 39.1, 256, 1.10, gpu=(1,)
        ),
        "tf_efficientnetv2_b0": ImageNet(
            "EfficientNetV2", "timm/tf_efficientnetv2_b0.in1k", _APACHE, 7.14, 28.8, 192, 0.54, cpu=(5, 20)
        ),
        "resnet18": ImageNet("ResNet", "timm/resnet18.a1_in1k", _APACHE, 11.69, 46.8, 224, 1.82, cpu=(5,)),
        "resnet34": ImageNet("ResNet", "timm/resnet34.a1_in1k", _APACHE, 21.80, 87.3, 224, 3.67, (20,), (1,)),
        f"tiny_vit_5m_224.{_DISTILLED}": ImageNet(
            "TinyViT", f"timm/tiny_vit_5m_224.{_DISTILLED}", _APACHE, 5.39, 21.6, 224, 1.28, (20,), (1,)
        ),
        f"tiny_vit_11m_224.{_DISTILLED}": ImageNet(
            "TinyViT", f"timm/tiny_vit_11m_224.{_DISTILLED}", _APACHE, 11.00, 44.0, 224, 2.04, gpu=(5,)
        ),
        f"tiny_vit_21m_224.{_DISTILLED}": ImageNet(
            "TinyViT", f"timm/tiny_vit_21m_224.{_DISTILLED}", _APACHE, 21.20, 84.9, 224, 4.29, gpu=(20,)
        ),
    }.items()
}
"""By the name that `--arch` takes."""
