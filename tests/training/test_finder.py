"""The learning-rate range test."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.training.finder import Sweep, rising_rates, stepper, suggest, sweep
from ensemble_kit.training.recipes import Recipe

SIDE, CLASSES, COUNT = 7, 3, 23
RECIPE = Recipe(optimizer="sgd", batch_size=5, weight_decay=0.0)


def bowl(curvature):
    """Gradient descent on curvature / 2 * x^2, as torch does it; it is stable up to a rate of 2 / curvature.

    Each step is nudged a little, as by the noise of a batch, so that x never vanishes.
    """
    x = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=1.0)

    def take_step(step, rate):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = 0.5 * curvature * x**2
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            x.add_(0.05 * math.sin(step**2))
        return loss.item()

    return take_step


@pytest.mark.parametrize("curvature", [5.0, 31.0, 1009.0])
def test_a_quadratic_diverges_just_beyond_the_rate_that_theory_says(curvature):
    limit = 2 / curvature
    seen = sweep(bowl(curvature), rising_rates(401))
    found = suggest(seen)
    assert seen.diverged
    assert 0.9 * limit < seen.rates[-1] < 1.5 * limit
    assert found.tenth * 10 == pytest.approx(found.lowest)
    assert found.steepest < found.lowest < 1.3 * limit


def test_smoothing_is_the_bias_corrected_mean_worked_by_hand():
    losses = [3.0, 1.0, 2.0]
    seen = sweep(lambda step, rate: losses[step], rising_rates(20)[:3])
    second = (0.9 * 3.0 + 1.0) / (0.9 + 1.0)
    third = (0.81 * 3.0 + 0.9 * 1.0 + 2.0) / (0.81 + 0.9 + 1.0)
    assert seen.smoothed == pytest.approx((3.0, second, third))
    assert seen.losses == (3.0, 1.0, 2.0)
    assert not seen.diverged


@given(st.floats(0.01, 100.0))
def test_a_constant_loss_smooths_to_itself_and_speaks_for_no_rate(loss):
    seen = sweep(lambda step, rate: loss, rising_rates(29))
    assert seen.smoothed == pytest.approx((loss,) * 29)
    with pytest.raises(InvalidOptionError, match="did not fall at any learning rate"):
        suggest(seen)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_sweep_and_is_left_out(bad):
    taken = []
    seen = sweep(lambda step, rate: bad if step == 13 else 2.0, rising_rates(29), lambda: taken.append(1))
    assert seen.diverged
    assert len(seen.rates) == len(seen.losses) == len(seen.smoothed) == 13
    assert len(taken) == 14


def test_four_times_the_lowest_smoothed_loss_ends_the_sweep():
    seen = sweep(lambda step, rate: 1.0 if step < 10 else 100.0, rising_rates(29))
    assert seen.diverged
    assert len(seen.rates) == 11  # after ten ones, one hundred lifts the mean to about 16
    assert sweep(lambda step, rate: 1.0 if step < 10 else 3.9, rising_rates(29)).diverged is False


def test_rates_rise_by_one_factor():
    rates = np.array(rising_rates(43))
    assert (rates[0], rates[-1]) == pytest.approx((1e-7, 1.0))
    assert np.ptp(rates[1:] / rates[:-1]) < 1e-9


def test_too_few_steps_show_nothing():
    with pytest.raises(InvalidOptionError, match="--steps is 19; wanted a whole number from 20"):
        rising_rates(19)


def test_an_empty_sweep_speaks_for_no_rate():
    with pytest.raises(InvalidOptionError, match="did not fall"):
        suggest(Sweep((), (), (), True))


def some_images(count=COUNT):
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(count) % CLASSES
    pixels = torch.randint(0, 100, (count, 3, SIDE, SIDE), generator=generator)
    pixels[torch.arange(count), labels] += 150
    return pixels.to(torch.uint8), labels


def plain(pixels, index, seed, epoch):
    return pixels.float() / 255


def network():
    torch.manual_seed(11)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, CLASSES))


def test_a_step_moves_the_weights_against_the_gradient_by_the_rate_it_is_told():
    module, (images, labels) = network(), some_images()
    recipe = replace(RECIPE, batch_size=COUNT)  # one batch holds all, in whatever order
    before = [one.detach().clone() for one in module.parameters()]
    loss = nn.functional.cross_entropy(module(images.float() / 255), labels)
    slopes = torch.autograd.grad(loss, list(module.parameters()))
    said = stepper(module, images, labels, CLASSES, recipe, 3, plain)(0, 0.25)
    assert said == pytest.approx(loss.item(), rel=1e-5)
    for was, slope, now in zip(before, slopes, module.parameters(), strict=True):
        torch.testing.assert_close(now.detach(), was - 0.25 * 1.9 * slope, atol=1e-5, rtol=1e-4)  # Nesterov, first step


def test_a_norm_that_sees_one_pixel_never_steps_on_one_image():
    sizes, (images, labels) = [], some_images(5)
    narrow = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, CLASSES))

    def watching(pixels, index, seed, epoch):
        sizes.append(len(index))
        return plain(pixels, index, seed, epoch)

    take_step = stepper(narrow, images, labels, CLASSES, replace(RECIPE, batch_size=2), 3, watching)
    for step in range(4):
        take_step(step, 1e-3)
    assert sizes == [3, 2, 3, 2]
    with pytest.raises(InvalidOptionError, match="--batch-size is 1"):
        stepper(narrow, images, labels, CLASSES, replace(RECIPE, batch_size=1), 3, plain)


def test_clipping_bounds_a_step():
    module, (images, labels) = network(), some_images()
    before = [one.detach().clone() for one in module.parameters()]
    stepper(module, images, labels, CLASSES, replace(RECIPE, clip=0.01), 3, plain)(0, 1.0)
    moved = torch.cat([(now - was).flatten() for was, now in zip(before, module.parameters(), strict=True)])
    assert moved.detach().norm().item() == pytest.approx(0.019, rel=1e-2)


def test_every_image_is_seen_once_an_epoch_with_its_own_index():
    seen = []

    def watching(pixels, index, seed, epoch):
        seen.append((epoch, seed, index.tolist()))
        return plain(pixels, index, seed, epoch)

    take_step = stepper(network(), *some_images(), CLASSES, RECIPE, 17, watching)
    for step in range(10):
        take_step(step, 1e-3)
    for epoch in (0, 1):
        shown = [index for e, seed, rows in seen if e == epoch for index in rows]
        assert sorted(shown) == list(range(COUNT))
        assert shown != sorted(shown)
    assert {seed for _, seed, _ in seen} == {17}


def test_balanced_sampling_shows_a_rare_class_as_often_as_the_others():
    images, labels = some_images()
    labels = torch.where(torch.arange(COUNT) < 2, 1, 0)
    shown = []

    def watching(pixels, index, seed, epoch):
        shown.extend(labels[index].tolist())
        return plain(pixels, index, seed, epoch)

    take_step = stepper(network(), images, labels, CLASSES, replace(RECIPE, balance="sampling"), 3, watching)
    for step in range(5):
        take_step(step, 1e-3)
    assert abs(shown.count(0) - shown.count(1)) <= 1


def test_a_balanced_loss_weighs_a_rare_class_more():
    images, labels = some_images()
    labels = torch.where(torch.arange(COUNT) < 2, 1, 0)
    module = network()
    logits = module(images.float() / 255)
    weights = torch.tensor([COUNT / (2 * 21), COUNT / (2 * 2)])
    each = nn.functional.cross_entropy(logits, labels, reduction="none").detach()
    recipe = replace(RECIPE, balance="loss", batch_size=COUNT)
    said = stepper(module, images, labels, CLASSES, recipe, 3, plain)(0, 0.1)
    assert said == pytest.approx((weights[labels] * each).mean().item(), rel=1e-5)


def test_the_same_seed_sweeps_the_same_with_dropout_and_mixing():
    recipe = replace(RECIPE, mix=0.5, label_smoothing=0.1)
    rates = rising_rates(29)

    def losses(seed):
        module = nn.Sequential(network(), nn.Dropout(0.3))
        return sweep(stepper(module, *some_images(), CLASSES, recipe, seed, plain), rates).losses

    first, noise = losses(2), torch.rand(3)
    assert noise is not None
    assert losses(2) == first
    assert losses(3) != first


def test_a_network_that_can_learn_gets_a_suggestion_it_learns_by():
    seen = sweep(stepper(network(), *some_images(), CLASSES, RECIPE, 0, plain), rising_rates(150))
    found = suggest(seen)
    module = network()
    take_step = stepper(module, *some_images(), CLASSES, RECIPE, 0, plain)
    trained = [take_step(step, found.tenth) for step in range(100)]
    assert np.mean(trained[-5:]) < 0.5 * np.mean(trained[:5])


def test_labels_and_images_must_be_as_many():
    images, labels = some_images()
    with pytest.raises(InvalidOptionError, match="23 images and 22 labels"):
        stepper(network(), images, labels[:-1], CLASSES, RECIPE, 0, plain)
