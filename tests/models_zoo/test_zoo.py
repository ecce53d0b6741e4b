"""Laws that every line of the zoo obeys, and the errors of its table."""

import subprocess
import sys

import pytest
import torch

import models_zoo
from models_zoo import ARCHITECTURES, ZooError, build, describe, find
from models_zoo.find import ALIASES, suggested

TIMM = "timm:resnet10t"
NAMES = [TIMM if name == "timm:NAME" else name for name in ARCHITECTURES]
OWN = ["mlp", "cnn", "cnn-deep"]


def test_the_table_loads_without_torch():
    heavy = "{'torch', 'numpy', 'timm'} & set(sys.modules)"
    code = f"import sys, models_zoo; models_zoo.find('cnn'); sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size_px", [28, 48])
def test_every_network_gives_one_row_of_finite_logits_a_image(name, size_px):
    logits = build(name, classes=7, size_px=size_px).eval()(torch.rand(2, 3, size_px, size_px))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_network_takes_its_smallest_image_and_refuses_a_smaller_one(name):
    smallest = 32 if name == TIMM else find(name).smallest_px
    assert build(name, classes=5, size_px=smallest).training
    if find(name).smallest_px > 1:
        with pytest.raises(ZooError, match=rf"takes images from {smallest} px, got {smallest - 1} px"):
            build(name, classes=5, size_px=smallest - 1)


@pytest.mark.parametrize("name", NAMES)
def test_described_size_is_the_size_of_the_weights(name):
    network = build(name, classes=7, size_px=32)
    description = describe(name, classes=7, size_px=32)
    assert description.parameters == sum(parameter.numel() for parameter in network.parameters())
    state = network.state_dict().values()
    assert description.size_mb * 1e6 == sum(value.numel() * value.element_size() for value in state)
    assert description.size_mb < 150


@pytest.mark.parametrize("name", [*OWN, "vgg11_bn", "resnet18", TIMM])
def test_dropout_changes_what_training_sees_and_not_what_evaluation_sees(name):
    plain = build(name, classes=7, size_px=32, seed=3).eval()
    dropping = build(name, classes=7, size_px=32, seed=3, dropout=0.9)
    assert plain.state_dict().keys() == dropping.state_dict().keys()
    rates = [layer.p for layer in dropping.modules() if isinstance(layer, torch.nn.Dropout)]
    assert 0.9 in rates or dropping.body.drop_rate == 0.9
    images = torch.rand(3, 3, 32, 32)
    assert torch.equal(plain(images), dropping.eval()(images))


@pytest.mark.parametrize("name", OWN)
def test_a_seed_names_the_initial_weights_and_leaves_torch_alone(name):
    before = torch.random.get_rng_state()
    first, again, other = (build(name, 5, 28, seed=seed).state_dict() for seed in (11, 11, 12))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", OWN)
def test_the_network_normalises_by_itself(name):
    plain = build(name, 5, 28, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), seed=2).eval()
    shifted = build(name, 5, 28, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125), seed=2).eval()
    images = torch.rand(3, 3, 28, 28, generator=torch.Generator().manual_seed(5))
    mean, std = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1), torch.tensor([0.5, 0.25, 0.125]).view(3, 1, 1)
    assert torch.allclose(shifted(images), plain((images - mean) / std), atol=1e-5)
    assert {"mean", "std"} <= shifted.state_dict().keys()


@pytest.mark.parametrize("name", OWN)
def test_every_option_changes_the_network_and_values_beyond_its_bounds_are_refused(name):
    for option, row in find(name).options.items():
        if row.choices:
            bad, good = "none-such", row.choices[-1]
        else:
            bad, good = row.high + 1, type(row.default)(min(row.high, row.default + 1 if row.low > 0 else 0.5))
        with pytest.raises(ZooError, match=f"Option '{option}' of '{name}' is .*; wanted"):
            build(name, 5, 48, options={option: bad})
        plain = {"depth": 2}
        changed = build(name, 5, 48, options={**plain, option: str(good)})
        assert repr(changed) != repr(build(name, 5, 48, options=plain))


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ZooError, match="No architecture is named 'resnet'; did you mean 'resnet"):
        find("resnet")
    with pytest.raises(ZooError, match="No option of 'cnn' is named 'widht'; did you mean 'width'"):
        build("cnn", 5, 28, options={"widht": 3})
    with pytest.raises(ZooError, match=r"No option of 'resnet18' is named 'width'\. Known: none"):
        build("resnet18", 5, 28, options={"width": 3})
    with pytest.raises(ZooError, match="No network of timm is named 'resnet10x'; did you mean 'timm:resnet10t'"):
        build("timm:resnet10x", 5, 28)


def test_values_that_make_no_network_are_refused():
    with pytest.raises(ZooError, match="Wanted at least one class, got 0"):
        build("mlp", 0, 28)
    with pytest.raises(ZooError, match=r"Dropout is 1\.0; wanted a number from 0 to under 1"):
        build("mlp", 5, 28, dropout=1.0)
    with pytest.raises(ZooError, match="Option 'depth' of 'cnn' is 'three'; wanted a whole number"):
        build("cnn", 5, 28, options={"depth": "three"})
    with pytest.raises(ZooError, match="got both; leave one away"):
        build(TIMM, 5, 28, pretrained=True, weights="here.pth")
    with pytest.raises(ZooError, match="No pretrained weights are known for 'vgg11_bn'"):
        build("vgg11_bn", 5, 28, pretrained=True)


def test_the_face_shows_what_is_there():
    for name in models_zoo.__all__:
        assert getattr(models_zoo, name) is not None
    with pytest.raises(AttributeError, match="attribute choose"):
        _ = models_zoo.choose


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("efficientnet_b0", ["timm:efficientnet_b0"]),
        ("EfficientNet-B0", ["timm:efficientnet_b0"]),
        ("efficientnet", ["timm:efficientnet_b0", "timm:efficientnet_b1", "timm:efficientnet_b2"]),
        ("efficientnet_lite", ["timm:tf_efficientnet_lite0"]),
        ("resnet", ["resnet18", "resnet34", "resnet50"]),
        ("ResNet-18", ["resnet18"]),
        ("resnt18", ["resnet18"]),
        ("timm/resnet18", ["resnet18"]),
        ("resnet101", ["timm:resnet101"]),
        ("resnet20", []),
        ("vgg16", ["timm:vgg16"]),
        ("densenet121", ["timm:densenet121"]),
        ("mobilenet_v2", ["timm:mobilenetv2_100"]),
        ("vit_b_16", ["timm:vit_base_patch16_224"]),
        ("swin_t", ["timm:swin_tiny_patch4_window7_224"]),
        ("convnext_tiny", ["timm:convnext_tiny"]),
        ("mlp-mixer", ["timm:mixer_b16_224"]),
        ("cnn_deep", ["cnn-deep"]),
        ("simple_cnn", ["cnn"]),
        ("mpl", ["mlp"]),
        ("alexnet", []),
        ("yolov8", []),
        ("bert", []),
        ("unet", []),
    ],
)
def test_what_people_call_a_network_leads_to_its_name_here(typed, wanted):
    assert suggested(typed) == wanted


def test_every_alias_is_of_a_network_that_is_there():
    import timm

    assert not [name for name in ALIASES if name not in {*models_zoo.ARCHITECTURES, *timm.list_models()}]
