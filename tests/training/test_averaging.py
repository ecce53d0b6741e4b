"""The running mean of the weights, held against the recurrence worked by hand."""

import pytest
import torch
from torch import nn

from ensemble_kit.training.averaging import RunningMean


def test_weights_and_statistics_follow_the_recurrence_and_counters_are_copied():
    module = nn.BatchNorm1d(3)
    mean = RunningMean(module, decay=0.3)
    weight, statistic = 1.0, 0.0
    for step, value in enumerate([2.0, -1.0, 5.0, 7.0, 11.0]):
        nn.init.constant_(module.weight, value)
        module.running_mean.fill_(10 * value)
        module.num_batches_tracked.fill_(step)
        mean.update(module, step)
        decay = min(0.3, (1 + step) / (10 + step))
        weight, statistic = decay * weight + (1 - decay) * value, decay * statistic + (1 - decay) * 10 * value
        assert mean.module.weight.tolist() == pytest.approx([weight] * 3)
        assert mean.module.running_mean.tolist() == pytest.approx([statistic] * 3, rel=1e-5)
        assert int(mean.module.num_batches_tracked) == step


def test_the_mean_does_not_learn_and_shares_no_memory():
    module = nn.Linear(3, 2)
    mean = RunningMean(module, decay=0.9).module
    assert not any(parameter.requires_grad for parameter in mean.parameters())
    assert not mean.training
    assert mean.weight.data_ptr() != module.weight.data_ptr()
    assert torch.equal(mean.weight, module.weight)
