"""A set is what its name says, and a random one is the same everywhere."""

import re

import pytest
import torch
from through import through
from torchvision.transforms import TenCrop
from torchvision.transforms.v2 import functional

from ensemble_kit.inference.views.names import VERBS
from ensemble_kit.inference.views.sets import SETS, random_crops
from ensemble_kit.inference.views.table import VIEW_SETS
from ensemble_kit.inference.views.views import canonical, parse_views

FIVE = ("center", "tl", "tr", "bl", "br")


def test_every_set_has_a_line_of_help_and_no_view_has_its_name():
    assert list(VIEW_SETS) == list(SETS)
    assert all("\n" not in line and len(line) < 72 for line in VIEW_SETS.values())
    assert not set(SETS) & set(VERBS)


@pytest.mark.parametrize("form", SETS.values(), ids=list(SETS))
def test_the_example_of_every_set_can_be_read_and_is_in_its_help_where_it_takes_fields(form):
    names = parse_views(form.example)
    assert names == ("identity", *dict.fromkeys(canonical(name) for name in names[1:]))
    assert len(names) > 1
    assert not form.fields or form.example in VIEW_SETS[re.match("[^@:]*", form.example)[0]]


def test_sets_by_hand():
    assert parse_views("flips") == ("identity", "hflip")
    assert parse_views("five-crop") == ("identity", *(f"crop@0.875:{place}" for place in FIVE))
    assert parse_views("five-crop@.5") == ("identity", *(f"crop@0.5:{place}" for place in FIVE))
    assert parse_views("scales") == ("identity", "scale@0.9", "scale@1.1", "scale@1.2")
    assert parse_views("d4") == (
        *("identity", "hflip", "vflip", "rot90", "rot180", "rot270", "transpose", "transverse"),
    )
    assert parse_views("grid:2@0.75") == ("identity", *(f"crop@0.75:{place}" for place in FIVE[1:]))
    assert parse_views("grid:3@0.75")[1:4] == ("crop@0.75:tl", "crop@0.75:0x0.5", "crop@0.75:tr")
    assert parse_views("grid:3@0.75")[5] == "crop@0.75:center"
    assert len(parse_views("ten-crop")) == 1 + 1 + 10


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_grid_has_as_many_crops_as_its_square(count):
    assert len(parse_views(f"grid:{count}@0.8")) == 1 + count**2


@pytest.mark.parametrize(("size_px", "ratio"), [(28, 0.875), (32, 0.875), (29, 0.8), (23, 0.9), (5, 0.7), (37, 0.65)])
def test_ten_crop_is_exactly_that_of_torchvision_on_the_enlarged_image(size_px, ratio):
    pixels = torch.rand(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(size_px))
    large = functional.resize(pixels, [round(size_px / ratio)], antialias=True)
    *corners, center, tl, tr, bl, br, mirrored_center = TenCrop(size_px)(large)
    wanted = (center, *corners, mirrored_center, tl, tr, bl, br)
    ours = parse_views(f"ten-crop@{ratio}")[2:]
    assert len(ours) == len(wanted)
    for name, crop in zip(ours, wanted, strict=True):
        assert torch.equal(through(name, pixels), crop), name


def test_random_crops_are_as_many_as_asked_in_range_and_written_down_here():
    assert parse_views("random:3@7")[1:] == (
        *("crop@0.737:0.004x0.35", "crop@0.972:0.277x0.429", "crop@0.67:0.854x0.291"),
    )  # pinned: the same on every machine and in every version
    for seed in (0, 1, 4294967295):
        names = parse_views(f"random:100@{seed}")
        assert len(names) == 101
        sides, ys, xs = zip(*(map(float, re.split("[@:x]", name)[1:]) for name in random_crops(100, seed)), strict=True)
        assert min(sides) >= 0.65
        assert max(sides) < 1
        assert max(sides) - min(sides) > 0.3
        assert all(0 <= min(places) < 0.1 and 0.9 < max(places) <= 1 for places in (ys, xs))


def test_the_first_random_crops_do_not_depend_on_how_many_are_drawn():
    assert parse_views("random:20@7")[:6] == parse_views("random:5@7")
    assert parse_views("random:5@8") != parse_views("random:5@7")
