"""Changes by torchvision's transforms, image by image."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import InterpolationMode, v2

from ensemble_kit.images.augmentation.torchvision_policies import OPERATIONS, Policy, change_each, words

ROWS, COLUMNS = 37, 31
SEEDS = np.array([11, 2, 2**53 - 1, 7, 0])


def _pixels(count=5):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, ROWS, COLUMNS), generator=generator, dtype=torch.uint8)


def _ramps(count):
    """Images that are brighter by 6 a pixel to the right (red) and downwards (green)."""
    image = torch.zeros(3, ROWS, COLUMNS)
    image[0], image[1] = 6 * torch.arange(COLUMNS), 6 * torch.arange(ROWS)[:, None]
    return image.to(torch.uint8).expand(count, 3, ROWS, COLUMNS)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_each_image_is_what_torchvision_makes_of_it_alone_after_that_seed(name):
    smooth = {"interpolation": InterpolationMode.BILINEAR, "fill": 128}
    chosen = v2.TrivialAugmentWide(**smooth) if name == "trivial" else v2.RandAugment(2, 9, **smooth)
    crop = v2.RandomResizedCrop((ROWS, COLUMNS), scale=(0.6, 1))
    erase = v2.RandomErasing(0.25, scale=(0.02, 0.25), value=128)
    changed = change_each(_pixels(), SEEDS, Policy(area=0.6, operations=name, erase=0.25))
    for image, seed, found in zip(_pixels(), SEEDS.tolist(), changed, strict=True):
        torch.manual_seed(seed)
        assert torch.equal(found, erase(chosen(crop(image))))


def test_a_crop_keeps_at_least_its_share_of_the_area_and_nearly_the_proportions():
    changed = change_each(_ramps(101), np.arange(101), Policy(area=0.35)).float()
    inner = changed[:, :, 9:-9, 9:-9]
    width = inner[:, 0].diff(dim=2).mean(dim=(1, 2)) / 6 * COLUMNS  # pixels cut out, by how much flatter the ramp is
    height = inner[:, 1].diff(dim=1).mean(dim=(1, 2)) / 6 * ROWS
    share = width * height / (ROWS * COLUMNS)
    assert 0.32 < share.min() < 0.45
    assert 0.9 < share.max() < 1.03
    assert 0.70 < (width / height).min() < (width / height).max() < 1.40


def test_some_images_are_erased_in_grey_and_the_others_are_left_alone():
    pixels = torch.zeros(199, 3, ROWS, COLUMNS, dtype=torch.uint8)
    changed = change_each(pixels, np.arange(199), Policy(area=1.0, erase=0.25))
    assert set(changed.unique().tolist()) == {0, 128}
    share = (changed == 128).float().mean(dim=(1, 2, 3))
    assert stats.binomtest(int((share > 0).sum()), 199, 0.25).pvalue > 0.01
    assert 0.01 < share[share > 0].min() < share.max() < 0.28


def test_colours_change_by_no_more_than_their_factors():
    pixels = torch.full((101, 3, ROWS, COLUMNS), 100, dtype=torch.uint8)
    level = change_each(pixels, np.arange(101), Policy(area=1.0, colour=0.2)).float().mean(dim=(1, 2, 3))
    assert 77 <= level.min() < 85  # 80, where each of three steps rounds down
    assert 115 < level.max() <= 121


def test_what_the_words_say_is_what_torchvision_does():
    wide, rand = v2.TrivialAugmentWide._AUGMENTATION_SPACE, v2.RandAugment._AUGMENTATION_SPACE
    assert len(wide) == len(rand) == 14
    assert not [name for name in (*wide, *rand) if "flip" in name.lower()]

    def limit(table, name, place):
        return round(float(table[name][0](31, 200, 100)[place]), 2)

    trivial, nine = OPERATIONS["trivial"], OPERATIONS["rand"]
    assert (limit(wide, "Rotate", -1), limit(rand, "Rotate", 9)) == (trivial.degrees, nine.degrees) == (135, 9)
    assert limit(wide, "TranslateX", -1) == limit(wide, "TranslateY", -1) == trivial.shift_px == 32
    assert (limit(rand, "TranslateX", 9) / 100, nine.shift_px) == (pytest.approx(0.136, abs=1e-4), 0)
    assert (limit(wide, "ShearX", -1), limit(rand, "ShearX", 9)) == (0.99, 0.09)
    assert (limit(wide, "Contrast", -1), limit(rand, "Contrast", 9)) == (0.99, 0.27)
    assert (limit(wide, "Posterize", -1), limit(rand, "Posterize", 9)) == (2, 7)
    assert (limit(wide, "Solarize", -1), limit(rand, "Solarize", 9)) == (0, 0.7)
    assert f"{trivial.degrees}°" in trivial.words
    assert f"{trivial.shift_px} px" in trivial.words
    assert f"{nine.degrees}°" in nine.words


def test_the_words_of_a_policy_name_its_numbers():
    assert words(Policy(area=0.35, colour=0.2, erase=0.25)) == (
        "a part of 35 to 100 % of the area enlarged, its sides 3:4 to 4:3",
        "brightness, contrast, saturation times 0.8 to 1.2",
        "in 25 % of the images 2 to 25 % painted over in grey",
    )
    assert words(Policy(area=0.6, operations="rand"))[1] == OPERATIONS["rand"].words
