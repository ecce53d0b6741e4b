"""Depthwise convolutions whose gradients are taken in float32."""

import pytest
import torch

from ensemble_kit.training.depthwise import QuickDepthwise

SIDES = [(5, 1, 2, 1), (5, 2, 2, 1), (3, 2, 1, 1), ((3, 5), (1, 2), (1, 2), 1), (3, 2, 2, 2)]


def _layer(kernel, stride, padding, dilation, multiplier=1, bias=True):
    torch.manual_seed(1)
    return torch.nn.Conv2d(7, 7 * multiplier, kernel, stride, padding, dilation, groups=7, bias=bias)


def _maps(dtype=torch.float32):
    return torch.randn(3, 7, 13, 11, generator=torch.Generator().manual_seed(2)).bfloat16().to(dtype)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("multiplier", [1, 2])
def test_gradients_are_those_of_double_precision(sides, multiplier):
    layer, maps = _layer(*sides, multiplier), _maps().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16), QuickDepthwise():
        seen = layer(maps)
    assert seen.dtype == torch.bfloat16
    slope = torch.randn(seen.shape, generator=torch.Generator().manual_seed(3)).bfloat16()
    seen.backward(slope)

    exact, there = _layer(*sides, multiplier).double(), _maps(torch.float64).requires_grad_()
    exact(there).backward(slope.double())
    assert torch.allclose(layer.weight.grad.double(), exact.weight.grad, rtol=1e-5, atol=1e-5)
    assert torch.allclose(layer.bias.grad.double(), exact.bias.grad, rtol=1e-2, atol=1e-1)
    assert torch.allclose(maps.grad.double(), there.grad, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("sides", SIDES)
def test_what_is_seen_is_what_autocast_alone_shows(sides):
    layer, maps = _layer(*sides), _maps()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        plain = layer(maps)
        with QuickDepthwise():
            assert torch.allclose(layer(maps).float(), plain.float(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("layer", [torch.nn.Conv2d(7, 7, 3, 2), torch.nn.Conv2d(7, 7, 3, padding=1, groups=7)])
def test_other_convolutions_are_left_alone(layer):
    grads = []
    for quick in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            if quick:
                with QuickDepthwise():
                    seen = layer(_maps())
            else:
                seen = layer(_maps())
        seen.float().sum().backward()
        grads.append(layer.weight.grad.clone())
    assert torch.equal(*grads)


def test_filters_that_do_not_learn_are_not_given_gradients():
    layer, maps = _layer(5, 2, 2, 1), _maps().requires_grad_()
    layer.requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16), QuickDepthwise():
        layer(maps).float().sum().backward()
    assert layer.weight.grad is None
    assert maps.grad is not None
