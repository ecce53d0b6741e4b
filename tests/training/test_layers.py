"""Which layers learn, worked by hand."""

import pytest
import torch
from torch import nn

from ensemble_kit.training.layers import hold_all_but_the_head, learning_scales
from ensemble_kit.training.optimizers import make_optimizer, set_rate
from ensemble_kit.training.recipes import Recipe


class Classifier(nn.Module):
    """A body with a norm behind a wrapper, as the zoo builds them; its head is named."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
        self.head = ("2.",)

    def forward(self, images):
        return self.body(images)


def test_layers_are_told_by_the_last_number_in_a_name():
    scales = learning_scales(["a.weight", "b.0.weight", "b.0.bias", "b.1.x.weight", "c.0.1.weight", "fc.bias"], 0.5)
    assert list(scales.values()) == [2**-4, 2**-3, 2**-3, 2**-2, 2**-1, 1.0]


def test_each_layer_of_a_network_steps_by_its_share():
    module = Classifier()
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    optimizer = make_optimizer(module, Recipe(optimizer="sgd", lr=1.0, weight_decay=0.0, layer_decay=0.5))
    set_rate(optimizer, 0.125)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    step = {name: (before[name] - value).mean().item() / (0.125 * 1.9) for name, value in module.named_parameters()}
    assert step == {
        name: pytest.approx({"0": 0.25, "1": 0.5, "2": 1.0}[name.split(".")[1]], abs=1e-6) for name in before
    }


def test_what_is_held_has_no_gradient_and_keeps_its_statistics():
    module = Classifier().train()
    hold_all_but_the_head(module, True)
    module(torch.randn(7, 3)).sum().backward()
    assert {name for name, value in module.named_parameters() if value.grad is not None} == {
        "body.2.weight",
        "body.2.bias",
    }
    assert module.body[1].running_mean.tolist() == [0.0] * 5
    module.train()
    hold_all_but_the_head(module, False)
    module(torch.randn(7, 3)).sum().backward()
    assert all(value.grad is not None for value in module.parameters())
    assert module.body[1].running_mean.abs().sum() > 0


def test_a_module_without_a_head_learns_whole():
    module = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    hold_all_but_the_head(module, True)
    assert all(value.requires_grad for value in module.parameters())
    assert module[1].training
