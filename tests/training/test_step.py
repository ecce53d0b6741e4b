"""One step, and its loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.training.balance import class_weights
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.recipes import RECIPES, Recipe
from ensemble_kit.training.step import Work, batches, count_classes, cross_entropy, joins_last, take_step, work_of

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


def _narrow():
    """A network whose batch norm sees one value a channel of an image."""
    torch.manual_seed(5)
    parts = nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(3, 7)
    return nn.Sequential(*parts)


@pytest.mark.parametrize("balance", ["none", "sampling"])
@pytest.mark.parametrize("images", [2, 3, 4, 5, 7, 9])
@pytest.mark.parametrize("size", [2, 3, 4, 64])
def test_a_batch_norm_of_one_value_never_gets_an_image_alone(size, images, balance):
    recipe, labels = replace(PLAIN, batch_size=size, balance=balance), torch.arange(images) % 2
    pixels = _images().repeat(2, 1, 1, 1)[:images]
    work = work_of(_narrow(), pixels, labels, recipe, 0, _plainly)
    dealt = [len(batch) for batch in batches(work, 0)]
    assert sum(dealt) == images
    assert min(dealt) > 1
    assert len(dealt) == work.steps
    assert max(dealt) <= (size + 1 if work.joined else size)
    assert work.joined == (size == 2 and images % 2 == 1)
    net = _narrow().train()
    optimizer = make_optimizer(net, recipe)
    for step, rows in enumerate(batches(work, 0)):
        take_step(net, optimizer, work, torch.from_numpy(rows), 0, step, 1e-2)


@pytest.mark.parametrize(("images", "size"), [(1, 1), (1, 64), (2, 1), (5, 1), (5, 2)])
def test_a_network_that_learns_from_one_image_is_dealt_batches_as_asked(images, size):
    recipe = replace(PLAIN, batch_size=size)
    wide = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 7))
    for net in (_net(), wide):
        work = work_of(net, _images()[:images], LABELS[:images], recipe, 0, _plainly)
        dealt = [len(batch) for batch in batches(work, 0)]
        assert len(dealt) == work.steps == -(-images // size)
        assert max(dealt) <= size


def test_looking_at_its_batch_norms_leaves_a_network_as_it_was():
    net = _narrow().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert joins_last(net, _images(), replace(PLAIN, batch_size=2))
    assert net.training
    assert not net[1]._forward_pre_hooks
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_batches_that_a_batch_norm_cannot_learn_from_are_refused_in_words():
    with pytest.raises(InvalidOptionError, match=r"--batch-size is 1, and .* Give --batch-size 2 or more\."):
        work_of(_narrow(), _images(), LABELS, replace(PLAIN, batch_size=1), 0, _plainly)
    for size in (1, 2, 64):
        with pytest.raises(BadDataError, match=r"There is 1 image to train on, and .* wanted 2\."):
            work_of(_narrow(), _images()[:1], LABELS[:1], replace(PLAIN, batch_size=size), 0, _plainly)


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


def _soft_labels():
    """Shares of 7 classes for two images."""
    return torch.softmax(torch.randn(2, 7, generator=torch.Generator().manual_seed(11)), dim=1)


@pytest.mark.parametrize("balance", ["none", "loss"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_step_with_soft_labels_moves_a_linear_network_by_the_gradient_by_hand(smoothing, balance):
    net, images, soft = _net(), _images(), _soft_labels()
    recipe = replace(PLAIN, dropout=0.0, label_smoothing=smoothing, balance=balance)
    work = work_of(net, images, LABELS[:3], recipe, 0, _plainly, soft_labels=soft)
    before = net[1].weight.detach().double().numpy().copy(), net[1].bias.detach().double().numpy().copy()
    optimizer = torch.optim.SGD([{"params": list(net.parameters()), "lr_scale": 1.0}], lr=0.5)
    told = take_step(net.train(), optimizer, work, torch.tensor([4, 0, 3, 1, 2]), 0, 0, 0.5)

    pixels = images.double().numpy().reshape(5, -1) / 255
    hard = np.eye(7)[LABELS[:3]] * (1 - smoothing) + smoothing / 7
    targets = np.concatenate([hard, soft.double().numpy()])  # soft labels are not smoothed
    each = np.ones(7)
    if balance == "loss":  # an image without a label counts as one of its likeliest class
        counts = np.bincount([*LABELS[:3], *soft.numpy().argmax(axis=1)], minlength=7)
        each = np.divide(5, (counts > 0).sum() * counts, out=np.zeros(7), where=counts > 0)
    logs = pixels @ before[0].T + before[1]
    chances = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    wanted = targets * each
    slope = (wanted.sum(axis=1, keepdims=True) * chances - wanted) / 5
    assert float(told) == pytest.approx(-(wanted * np.log(chances)).sum() / 5, abs=1e-6)
    assert np.allclose(net[1].weight.detach(), before[0] - 0.5 * slope.T @ pixels, atol=1e-6)
    assert np.allclose(net[1].bias.detach(), before[1] - 0.5 * slope.sum(axis=0), atol=1e-6)


def test_sampling_takes_an_image_without_a_label_for_one_of_its_likeliest_class():
    soft = F.one_hot(torch.tensor([2, 2, 2, 2]), 7) * 0.9 + 0.1 / 7
    images, recipe = _images().repeat(2, 1, 1, 1)[:8], replace(PLAIN, balance="sampling")
    work = work_of(_net(), images, torch.tensor([0, 2, 0, 0]), recipe, 0, _plainly, soft_labels=soft)
    dealt = np.concatenate(list(batches(work, 0)))
    classes = np.array([0, 2, 0, 0, 2, 2, 2, 2])[dealt]
    assert np.bincount(classes).tolist() == [4, 0, 4]


def test_soft_labels_of_other_classes_than_the_networks_are_refused():
    with pytest.raises(InvalidOptionError, match=r"soft labels of 7 classes, as the network has, got 5\."):
        work_of(_net(), _images(), LABELS[:3], PLAIN, 0, _plainly, soft_labels=torch.full((2, 5), 0.2))


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
