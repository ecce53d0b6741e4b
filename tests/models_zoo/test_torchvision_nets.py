"""Torchvision's networks with a fitted stem."""

import builtins

import pytest
import torch
import torchvision

from models_zoo import ZooError, build


@pytest.mark.parametrize(("size_px", "side"), [(28, 4), (48, 3), (96, 6), (128, 4)])
def test_a_resnet_keeps_some_cells_at_every_size(size_px, side):
    body = build("resnet18", 7, size_px).eval().body
    maps = []
    body.layer4.register_forward_hook(lambda module, inputs, output: maps.append(output.shape[-2:]))
    body(torch.zeros(1, 3, size_px, size_px))
    assert maps == [(side, side)]


@pytest.mark.parametrize(("size_px", "side"), [(28, 3), (48, 3), (64, 2), (128, 4)])
def test_a_vgg_stops_halving_at_two_cells(size_px, side):
    body = build("vgg11_bn", 7, size_px).eval().body
    assert body.features(torch.zeros(1, 3, size_px, size_px)).shape[-2:] == (side, side)


def test_a_large_resnet_is_torchvisions_own():
    ours = build("resnet18", 7, 128).eval()
    theirs = torchvision.models.resnet18(num_classes=7).eval()
    theirs.load_state_dict(ours.body.state_dict())
    images = torch.rand(2, 3, 128, 128)
    assert torch.allclose(theirs((images - 0.5) / 0.25), ours(images), atol=1e-5)


def test_vgg_filters_are_torchvisions_own():
    ours = build("vgg16_bn", 7, 28).body
    theirs = torchvision.models.vgg16_bn(weights=None, init_weights=False)
    assert theirs.features.load_state_dict(ours.features.state_dict())


def test_a_torchvision_that_does_not_fit_torch_is_explained(monkeypatch):
    real = builtins.__import__

    def broken(name, globals=None, locals=None, fromlist=(), level=0):
        if name == "torchvision" and fromlist == ("models",):
            raise RuntimeError("operator torchvision::nms does not exist")
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ZooError, match=r"nms does not exist.*Install both from the same index"):
        build("resnet18", 7, 28)
