"""The residual CNN for small images."""

import torch
from torch import nn

from models_zoo import build


def test_it_has_nine_layers_and_the_widths_it_says():
    layers = [layer for layer in build("cnn-deep", 7, 28).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 9
    assert [layer.out_channels for layer in layers[:-1]] == [48, 96, 96, 96, 192, 288, 288, 288]
    deeper = build("cnn-deep", 7, 28, options={"depth": 2, "width": 8}).modules()
    assert sum(isinstance(layer, nn.Conv2d) for layer in deeper) == 4 + 2 * 4


def test_a_residual_block_adds_to_what_comes_in():
    from models_zoo.cnn_deep import Residual

    block = Residual(5).eval()
    nn.init.zeros_(block.second[1].weight)  # the branch says nothing
    maps = torch.rand(2, 5, 7, 11)
    assert torch.equal(block(maps), maps)
