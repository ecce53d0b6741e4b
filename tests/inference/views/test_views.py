"""Views are exact where they can be, share what they can, and never look at another image."""

import weakref

import pytest
import torch
import ttach
from through import through
from torch import nn

from ensemble_kit.inference.views import pixels as view_pixels
from ensemble_kit.inference.views.names import VERBS
from ensemble_kit.inference.views.primitives import Resize
from ensemble_kit.inference.views.table import VIEW_SETS
from ensemble_kit.inference.views.views import KEPT, canonical, merge_equal, parse_views, see

BATCH = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
EVERY_KIND = (*(form.example for form in VERBS.values()), "scale@0.8:reflect", "shift@0.2:up:zero*contrast@1.5")


def test_identity_stands_first_and_each_view_once():
    assert parse_views("hflip,identity,hflip,flips") == ("identity", "hflip")
    assert parse_views("flips, scale@1.20") == ("identity", "hflip", "scale@1.2")
    assert parse_views("hflip*vflip,rot180,rot90*rot90") == ("identity", "rot180")
    assert parse_views("five-crop,grid:3@0.875")[:6] == parse_views("five-crop")


def test_ten_crop_and_grid_of_three_share_five_crops():
    assert len(set(parse_views("ten-crop,grid:3@0.875"))) == 12 + 4


FIVE_BY_FIVE = torch.arange(25.0).reshape(5, 5)
SLICES = {  # 3 x 3 out of 5 x 5, written out
    "tl": [[0, 1, 2], [5, 6, 7], [10, 11, 12]],
    "tr": [[2, 3, 4], [7, 8, 9], [12, 13, 14]],
    "bl": [[10, 11, 12], [15, 16, 17], [20, 21, 22]],
    "br": [[12, 13, 14], [17, 18, 19], [22, 23, 24]],
    "center": [[6, 7, 8], [11, 12, 13], [16, 17, 18]],
}
MIRRORED = {  # the same places of the mirrored image
    "tl": [[4, 3, 2], [9, 8, 7], [14, 13, 12]],
    "tr": [[2, 1, 0], [7, 6, 5], [12, 11, 10]],
    "bl": [[14, 13, 12], [19, 18, 17], [24, 23, 22]],
    "br": [[12, 11, 10], [17, 16, 15], [22, 21, 20]],
    "center": [[8, 7, 6], [13, 12, 11], [18, 17, 16]],
}


@pytest.mark.parametrize("place", SLICES)
def test_crops_of_a_image_enlarged_to_five_by_five_are_these_slices(monkeypatch, place):
    enlarged = FIVE_BY_FIVE.expand(1, 3, 5, 5)
    monkeypatch.setitem(view_pixels.CARRIED_OUT, Resize, lambda pixels, side_px: enlarged)
    small = torch.zeros(1, 3, 3, 3)
    assert through(f"crop@0.6:{place}", small)[0, 1].tolist() == SLICES[place]
    assert through(f"hflip*crop@0.6:{place}", small)[0, 1].tolist() == MIRRORED[place]


def mean_logits(merge_of, views):
    return torch.stack([merge_of(seen) for seen in see(views, BATCH)]).mean(0)


def network(channels: int = 7, classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(classes)).eval()


@pytest.mark.parametrize(
    ("views", "transforms"),
    [
        (("identity", "hflip"), lambda: ttach.Compose([ttach.HorizontalFlip()])),
        (parse_views("d4"), ttach.aliases.d4_transform),
        (("identity", "rot90", "rot180", "rot270"), lambda: ttach.Compose([ttach.Rotate90([0, 90, 180, 270])])),
        (("identity", "vflip"), lambda: ttach.Compose([ttach.VerticalFlip()])),
    ],
)
@torch.inference_mode()
def test_the_mean_over_views_is_that_of_ttach(views, transforms):
    module = network()
    theirs = ttach.ClassificationTTAWrapper(module, transforms(), merge_mode="mean")(BATCH)
    torch.testing.assert_close(mean_logits(module, views), theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [1.25, 1.5, 2])
def test_scaling_up_is_the_middle_of_what_ttach_scales(factor):
    large = ttach.Scale([factor], interpolation="bilinear", align_corners=False).apply_aug_image(BATCH, scale=factor)
    wanted = ttach.functional.center_crop(large, 16, 16)
    torch.testing.assert_close(through(f"scale@{factor}", BATCH), wanted, rtol=0, atol=1e-5)


def test_scaling_down_repeats_the_edge():
    small = through("scale@0.75", BATCH)
    assert small.shape == BATCH.shape
    assert torch.equal(small[..., 0, 2:-2], small[..., 2, 2:-2])
    assert not torch.equal(small[..., 1, 2:-2], small[..., 3, 2:-2])


class Symmetric(nn.Module):
    """A network that cannot tell left from right."""

    def __init__(self):
        super().__init__()
        self.weight = torch.rand(7, 3, 3, 3, generator=torch.Generator().manual_seed(0)) - 0.5

    def forward(self, pixels):
        kernel = self.weight + self.weight.flip(-1)
        return nn.functional.conv2d(pixels, kernel, padding=1).relu().mean((-2, -1))


def test_a_network_that_cannot_tell_left_from_right_gives_equal_logits_for_hflip():
    module = Symmetric()
    identity, hflip, vflip = (module(seen) for seen in see(["identity", "hflip", "vflip"], BATCH))
    torch.testing.assert_close(hflip, identity, rtol=0, atol=1e-6)
    assert (vflip - identity).abs().max() > 1e-4


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_view_of_a_image_does_not_depend_on_the_others_in_the_batch(name):
    together = through(name, BATCH)
    assert together.shape == BATCH.shape
    for one in range(len(BATCH)):
        torch.testing.assert_close(through(name, BATCH[one : one + 1]), together[one : one + 1], rtol=0, atol=1e-6)
    others = torch.cat([BATCH[:1], torch.ones_like(BATCH[1:])])
    torch.testing.assert_close(through(name, others)[:1], together[:1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_view_leaves_the_batch_as_it_was_and_stays_in_range(name):
    before = BATCH.clone()
    seen = through(name, BATCH)
    assert torch.equal(BATCH, before)
    assert seen.min() >= 0
    assert seen.max() <= 1 + 1e-6
    assert name == "identity" or not torch.equal(seen, BATCH)


@pytest.fixture
def enlarged(monkeypatch):
    """Weak references to every resized batch, in the order they were made."""
    made = []

    def counted(pixels, side_px):
        large = view_pixels.resized(pixels, side_px)
        made.append(weakref.ref(large))
        return large

    monkeypatch.setitem(view_pixels.CARRIED_OUT, Resize, counted)
    return made


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("ten-crop", 1),
        ("five-crop,hflip,ten-crop", 1),
        ("grid:5@0.8,transpose*crop@0.8:center,gamma@1.5", 1),
        ("crop@0.8:tl*scale@1.5,crop@0.8:tl*scale@1.5*hflip,crop@0.8:br*scale@1.5", 3),
        ("gamma@1.5*crop@0.8:tl,crop@0.8:tl", 2),
        ("d4,shift@0.2:left", 0),
    ],
)
def test_views_that_begin_alike_are_enlarged_once(enlarged, text, times):
    assert len(list(see(parse_views(text), BATCH))) == len(parse_views(text))
    assert len(enlarged) == times


@pytest.mark.parametrize(
    "text", ["random:20@7", "scales,five-crop,grid:3@0.6,hflip*scale@1.1,hflip*scale@1.2,crop@0.7:tl"]
)
@torch.inference_mode()
def test_few_enlarged_batches_are_alive_at_any_time(enlarged, text):
    for _ in see(parse_views(text), BATCH):
        assert sum(one() is not None for one in enlarged) <= KEPT
    assert len(enlarged) > KEPT


@torch.inference_mode()
def test_an_enlarged_batch_goes_as_soon_as_no_later_view_begins_with_all_that_led_to_it(enlarged):
    views = ("crop@0.8:tl*scale@1.5", "crop@0.8:br", "hflip")
    assert [sum(one() is not None for one in enlarged) for _ in see(views, BATCH)] == [1, 0, 0]
    assert len(enlarged) == 2


def test_sharing_changes_nothing():
    views = parse_views(
        "random:7@1,ten-crop,scales,hflip*scale@1.1,crop@0.8:tl*scale@1.5,crop@0.8:tl*scale@0.9,random:7@1"
    )
    for name, seen in zip(views, see(views, BATCH), strict=True):
        assert torch.equal(seen, through(name, BATCH)), name


def test_of_equal_views_the_first_stays_and_identity_before_all():
    views = ["crop@0.99:tl", "scale@1.1", "identity", "crop@0.9:center", "hflip", "crop@0.98:br*hflip"]
    kept, dropped = merge_equal(views, 16)
    assert kept == ("identity", "scale@1.1", "hflip")
    assert dropped == {"crop@0.99:tl": "identity", "crop@0.9:center": "scale@1.1", "crop@0.98:br*hflip": "hflip"}
    assert merge_equal(views, 224)[0] == (
        "identity",
        "crop@0.99:tl",
        "scale@1.1",
        "crop@0.9:center",
        "hflip",
        views[-1],
    )
    assert merge_equal([], 16) == ((), {})


def test_every_set_is_seen_in_the_shape_of_the_batch():
    examples = ",".join(f"{name}{ {'grid': ':2@0.8', 'random': ':3@1'}.get(name, '') }" for name in VIEW_SETS)
    views = parse_views(examples)
    assert {tuple(seen.shape) for seen in see(views, BATCH)} == {(5, 3, 16, 16)}
    assert views == tuple(map(canonical, views))
