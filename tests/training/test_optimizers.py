"""Optimisers, held against their formulas worked by hand."""

import pytest
import scipy
import timm.optim
import torch
from torch import nn

from ensemble_kit.errors import UnknownNameError
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.orthogonal_steps import orthogonal
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


class _Headed(nn.Module):
    """A filter, a depthwise filter, a norm and a classifier."""

    head = ("fc.",)

    def __init__(self):
        super().__init__()
        self.filter, self.depthwise = nn.Conv2d(3, 5, 3, bias=False), nn.Conv2d(5, 5, 3, groups=5, bias=False)
        self.norm, self.fc = nn.BatchNorm2d(5), nn.Linear(5, 2)


def test_muon_moves_filters_by_the_polar_factor_of_their_momentum_and_the_rest_as_adamw():
    made = {}
    for name in ("muon", "adamw"):
        torch.manual_seed(0)
        made[name] = _Headed()
        optimizer = make_optimizer(made[name], Recipe(optimizer=name, lr=0.01, weight_decay=0.5))
        start, gradients = made[name].filter.weight.detach().clone(), []
        for seed in (1, 2):
            torch.manual_seed(seed)
            for parameter in made[name].parameters():
                parameter.grad = torch.randn_like(parameter)
            gradients.append(made[name].filter.weight.grad.double().numpy().reshape(5, 27).copy())
            optimizer.step()
    for weight, moved in made["muon"].named_parameters():
        assert torch.equal(moved, made["adamw"].get_parameter(weight)) == (weight != "filter.weight")
    momentum, expected = 0.0, start.double().numpy().reshape(5, 27)
    for gradient in gradients:
        momentum = 0.95 * momentum + 0.05 * gradient
        polar = scipy.linalg.polar(0.95 * momentum + 0.05 * gradient)[0]
        expected = expected * (1 - 0.01 * 0.5) - 0.01 * 0.2 * 27**0.5 * polar
    moved = made["muon"].filter.weight.detach().double().numpy().reshape(5, 27)
    assert moved == pytest.approx(expected, abs=0.01 * 0.2 * 27**0.5 * 0.05)


def test_muon_is_the_published_one_of_timm():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(7, 13, bias=False), nn.Linear(7, 13, bias=False)
    theirs.load_state_dict(ours.state_dict())
    one = make_optimizer(ours, Recipe(optimizer="muon", lr=0.01, weight_decay=0.1))
    other = timm.optim.Muon(theirs.parameters(), lr=0.01, weight_decay=0.1, momentum=0.95, nesterov=True)
    for _ in range(5):
        ours.weight.grad = torch.randn(13, 7)
        theirs.weight.grad = ours.weight.grad.clone()
        one.step()
        other.step()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-3)  # timm's products are in bfloat16


@pytest.mark.parametrize("shape", [(5, 5), (7, 29), (29, 7), (48, 27), (2, 2)])
def test_a_matrix_is_made_orthogonal_as_its_singular_vectors_are(shape):
    torch.manual_seed(3)
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    assert values.min() / values.norm() > 1e-3  # smaller ones are brought to 1 in more steps
    assert torch.linalg.matrix_norm(orthogonal(matrix).double() - left @ right, 2) < 0.06


def test_a_matrix_of_zeros_or_of_low_rank_stays_a_number():
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))
    single = torch.outer(torch.randn(30), torch.randn(200))
    assert torch.linalg.matrix_norm(orthogonal(1e-12 * single), 2).item() == pytest.approx(1, abs=0.06)


def test_parameters_that_do_not_learn_are_left_out():
    module = nn.Linear(3, 2)
    module.weight.requires_grad_(False)
    (group,) = make_optimizer(module, Recipe(optimizer="adamw", lr=0.1, weight_decay=0.1)).param_groups
    assert group["params"] == [module.bias]


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(UnknownNameError, match="No optimizer is named 'sdg'; did you mean 'sgd'"):
        make_optimizer(nn.Linear(3, 2), Recipe(optimizer="sdg"))
