"""The running mean of a network's weights, which often generalises better than the last step.

Weights and the running statistics of norms are averaged alike; counters are copied.
Never trains and never measures.
"""

import copy

import torch
from torch import Tensor, nn


class RunningMean:
    """An exponential moving average of a module, itself a module.

    The decay starts low and rises, so that the first random weights are soon forgotten:
    at step t it is min(decay, (1 + t) / (10 + t)).

    Args:
        decay: from 0 (a copy of the last step) to just under 1.

    Source: Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992; warm-up as in TensorFlow's
        ExponentialMovingAverage.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Start from a copy of the module."""
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the mean towards the module; `step` counts from 0 over the whole run."""
        share = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        means, values = _tensors(self.module), _tensors(module)
        floats = [i for i, mean in enumerate(means) if mean.is_floating_point()]
        torch._foreach_lerp_([means[i] for i in floats], [values[i] for i in floats], share)
        for mean, value in zip(means, values, strict=True):
            if not mean.is_floating_point():
                mean.copy_(value)


def _tensors(module: nn.Module) -> list[Tensor]:
    """Return all weights and buffers in a fixed order."""
    return [value.detach() for value in (*module.parameters(), *module.buffers())]
