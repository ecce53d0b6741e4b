"""Changes to a whole batch within limits."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import functional as reference

from ensemble_kit.images.augmentation import batch
from ensemble_kit.images.augmentation.augment import STRENGTHS, draw
from ensemble_kit.images.augmentation.batch import DRAWS, Limits, change_batch, words

ROWS, COLUMNS = 17, 13


def _images(count, seed=0):
    return torch.rand(count, 3, ROWS, COLUMNS, generator=torch.Generator().manual_seed(seed))


def _draws(count):
    return torch.from_numpy(draw(3, 1, np.arange(count), DRAWS)).float()


def test_no_limits_change_nothing():
    images = _images(5)
    assert torch.allclose(change_batch(images, _draws(5), Limits()), images, atol=1e-5)


def test_a_shift_moves_the_image_by_its_share_of_the_side():
    images = torch.zeros(53, 3, ROWS, COLUMNS)
    images[:, :, 8, 6] = 1
    moved = change_batch(images, _draws(53), Limits(shift=0.2)).mean(dim=1)
    down = (moved.sum(dim=2) * torch.arange(ROWS)).sum(dim=1) - 8
    across = (moved.sum(dim=1) * torch.arange(COLUMNS)).sum(dim=1) - 6
    assert 0.15 * ROWS < down.abs().max() <= 0.2 * ROWS + 1e-4
    assert 0.15 * COLUMNS < across.abs().max() <= 0.2 * COLUMNS + 1e-4


def test_an_erased_rectangle_covers_no_more_than_its_share_and_spares_the_others():
    images = _images(97)
    erased = (change_batch(images, _draws(97), Limits(erase=0.5, erase_share=0.25)) - images).abs() > 1e-4
    share = erased.any(dim=1).float().mean(dim=(1, 2))
    assert 0.15 < share.max() < 0.25 + 2 / COLUMNS
    assert stats.binomtest(int((share == 0).sum()), 97).pvalue > 0.01


def test_brightness_multiplies_by_a_factor_within_its_limit():
    images = torch.full((101, 3, ROWS, COLUMNS), 0.2)
    factor = change_batch(images, _draws(101), Limits(brightness=0.5)).mean(dim=(1, 2, 3)) / 0.2
    assert factor.log().abs().max() <= 0.5 + 1e-5
    assert factor.log().max() > 0.4
    assert factor.log().min() < -0.4


@pytest.mark.parametrize("limit", ["contrast", "saturation", "tint"])
def test_a_colour_change_leaves_a_mid_grey_image_grey_unless_it_tints(limit):
    images = torch.full((5, 3, ROWS, COLUMNS), 0.4)
    changed = change_batch(images, _draws(5), Limits(**{limit: 0.5}))
    spread = float((changed.amax(dim=1) - changed.amin(dim=1)).max())
    assert spread > 0.05 if limit == "tint" else spread < 1e-5


@pytest.mark.parametrize(
    ("limit", "place", "adjust"),
    [
        ("brightness", 6, reference.adjust_brightness),
        ("contrast", 7, reference.adjust_contrast),
        ("saturation", 8, reference.adjust_saturation),
    ],
)
def test_a_colour_is_changed_as_torchvision_changes_it(limit, place, adjust):
    draws, images = _draws(5), _images(5)
    changed = change_batch(images, draws, Limits(**{limit: 0.5}))
    for image, numbers, found in zip(images, draws, changed, strict=True):
        factor = float(torch.exp(0.5 * (2 * numbers[place] - 1)))
        assert torch.allclose(found, adjust(image, factor), atol=2e-3)  # its grey has three digits


def test_the_words_hold_every_limit_that_is_on_and_no_other():
    on = [words(Limits(**{"erase_share": 0.3, name: 0.5})) for name in Limits._fields if name != "erase_share"]
    assert [len(lines) for lines in on] == [1] * 10
    assert len({lines[0] for lines in on}) == 10
    assert words(Limits()) == ()
    assert words(Limits(zoom=0.2)) == ("size times 0.82 to 1.22",)
    assert words(Limits(erase=0.5, erase_share=0.25)) == (
        "in 50 % of the images up to 25 % painted over in the image's mean colour",
    )


def test_images_are_changed_a_few_at_a_time_as_all_at_once_and_stay_as_they_were(monkeypatch):
    images, draws, limits = _images(7), _draws(7), STRENGTHS["strong"].change
    before, whole = images.clone(), change_batch(images, draws, limits)
    assert torch.equal(images, before)
    for few in (1, 3 * 3 * ROWS * COLUMNS):
        monkeypatch.setattr(batch, "_IN_CACHE", few)
        assert torch.equal(change_batch(images, draws, limits), whole)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_large_images_are_changed_a_few_at_a_time_to_the_same_bits_by_several_threads(two_threads, monkeypatch):
    images, draws, limits = torch.rand(7, 3, 223, 211), _draws(7), STRENGTHS["strong"].change
    monkeypatch.setattr(batch, "_IN_CACHE", images.numel())
    whole = change_batch(images, draws, limits)
    for few in (1, 3 * images[0].numel()):
        monkeypatch.setattr(batch, "_IN_CACHE", few)
        assert torch.equal(change_batch(images, draws, limits), whole)
