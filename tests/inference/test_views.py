"""Views are exact where they can be, and every name has one spelling."""

import pytest
import torch
from torchvision.transforms import FiveCrop

from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.inference import VIEW_SETS
from ensemble_kit.inference.views import apply_view, canonical, parse_views

BATCH = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_identity_stands_first_and_each_view_once():
    assert parse_views("hflip,identity,hflip,flips") == ("identity", "hflip")
    assert len(parse_views("five-crop")) == 6
    assert len(parse_views("ten-crop")) == 12
    assert parse_views("flips, scale@1.20") == ("identity", "hflip", "scale@1.2")


@pytest.mark.parametrize("name", sorted(VIEW_SETS))
def test_every_set_is_spelled_canonically(name):
    assert parse_views(name) == ("identity", *VIEW_SETS[name].split(","))


def test_mirrored_twice_is_the_picture_itself():
    assert torch.equal(apply_view("hflip*hflip", BATCH), BATCH)
    assert torch.equal(apply_view("hflip", BATCH)[..., 0], BATCH[..., -1])
    assert torch.equal(apply_view("vflip", BATCH)[..., 0, :], BATCH[..., -1, :])
    assert torch.equal(apply_view("identity", BATCH), BATCH)


@pytest.mark.parametrize(("place", "row"), [("tl", 0), ("tr", 1), ("bl", 2), ("br", 3), ("center", 4)])
def test_a_crop_is_the_slice_that_torchvision_takes_scaled_back(place, row):
    wanted = torch.nn.functional.interpolate(FiveCrop(14)(BATCH)[row], size=16, mode="bilinear", antialias=True)
    assert torch.equal(apply_view(f"crop@0.875:{place}", BATCH), wanted)


def test_a_crop_is_mirrored_after_it_is_cut():
    assert torch.equal(apply_view("crop@0.5:tl*hflip", BATCH), apply_view("crop@0.5:tl", BATCH).flip(-1))


def test_scaling_up_zooms_and_scaling_down_repeats_the_edge():
    assert torch.equal(apply_view("scale@1", BATCH), BATCH)
    flat = torch.full((2, 3, 16, 16), 0.25)
    for factor in ("0.6", "1.15", "1.9"):
        assert torch.allclose(apply_view(f"scale@{factor}", flat), flat)
    small = apply_view("scale@0.75", BATCH)
    assert small.shape == BATCH.shape
    assert torch.equal(small[..., 0, 2:-2], small[..., 2, 2:-2])
    assert torch.equal(apply_view("scale@1.6", BATCH), apply_view("crop@0.625:center", BATCH))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("hflp", UnknownNameError, "did you mean 'hflip'"),
        ("hflip,,vflip", InvalidOptionError, "An empty view in 'hflip,,vflip'"),
        ("", InvalidOptionError, "An empty view"),
        ("hflip@2", InvalidOptionError, "'hflip' takes no number"),
        ("crop", InvalidOptionError, "wanted a number after '@'"),
        ("crop@1.2:tl", InvalidOptionError, "between 0 and 1 and one of center, tl"),
        ("crop@0.8", InvalidOptionError, "one of center, tl"),
        ("crop@nan:tl", InvalidOptionError, "between 0 and 1"),
        ("crop@0.8:middle", InvalidOptionError, "'crop@0.8:middle' in 'crop@0.8:middle'"),
        ("scale@3", InvalidOptionError, "between 0.5 and 2"),
        ("scale@1.1:tl", InvalidOptionError, "between 0.5 and 2"),
        ("flips*hflip", InvalidOptionError, "is a set of views"),
        ("hflip**vflip", UnknownNameError, "No view or view set is named ''"),
    ],
)
def test_a_view_that_cannot_be_read_is_named(text, error, message):
    with pytest.raises(error, match=message.replace("*", r"\*")):
        parse_views(text)


def test_spelling_is_stable():
    for name in ("crop@.8750:tl * identity * hflip", "scale@01.150"):
        assert canonical(canonical(name)) == canonical(name)
    assert canonical("crop@.8750:tl * identity * hflip") == "crop@0.875:tl*hflip"
