"""Weights from the hub: what is cached needs nobody, what is fetched is there in time, and why it is not is said."""

import time

import pytest
import timm
import torch
from hub_stand_in import keep
from huggingface_hub import constants
from safetensors.torch import save

from models_zoo import UnreachableError, ZooError, build, fetch_weights, hub, timm_nets, weights_at_hand

ARCH = "timm:mobilenetv4_conv_small"
REPO = "timm/mobilenetv4_conv_small.e2400_r224_in1k"


def test_weights_in_the_hubs_cache_are_at_hand_and_what_a_network_starts_from(hub_cache):
    assert weights_at_hand(ARCH) == "hub"
    source = timm.create_model("mobilenetv4_conv_small")
    keep(hub_cache, REPO, save(source.state_dict()))
    assert weights_at_hand(ARCH) == "cached"
    network = build(ARCH, 7, 32, pretrained=True, options={"input_px": 64})
    assert torch.equal(network.body.conv_stem.weight, source.conv_stem.weight)
    assert network.body.classifier.out_features == 7


def test_half_a_file_in_the_hubs_cache_is_named_with_what_to_do(hub_cache):
    file = keep(hub_cache, REPO, b"half a file")
    with pytest.raises(ZooError, match=f"'{ARCH}' are damaged .*Delete {file}; the next call fetches them anew"):
        build(ARCH, 7, 32, pretrained=True)


def test_what_is_fetched_is_in_the_hubs_cache_and_is_not_fetched_again(hub_cache, the_hub):
    file = fetch_weights(ARCH, 60)
    assert file.read_bytes() == the_hub.content
    assert hub_cache in file.parents
    assert weights_at_hand(ARCH) == "cached"
    assert fetch_weights(ARCH, 60) == file
    assert the_hub.fetched == [REPO]


def test_a_hub_that_does_not_answer_is_told_at_once(hub_cache):
    begun = time.perf_counter()
    with pytest.raises(UnreachableError, match=rf"'{REPO}' could not be fetched from http://127\.0\.0\.1:9: .*refused"):
        fetch_weights(ARCH, 60)
    assert time.perf_counter() - begun < 10
    assert weights_at_hand(ARCH) == "hub"


def test_weights_that_the_hub_does_not_have_are_told(the_hub):
    the_hub.lacking.add(REPO)
    with pytest.raises(UnreachableError, match="could not be fetched .*: RepositoryNotFoundError: 404"):
        fetch_weights(ARCH, 60)


def test_a_hub_that_takes_too_long_is_left_in_time(the_hub):
    the_hub.waits_s = 60
    begun = time.perf_counter()
    with pytest.raises(UnreachableError, match="they were not there after 3 s"):
        fetch_weights(ARCH, 3)
    assert time.perf_counter() - begun < 15


def test_who_wants_no_network_is_obeyed(the_hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "reach", lambda *given: pytest.fail("asked the network"))
    with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE is set"):
        fetch_weights(ARCH, 60)
    assert the_hub.fetched == []


def test_weights_that_this_timm_does_not_start_from_are_not_fetched(the_hub, monkeypatch):
    monkeypatch.setattr(timm_nets, "repository", lambda arch: "timm/mobilenetv4_conv_small.other")
    with pytest.raises(UnreachableError, match=f"does not start '{ARCH}' from '{REPO}'; update timm"):
        fetch_weights(ARCH, 60)
    assert the_hub.fetched == []


def test_weights_that_only_a_later_timm_knows_are_not_at_hand():
    assert weights_at_hand("timm:resnet18.of_2099") == "none"
