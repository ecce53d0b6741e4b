"""Optimisers over a module's parameters, decay only where decay belongs.

Weight decay pulls on matrices and filters, never on biases and norms. Every optimiser is
fused into one pass over the weights. Never steps by itself and never knows a schedule.
To add one: write the function, add a line to OPTIMIZERS.
"""

from typing import Any

import torch
from torch import nn

from ensemble_kit.tables import pick
from ensemble_kit.training import OPTIMIZERS

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


def make_optimizer(module: nn.Module, name: str, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return the named optimiser over all parameters that learn.

    Raises:
        UnknownNameError: no optimiser has that name.

    Example:
        >>> [group["weight_decay"] for group in make_optimizer(nn.Linear(3, 2), "sgd", 0.1, 0.5).param_groups]
        [0.5, 0.0]
    """
    make = pick(OPTIMIZERS, name, "optimizer").load()
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer: torch.optim.Optimizer = make([group for group in groups if group["params"]], lr)
    return optimizer
