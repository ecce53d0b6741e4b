"""Which pre-trained weights suit a budget: laws, and orders worked by hand; and fetching from a stand-in of the hub."""

import pytest
from hub_stand_in import keep
from hypothesis import given
from hypothesis import strategies as st

import models_zoo
from ensemble_kit.pipeline.auto import weights
from ensemble_kit.pipeline.auto.weights import FETCHED, MOST, fetch_suited, suited, suited_at_hand
from models_zoo import IMAGENET

LITE = [f"timm:tf_efficientnet_lite{number}" for number in range(3)]
NAMES = st.lists(st.sampled_from([*IMAGENET]), unique=True)
MINUTES = st.floats(1, 10_000)


@pytest.fixture
def none_installed(monkeypatch):
    monkeypatch.setattr(models_zoo.efficientnet_lite, "installed_file", lambda name: None)


def row(family="a", cpu=(), gpu=()):
    return models_zoo.ImageNet(family, "timm/x", "mit", 1.0, 4.0, 224, 0.1, cpu, gpu)


@given(NAMES, MINUTES, st.booleans())
def test_those_that_suit_are_among_those_at_hand_each_once_and_few(archs, minutes, on_gpu):
    found = suited(archs, minutes, on_gpu)
    assert set(found) <= set(archs)
    assert len(set(found)) == len(found) == min(len(archs), MOST)


@given(NAMES, MINUTES, st.booleans(), st.randoms())
def test_the_order_in_which_they_are_found_decides_nothing(archs, minutes, on_gpu, random):
    shuffled = random.sample(archs, len(archs))
    assert suited(shuffled, minutes, on_gpu) == suited(archs, minutes, on_gpu)


@given(MINUTES, st.booleans())
def test_efficientnet_lite_alone_has_one_order_in_every_budget(minutes, on_gpu):
    assert suited(LITE, minutes, on_gpu) == LITE


@pytest.mark.parametrize(
    ("minutes", "on_gpu", "expected"),
    [
        (
            1,
            False,
            "bcda",
        ),  # b is for it; c is b's larger sister; d and a are for longer ones, d for the shorter of these
        (2.2, False, "bcda"),
        (2.3, False, "cdba"),  # nearer to 5 than to 1
        (5, False, "cdba"),  # b is for a shorter one, and of c's family
        (20, False, "adcb"),  # b and c are one family, c for the nearer budget
        (1000, False, "adcb"),
        (20, True, "dabc"),  # a is for shorter ones; b and c are for CPUs alone
        (1, True, "adbc"),
    ],
)
def test_four_networks_by_hand(monkeypatch, minutes, on_gpu, expected):
    table = {
        "a": row("A", cpu=(20,), gpu=(1, 5)),
        "b": row("B", cpu=(1,)),
        "c": row("B", cpu=(5,)),
        "d": row("D", cpu=(5, 20), gpu=(20,)),
    }
    monkeypatch.setattr(models_zoo, "IMAGENET", table)
    assert "".join(suited("dcba", minutes, on_gpu)) == expected


def test_weights_in_the_hubs_cache_are_found_there(hub_cache, none_installed):
    assert suited_at_hand(20, on_gpu=False) == []
    keep(hub_cache, IMAGENET["timm:resnet34"].hub, b"weights")
    keep(hub_cache, "timm/resnet50.a1_in1k", b"of no line of the table")
    assert suited_at_hand(20, on_gpu=False) == ["timm:resnet34"]


def test_from_the_hub_comes_what_suits_best_with_its_licence_and_size(the_hub, hub_cache, none_installed):
    fetched, failed = fetch_suited(10, on_gpu=False, quiet=True)
    best = suited([*IMAGENET], 10, on_gpu=False)[:FETCHED]
    assert failed is None
    assert [one.arch for one in fetched] == best
    for one in fetched:
        assert one.licence == IMAGENET[one.arch].licence
        assert one.size_mb * 1e6 == len(the_hub.content)
        assert one.seconds > 0
    assert the_hub.fetched == [IMAGENET[arch].hub for arch in best]
    assert suited_at_hand(10, on_gpu=False) == best
    assert fetch_suited(10, on_gpu=False, quiet=True) == ([], None)


def test_without_a_hub_nothing_is_fetched_and_the_reason_is_returned(hub_cache, none_installed):
    fetched, failed = fetch_suited(10, on_gpu=False, quiet=True)
    assert fetched == []
    assert "could not be fetched from http://127.0.0.1:9" in failed


def test_fetching_ends_with_its_share_of_the_budget(the_hub, none_installed, monkeypatch):
    monkeypatch.setattr(weights, "FETCHING_SHARE", 3 / 60)
    the_hub.waits_s = 60
    fetched, failed = fetch_suited(1, on_gpu=False, quiet=True)
    assert fetched == []
    assert "they were not there after 3 s" in failed
