"""What surrounds every body."""

import pytest
import torch
from torch import nn

from models_zoo.body import Body, prove, seeded
from models_zoo.contract import Wanted, ZooError

WANTED = Wanted("odd", classes=5, size_px=7, dropout=0.0, options={})


def _network(module):
    return Body(module, head=()).network((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def test_a_body_brings_its_own_normalisation():
    body = Body(nn.Identity(), (), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    network = body.network((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert network.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert network.std.flatten().tolist() == [1.0, 2.0, 4.0]


def test_a_body_that_cannot_take_the_image_is_named():
    with pytest.raises(ZooError, match="'odd' does not take images of 7 px"):
        prove(_network(nn.Linear(3, 5)), WANTED)


def test_a_body_with_another_number_of_classes_is_named():
    body = nn.Sequential(nn.Flatten(), nn.Linear(147, 3))
    with pytest.raises(ZooError, match=r"'odd' gives \(1, 3\) for an image; wanted \(1, 5\)"):
        prove(_network(body), WANTED)


def test_seeding_ends_with_the_block():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with seeded(11):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.equal(inside, expected)


def test_a_head_is_a_module_of_that_very_name():
    network = Body(nn.Sequential(*(nn.Linear(3, 3) for _ in range(12))), head=("1", "fc.")).network(
        (0.5,) * 3, (1.0,) * 3
    )
    assert network.head == ("1.", "fc.")
    assert [name for name, _ in network.body.named_parameters() if name.startswith(network.head)] == [
        "1.weight",
        "1.bias",
    ]
