"""What the table says of ImageNet weights, held against timm."""

import pytest
import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from models_zoo import BUDGETS, IMAGENET, PERMISSIVE, build, efficientnet_lite

ROWS = pytest.mark.parametrize("arch", IMAGENET)


def of_timm(arch):
    """timm's network of that name without its weights' memory, and what timm says of its weights."""
    name = arch.removeprefix("timm:")
    with torch.device("meta"):
        return timm.create_model(name).eval(), timm.get_pretrained_cfg(name)


@ROWS
def test_licence_origin_and_size_are_timms_own(arch):
    row, (network, config) = IMAGENET[arch], of_timm(arch)
    assert row.licence == config.license
    assert row.licence in PERMISSIVE
    assert row.hub == config.hf_hub_id
    assert config.input_size == (3, row.own_px, row.own_px)
    assert config.num_classes == 1000
    assert row.parameters_m == pytest.approx(sum(one.numel() for one in network.parameters()) / 1e6, rel=0.01)
    held = sum(one.numel() * one.element_size() for one in network.state_dict().values()) / 1e6
    assert row.size_mb == pytest.approx(held, rel=0.01)


@ROWS
def test_operations_are_those_that_torch_counts_but_for_a_few(arch):
    row, (network, _) = IMAGENET[arch], of_timm(arch)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, row.own_px, row.own_px, device="meta"))
    assert row.gmacs == pytest.approx(counter.get_total_flops() / 2e9, rel=0.06)


@pytest.mark.slow
@ROWS
def test_every_network_takes_images_enlarged_as_ek_auto_does(arch):
    network = build(arch, 7, 28, options={"input_px": 112}).eval()
    with torch.no_grad():
        assert network(torch.rand(2, 3, 28, 28)).shape == (2, 7)


@ROWS
def test_every_network_suits_a_budget(arch):
    row = IMAGENET[arch]
    assert {*row.cpu, *row.gpu} <= {*BUDGETS}
    assert row.cpu or row.gpu


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_every_budget_has_networks_of_three_families(budget, device):
    assert len({row.family for row in IMAGENET.values() if budget in getattr(row, device)}) >= 3


def test_those_that_are_installed_as_packages_are_among_them():
    assert {f"timm:{name}" for name in efficientnet_lite.DEPTHS} <= {*IMAGENET}


def test_of_a_family_the_larger_ones_stand_further_down():
    for family in {row.family for row in IMAGENET.values()}:
        costs = [row.gmacs for row in IMAGENET.values() if row.family == family]
        assert costs == sorted(costs)
