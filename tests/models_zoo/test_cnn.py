"""The simple CNN."""

import pytest
import torch
from torch import nn

from models_zoo import ZooError, build


def _layers(kind, **options):
    return [layer for layer in build("cnn", 7, 28, options=options).modules() if isinstance(layer, kind)]


def test_nine_filters_of_two_by_two_over_three_channels_have_108_weights_and_9_biases():
    first = _layers(nn.Conv2d, width=9, kernel_size=2)[0]
    assert first.weight.numel() == 3 * 9 * 2 * 2 == 108
    assert first.bias.numel() == 9


def test_each_block_doubles_the_width():
    assert [layer.out_channels for layer in _layers(nn.Conv2d, width=5, depth=4)] == [5, 10, 20, 40]


def test_options_reach_the_layers():
    convolution = _layers(nn.Conv2d, kernel_size=5, stride=2, depth=2)[0]
    assert (convolution.kernel_size, convolution.stride) == ((5, 5), (2, 2))
    assert _layers(nn.AvgPool2d, pool="avg")
    assert not _layers(nn.AvgPool2d, pool="max")
    assert {layer.p for layer in _layers(nn.Dropout2d, dropout=0.25)} == {0.25}
    blocks = build("cnn", 7, 28, dropout=0.3).modules()  # no option: as the recipe says
    assert {layer.p for layer in blocks if isinstance(layer, nn.Dropout2d)} == {0.3}


@pytest.mark.parametrize("size_px", [28, 48, 64, 96, 128])
def test_the_classifier_does_not_grow_with_the_image(size_px):
    network = build("cnn", 7, size_px)
    assert network.body[-1].in_features == 64 * 2 * 2
    gridded = build("cnn", 7, size_px, options={"cells": 4})
    assert gridded.body[-1].in_features == 64 * 2 * 2 * min(size_px // 8, 4) ** 2
    assert network(torch.rand(2, 3, size_px, size_px)).shape == (2, 7)


@pytest.mark.parametrize("options", [{"depth": 5}, {"stride": 4}, {"kernel_size": 3, "stride": 2, "depth": 3}])
def test_options_that_leave_nothing_of_the_image_are_refused(options):
    with pytest.raises(ZooError, match=r"has nothing left of an image of 28 px; .* Lower depth"):
        build("cnn", 7, 28, options=options)
