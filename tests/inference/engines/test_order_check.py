"""Models whose logits depend on the images beside are caught, and honest ones are not."""

import numpy as np
import pytest
import torch
from torch import nn

from ensemble_kit.inference.engines.forward import start
from ensemble_kit.inference.engines.order_check import check_order

IMAGES = np.random.default_rng(0).integers(0, 256, (37, 3, 5, 5), dtype=np.uint8)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 7, 3), nn.BatchNorm2d(7), nn.ReLU(), nn.Flatten(), nn.Linear(63, 5))


def test_a_network_in_evaluation_mode_holds():
    found = check_order(start(network(), "eager", "cpu", IMAGES), IMAGES)
    assert found.holds
    assert (found.images, found.changed) == (32, 0)
    assert found.relative_difference < 1e-5


@pytest.mark.parametrize("given", [lambda module: module, lambda module: lambda pixels: module(pixels)])
def test_a_network_left_in_training_mode_is_caught(given):
    found = check_order(given(network().train()), IMAGES)
    assert not found.holds
    assert found.relative_difference > 0.01


def test_a_network_in_training_mode_that_cannot_see_one_image_is_caught():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(75, 5), nn.BatchNorm1d(5))
    found = check_order(module, IMAGES)
    assert (found.holds, found.worst, found.relative_difference) == (False, "in batches of 1", float("inf"))


def test_looking_at_the_neighbour_is_caught():
    assert not check_order(lambda pixels: pixels.roll(1, 0).mean((2, 3)), IMAGES).holds


def test_looking_at_the_darkest_image_of_the_batch_is_caught_by_black_ones():
    found = check_order(lambda pixels: pixels.mean((2, 3)) + 9 * (pixels.mean((1, 2, 3)).min() == 0), IMAGES)
    assert (found.holds, found.worst) == (False, "beside black images")


def test_numbering_the_images_is_caught_though_no_class_changes():
    found = check_order(lambda pixels: pixels.mean((2, 3)) + torch.arange(len(pixels))[:, None], IMAGES)
    assert (found.holds, found.changed) == (False, 0)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_images_are_enough(count):
    assert check_order(lambda pixels: pixels.mean((2, 3)), IMAGES[:count]).images == count


def test_memory_that_runs_out_is_no_finding_about_order():
    def run(pixels):
        if len(pixels) > 32:
            raise RuntimeError("out of memory")
        return pixels.mean((2, 3))

    with pytest.raises(RuntimeError, match="out of memory"):
        check_order(run, IMAGES)
