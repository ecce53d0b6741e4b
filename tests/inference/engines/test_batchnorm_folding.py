"""Folded networks compute what they did, with fewer layers, and nothing that must not be folded is."""

import copy

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn.utils import parametrizations

from ensemble_kit.inference.engines.batchnorm_folding import folded


def settled(module, seed=0):
    """Give every normalisation numbers that are not those of a fresh one."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.track_running_stats:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 2)
                nn.init.normal_(part.bias)
    return module.eval()


def normalisations(module):
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


def assert_same(module, other, pixels):
    with torch.no_grad():
        expected = module(pixels)
        torch.testing.assert_close(other(pixels), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_one_number_by_hand():
    pair = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)).eval()
    values = {
        "0.weight": 3.0,
        "0.bias": 5.0,
        "1.running_mean": 2.0,
        "1.running_var": 4.0,
        "1.weight": 7.0,
        "1.bias": 1.0,
    }
    pair.load_state_dict(
        {key: torch.full_like(pair.state_dict()[key], one) for key, one in values.items()}, strict=False
    )
    (convolution,) = folded(pair).children()
    assert float(convolution.weight) == 7 * 3 / 2
    assert float(convolution.bias) == 7 * (5 - 2) / 2 + 1


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("groups", [1, 3])
def test_pairs_of_every_make_are_folded(affine, bias, groups):
    pair = nn.Sequential(
        nn.Conv2d(3, 6, (3, 5), stride=2, padding=1, dilation=(1, 2), groups=groups, bias=bias),
        nn.BatchNorm2d(6, affine=affine),
    )
    module = settled(pair)
    less = folded(module)
    assert normalisations(less) == 0
    assert_same(module, less, torch.randn(2, 3, 17, 19))


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (lambda: torchvision.models.resnet18(num_classes=7), 0),
        (lambda: torchvision.models.densenet121(num_classes=7), 62),  # those that stand before a convolution
        (lambda: timm.create_model("tf_efficientnet_lite0", num_classes=7), 0),
        (lambda: timm.create_model("mobilenetv3_small_050", num_classes=7), 0),
    ],
)
def test_known_networks_keep_their_logits_and_lose_their_normalisations(make, left):
    module = settled(make())
    before = normalisations(module)
    less = folded(module)
    assert normalisations(less) == left < before == normalisations(module)
    assert_same(module, less, torch.rand(2, 3, 61, 61))


class Shared(nn.Module):
    """Reads the convolution twice."""

    def __init__(self):
        super().__init__()
        self.convolution, self.normalisation = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, pixels):
        raw = self.convolution(pixels)
        return self.normalisation(raw) + raw


class Twice(Shared):
    """Calls the convolution twice, once without the normalisation."""

    def forward(self, pixels):
        return self.normalisation(self.convolution(self.convolution(pixels)))


class Doubled(nn.Conv2d):
    def forward(self, pixels):
        return 2 * super().forward(pixels) + 1


class Counting(nn.BatchNorm2d):
    def forward(self, pixels):
        return super().forward(pixels).abs()


def hooked():
    pair = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    pair[0].register_forward_hook(lambda module, given, found: found**2)
    return pair


@pytest.mark.parametrize(
    "make",
    [
        Shared,
        Twice,
        hooked,
        lambda: nn.Sequential(Doubled(3, 3, 1), nn.BatchNorm2d(3)),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), Counting(3)),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3)),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)),
        lambda: nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)),
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 3, 2), nn.BatchNorm2d(3)),
    ],
    ids=[
        "read twice",
        "called twice",
        "hook",
        "own convolution",
        "own normalisation",
        "between",
        "batch",
        "made",
        "up",
    ],
)
def test_what_must_not_be_folded_is_not(make):
    module = settled(make())
    less = folded(module)
    assert normalisations(less) == normalisations(module)
    assert_same(module, less, torch.randn(5, 3, 7, 7))


class Hesitant(nn.Module):
    """Cannot be traced whole: what it does depends on the pixels."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, pixels):
        for part in self.parts:
            pixels = part(pixels) if pixels.shape[-1] > 2 else pixels
        return pixels


def test_of_a_module_that_cannot_be_traced_the_parts_are_folded():
    parts = (
        nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)),
        Hesitant(nn.Sequential(nn.Conv2d(5, 2, 1), nn.BatchNorm2d(2))),
    )
    module = settled(Hesitant(*parts))
    less = folded(module)
    assert normalisations(less) == 0
    assert_same(module, less, torch.randn(2, 3, 7, 7))


def test_the_module_itself_stays_as_it_is():
    module = settled(Hesitant(nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)))).train()
    before = copy.deepcopy(module.state_dict())
    folded(module)
    assert module.training
    assert normalisations(module) == 1
    assert all(torch.equal(before[key], one) for key, one in module.state_dict().items())
