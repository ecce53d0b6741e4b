"""Optimisers over a module's parameters, decay only where decay belongs.

Weight decay pulls on matrices and filters, never on biases and norms. Every optimiser is
fused into one pass over the weights, where it has such a form. Never steps by itself and never knows a schedule.
To add one: write the function, add a line to OPTIMIZERS.
"""

from typing import Any

import torch
from torch import nn

from ensemble_kit.tables import pick
from ensemble_kit.training.layers import in_head, learning_scales
from ensemble_kit.training.orthogonal_steps import Muon
from ensemble_kit.training.recipes import Recipe
from ensemble_kit.training.tables import OPTIMIZERS

Groups = list[dict[str, Any]]


def adam(groups: Groups, lr: float) -> torch.optim.Optimizer:
    """Return Adam (Kingma and Ba, ICLR 2015); decay is added to the gradient."""
    return torch.optim.Adam(groups, lr=lr, fused=True)


def adamw(groups: Groups, lr: float) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter, ICLR 2019); decay is scaled by the learning rate."""
    return torch.optim.AdamW(groups, lr=lr, fused=True)


def sgd(groups: Groups, lr: float) -> torch.optim.Optimizer:
    """Return stochastic gradient descent with Nesterov momentum 0.9."""
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, fused=True)


def muon(groups: Groups, lr: float) -> torch.optim.Optimizer:
    """Return Muon (Jordan et al., 2024) for filters and matrices, and AdamW for all that is none."""
    return Muon(groups, lr=lr, fused=True)


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of a recipe over all parameters that learn; each group knows its `lr_scale`.

    Raises:
        UnknownNameError: no optimiser has that name.

    Example:
        >>> made = make_optimizer(nn.Linear(3, 2), Recipe(optimizer="sgd", weight_decay=0.5))
        >>> [group["weight_decay"] for group in made.param_groups]
        [0.5, 0.0]
    """
    make = pick(OPTIMIZERS, recipe.optimizer, "optimizer").load()
    learning = {weight: one for weight, one in module.named_parameters() if one.requires_grad}
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for weight, scale in learning_scales(learning, recipe.layer_decay).items():
        decay = recipe.weight_decay if learning[weight].ndim > 1 else 0.0
        matrix = make is muon and is_matrix(learning[weight]) and not in_head(module, weight)
        groups.setdefault((scale, decay, matrix), []).append(learning[weight])
    optimizer: torch.optim.Optimizer = make(
        [
            {"params": held, "weight_decay": decay, "lr_scale": scale, "is_matrix": matrix}
            for (scale, decay, matrix), held in groups.items()
        ],
        recipe.lr,
    )
    return optimizer


def is_matrix(weight: nn.Parameter) -> bool:
    """Return whether weights mix several inputs into several outputs, as no norm, bias or depthwise filter does."""
    return weight.ndim in (2, 4) and min(weight.shape[:2]) > 1


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every group: its own share of `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
