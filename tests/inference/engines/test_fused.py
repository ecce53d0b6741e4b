"""Convolutions of oneDNN against PyTorch's own, activation by activation, and what happens without them."""

import importlib

import pytest
import timm
import torch
import torchvision
from torch import nn

from ensemble_kit.inference.engines.batchnorm_folding import folded
from ensemble_kit.inference.engines.fused import ACTIVATIONS, Convolution, convolved, fused

fusing = importlib.import_module("ensemble_kit.inference.engines.fused")
there = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")),
    reason="this PyTorch has no oneDNN",
)
MADE = [
    *(nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.3, 0.2), nn.LeakyReLU(0.3), nn.SiLU(), nn.Hardswish()),
    *(nn.Hardsigmoid(), nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.GELU("tanh")),
]


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def convolutions(module):
    return [part for part in module.modules() if isinstance(part, Convolution)]


@there
@pytest.mark.parametrize("activation", MADE, ids=str)
def test_each_activation_is_computed_inside_the_convolution(activation):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 7, 3), activation).eval()
    less = convolved(module)
    assert [type(part) for part in less.children()] == [Convolution]
    pixels = torch.randn(2, 3, 11, 13)
    with torch.inference_mode():
        close(less(pixels), module(pixels))


def test_every_activation_of_the_table_is_tried():
    assert {type(one) for one in MADE} == set(ACTIVATIONS)


@there
@pytest.mark.parametrize("call", [torch.relu, nn.functional.relu])
def test_activations_that_are_called_as_functions_are_fused_too(call):
    class Called(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(3, 5, 1)

        def forward(self, pixels):
            return call(self.convolution(pixels))

    module, pixels = Called().eval(), torch.randn(2, 3, 7, 7)
    less = convolved(module)
    assert [part.activation[0] for part in convolutions(less)] == ["relu"]
    with torch.inference_mode():
        close(less(pixels), module(pixels))


@there
def test_an_activation_is_left_outside_where_something_else_reads_the_convolution():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.activation = nn.Conv2d(3, 3, 1), nn.ReLU()

        def forward(self, pixels):
            raw = self.convolution(pixels)
            return self.activation(raw) - raw

    module, pixels = Both().eval(), torch.randn(2, 3, 7, 7)
    with torch.inference_mode():
        close(convolved(module)(pixels), module(pixels))


@there
@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(3, 7, 3, padding="same"),
        nn.Conv2d(3, 7, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(6, 12, 3, stride=(2, 1), padding=(0, 2), dilation=2, groups=3, bias=False),
        nn.Conv2d(3, 3, 5, padding=2, groups=3),
    ],
)
def test_convolutions_of_every_make_give_what_they_did(convolution):
    module, pixels = nn.Sequential(convolution, nn.ReLU()), torch.randn(2, convolution.in_channels, 13, 17)
    with torch.inference_mode():
        close(convolved(module)(pixels), module(pixels))


@there
@pytest.mark.parametrize("size", [(13, 16), (17, 7), (4, 5)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 3, 2), (1, 2, 1)])
def test_convolutions_that_pad_as_tensorflow_does_give_what_timm_gives(size, kernel, stride, dilation):
    module = nn.Sequential(timm.layers.Conv2dSame(3, 5, kernel, stride=stride, dilation=dilation)).eval()
    less, pixels = convolved(module), torch.randn(2, 3, *size)
    assert len(convolutions(less)) == 1
    with torch.inference_mode():
        close(less(pixels), module(pixels))


@there
@pytest.mark.parametrize(
    "make",
    [
        lambda: torchvision.models.resnet18(num_classes=7),
        lambda: timm.create_model("tf_efficientnet_lite0", num_classes=7),
    ],
)
def test_every_convolution_of_known_networks_is_fused(make):
    torch.manual_seed(0)
    module = make().eval()
    less = convolved(module)
    assert len(convolutions(less)) == sum(isinstance(part, nn.Conv2d) for part in module.modules())
    pixels = torch.rand(2, 3, 61, 61)
    with torch.inference_mode():
        close(less(pixels), module(pixels))


def planted(monkeypatch, *, trouble):
    def refuse(*_args, **_named):
        raise trouble

    monkeypatch.setattr(fusing, "convolved", refuse)
    return refuse


@pytest.mark.parametrize("deeper", [False, True])
def test_without_onednn_the_network_runs_folded_and_without_that_as_it_is(monkeypatch, deeper):
    refuse = planted(monkeypatch, trouble=AttributeError("no such operation"))
    monkeypatch.setattr(fusing, "folded", refuse if deeper else folded)
    torch.manual_seed(0)
    module, pixels = torchvision.models.resnet18(num_classes=7).eval(), torch.rand(2, 3, 37, 37)
    with torch.inference_mode():
        close(fused(module, pixels, "float32")(pixels), module(pixels))


def test_memory_that_runs_out_is_not_taken_for_a_network_that_cannot_be_fused(monkeypatch):
    planted(monkeypatch, trouble=MemoryError("full"))
    with pytest.raises(MemoryError, match="full"):
        fused(nn.Conv2d(3, 3, 1), torch.rand(2, 3, 5, 5), "float32")


def test_a_module_that_cannot_be_copied_still_runs():
    class Whole(nn.Module):
        def __deepcopy__(self, memory):
            raise TypeError("one of a kind")

        def forward(self, pixels):
            return pixels.mean((2, 3))

    pixels = torch.rand(37, 3, 5, 5)
    close(fused(Whole().eval(), pixels, "float32")(pixels), pixels.mean((2, 3)))


def test_a_part_whose_methods_are_called_by_name_still_runs():
    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(3, 5, 3)

        def features(self, pixels):
            return self.convolution(pixels).mean((2, 3))

        def forward(self, pixels):
            return self.features(pixels) + 1

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = Part()

        def forward(self, pixels):
            return self.part.features(pixels) if pixels.shape[-1] > 2 else pixels

    module, pixels = Whole().eval(), torch.rand(19, 3, 7, 7)
    with torch.inference_mode():
        close(fused(module, pixels, "float32")(pixels), module(pixels))
