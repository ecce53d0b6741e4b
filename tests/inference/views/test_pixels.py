"""Each primitive against NumPy, torchvision and ttach, and what does not fit is refused."""

import numpy as np
import pytest
import torch
import ttach
from torchvision.transforms.v2 import functional

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.views.pixels import cut, padded, resized, toned, turned
from ensemble_kit.inference.views.turns import TURNS

WIDE = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
SQUARE = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("side_px", [3, 5, 13])
def test_resizing_is_that_of_torchvision_and_leaves_flat_images_flat(side_px):
    wanted = functional.resize(SQUARE, [side_px, side_px], antialias=True)
    assert torch.equal(resized(SQUARE, side_px), wanted)
    flat = torch.full((2, 3, 7, 7), 0.25)
    assert torch.allclose(resized(flat, side_px), torch.full((2, 3, side_px, side_px), 0.25))


def test_a_cut_takes_the_margins_away():
    assert torch.equal(cut(WIDE, 1, 0, 2, 3), WIDE[:, :, 1:5, 2:4])
    assert torch.equal(cut(WIDE, 0, 0, 0, 0), WIDE)


@pytest.mark.parametrize("margins", [(3, 2, 0, 0), (0, 0, 7, 0), (9, 0, 0, 0), (-1, 0, 0, 0)])
def test_a_cut_that_does_not_fit_is_refused(margins):
    with pytest.raises(InvalidOptionError, match="does not fit images of 5 x 7 pixels"):
        cut(WIDE, *margins)


@pytest.mark.parametrize(("mode", "numpy_mode"), [("edge", "edge"), ("reflect", "reflect"), ("zero", "constant")])
@pytest.mark.parametrize("margins", [(1, 2, 3, 0), (0, 0, 0, 5), (7, 11, 13, 17)])
def test_padding_is_that_of_numpy_beyond_the_size_of_the_image_too(mode, numpy_mode, margins):
    wanted = np.pad(WIDE.numpy(), ((0, 0), (0, 0), margins[:2], margins[2:]), mode=numpy_mode)
    np.testing.assert_array_equal(padded(WIDE, *margins, mode).numpy(), wanted)


def test_a_image_of_one_pixel_is_reflected_as_itself():
    one = torch.full((2, 3, 1, 1), 0.75)
    assert torch.equal(padded(one, 1, 2, 0, 3, "reflect"), torch.full((2, 3, 4, 4), 0.75))


def test_turns_are_those_of_ttach():
    horizontally, vertically = ttach.HorizontalFlip(), ttach.VerticalFlip()
    assert torch.equal(turned(WIDE, *TURNS["hflip"]), horizontally.apply_aug_image(WIDE, apply=True))
    assert torch.equal(turned(WIDE, *TURNS["vflip"]), vertically.apply_aug_image(WIDE, apply=True))
    for degrees in (0, 90, 180, 270):
        wanted = ttach.Rotate90([90, 180, 270]).apply_aug_image(SQUARE, angle=degrees)
        assert torch.equal(turned(SQUARE, *TURNS[f"rot{degrees}" if degrees else "identity"]), wanted)
    assert torch.equal(turned(SQUARE, *TURNS["transpose"]), SQUARE.mT)


@pytest.mark.parametrize("name", ["rot90", "rot270", "transpose", "transverse"])
def test_swapping_rows_and_columns_wants_squares(name):
    with pytest.raises(InvalidOptionError, match="want square images, these have 5 x 7 pixels"):
        turned(WIDE, *TURNS[name])


def test_half_a_turn_does_not_want_squares():
    assert torch.equal(turned(WIDE, *TURNS["rot180"]), torch.rot90(WIDE, 2, (-2, -1)))


def test_light_by_hand():
    assert torch.allclose(toned(WIDE, "brightness", 0.5), WIDE / 2)
    assert torch.allclose(toned(WIDE, "brightness", 2.0), (WIDE * 2).clamp(0, 1))
    assert torch.allclose(toned(WIDE, "gamma", 1.5), WIDE**1.5)
    grey = toned(WIDE, "saturation", 0.0)
    luma = 0.299 * WIDE[:, 0] + 0.587 * WIDE[:, 1] + 0.114 * WIDE[:, 2]
    for channel in range(3):
        assert torch.allclose(grey[:, channel], luma, atol=2e-3)
    mean = luma.mean((-2, -1))[:, None, None, None]
    assert torch.allclose(toned(WIDE, "contrast", 0.75), 0.75 * WIDE + 0.25 * mean, atol=2e-3)


def test_sharpening_is_away_from_and_blunting_towards_the_weighted_mean_of_the_neighbours():
    image = torch.full((2, 3, 5, 5), 0.5)
    image[:, :, 2, 2] = 0.7
    blurred = (8 * 0.5 + 5 * 0.7) / 13  # eight neighbours of weight 1, the middle of weight 5
    for factor in (0.5, 1.5):
        wanted = blurred + factor * (0.7 - blurred)
        assert toned(image, "sharpness", factor)[0, 0, 2, 2].item() == pytest.approx(wanted, abs=1e-6)
