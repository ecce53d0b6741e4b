"""One step, and its loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ensemble_kit.training.balance import class_weights
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.recipes import RECIPES, Recipe
from ensemble_kit.training.step import Work, count_classes, cross_entropy, take_step

LABELS = torch.tensor([0, 2, 0, 0, 6])
PLAIN = replace(RECIPES["assignment"], optimizer="sgd", weight_decay=0.0)


def _logits():
    return torch.randn(5, 7, generator=torch.Generator().manual_seed(3))


def _net():
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 7))


def _images():
    return torch.randint(0, 256, (5, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def _plainly(images, rows, seed, epoch):
    return images.float() / 255


def test_the_assignments_four_rows_sum_to_6_966_bits():
    chances = torch.tensor([0.4, 0.4, 0.5, 0.1])
    logits = torch.stack([chances, 1 - chances], dim=1).log()
    nats = 4 * float(cross_entropy(logits, torch.zeros(4, dtype=torch.long), None, 0.0))
    assert nats / np.log(2) == pytest.approx(6.966, abs=5e-4)


def test_the_loss_against_shares_is_the_cross_entropy_by_hand():
    logits = _logits()
    target = 0.75 * F.one_hot(LABELS, 7) + 0.25 * F.one_hot(LABELS.roll(1), 7)
    expected = -((0.9 * target + 0.1 / 7) * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    assert float(cross_entropy(logits, target, None, 0.1)) == pytest.approx(float(expected), abs=1e-6)


def test_weighed_classes_count_alike_and_shares_count_as_labels_do():
    logits, weights = _logits(), class_weights(LABELS, 7)
    each = F.cross_entropy(logits, LABELS, reduction="none")
    by_class = torch.stack([each[one == LABELS].mean() for one in (0, 2, 6)]).mean()
    assert float(cross_entropy(logits, LABELS, weights, 0.0)) == pytest.approx(float(by_class), abs=1e-6)
    shares = F.one_hot(LABELS, 7).float()
    for smoothing in (0.0, 0.1):
        hard, soft = (float(cross_entropy(logits, one, weights, smoothing)) for one in (LABELS, shares))
        assert hard == pytest.approx(soft, abs=1e-6)


@pytest.mark.parametrize("clip", [0.0, 0.01, 1000.0])
def test_a_step_moves_the_weights_by_the_clipped_gradient(clip):
    net, twin, images = _net(), _net(), _images()
    recipe = replace(PLAIN, clip=clip, dropout=0.0)
    loss = F.cross_entropy(twin(images.float() / 255), LABELS)
    loss.backward()
    norm = torch.cat([one.grad.flatten() for one in twin.parameters()]).norm()
    factor = min(1.0, clip / float(norm)) if clip else 1.0
    work = Work(images, LABELS, 7, recipe, 0, _plainly)
    optimizer = torch.optim.SGD([{"params": list(net.parameters()), "lr_scale": 1.0}], lr=0.5)
    told = take_step(net.train(), optimizer, work, torch.arange(5), 0, 0, 0.5)
    assert float(told) == pytest.approx(float(loss.detach()), abs=1e-6)
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(one, other - 0.5 * factor * other.grad, atol=1e-6)


def test_classes_are_counted_without_touching_the_network():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 11)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert count_classes(net, _images()) == 11
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_equal_keys_make_equal_steps_whatever_was_drawn_before():
    after = []
    for noise in (1, 2):
        torch.manual_seed(5)
        net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 7))
        optimizer = make_optimizer(net, Recipe(optimizer="adamw", lr=1e-2, weight_decay=0.1))
        torch.manual_seed(noise)
        recipe = replace(PLAIN, mix=1.0)
        take_step(net.train(), optimizer, Work(_images(), LABELS, 7, recipe, 3, _plainly), torch.arange(5), 1, 2, 1e-2)
        after.append(net[2].weight.detach().clone())
    assert torch.equal(*after)
