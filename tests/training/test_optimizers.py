"""Optimisers, held against their formulas worked by hand."""

import pytest
import torch
from torch import nn

from ensemble_kit.errors import UnknownNameError
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.recipes import Recipe
from ensemble_kit.training.tables import OPTIMIZERS


def _stepped(name, weight_decay, gradient=0.5):
    module = nn.Linear(3, 2)
    nn.init.constant_(module.weight, 2.0)
    nn.init.constant_(module.bias, 2.0)
    optimizer = make_optimizer(module, Recipe(optimizer=name, lr=0.125, weight_decay=weight_decay))
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
    return module.weight[0, 0].item(), module.bias[0].item()


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_decay_pulls_on_weights_and_never_on_biases(name):
    assert _stepped(name, 0.5, gradient=0.0)[0] < 2.0
    assert _stepped(name, 0.5, gradient=0.0)[1] == 2.0


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("adam", 2.0 - 0.125),  # first step: the sign of the gradient
        ("adamw", 2.0 * (1 - 0.125 * 0.25) - 0.125),
        ("sgd", 2.0 - 0.125 * 1.9 * (0.5 + 0.25 * 2.0)),  # Nesterov: 1 + momentum times the gradient
    ],
)
def test_the_first_step_is_the_formulas(name, weight):
    assert _stepped(name, 0.25)[0] == pytest.approx(weight, abs=1e-6)


def test_parameters_that_do_not_learn_are_left_out():
    module = nn.Linear(3, 2)
    module.weight.requires_grad_(False)
    (group,) = make_optimizer(module, Recipe(optimizer="adamw", lr=0.1, weight_decay=0.1)).param_groups
    assert group["params"] == [module.bias]


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(UnknownNameError, match="No optimizer is named 'sdg'; did you mean 'sgd'"):
        make_optimizer(nn.Linear(3, 2), Recipe(optimizer="sdg"))
