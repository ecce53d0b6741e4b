"""Random changes to training pictures."""

import numpy as np
import pytest
import torch
from scipy import stats

from ensemble_kit.errors import UnknownNameError
from ensemble_kit.images.augment import STRENGTHS, Strength, augment, draw

ROWS, COLUMNS = 17, 13
INDEX = torch.tensor([19, 2, 23, 5, 7])
CHANGING = [name for name in STRENGTHS if name != "none"]


def _pixels(count=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, ROWS, COLUMNS), generator=generator, dtype=torch.uint8)


def _only(monkeypatch, **limits):
    monkeypatch.setitem(STRENGTHS, "strong", Strength(**limits))


def test_none_changes_nothing():
    assert torch.equal(augment(_pixels(), INDEX, 3, 1, strength="none"), _pixels().float() / 255)


@pytest.mark.parametrize("strength", CHANGING)
def test_every_other_strength_changes_every_picture_within_its_range(strength):
    pictures = augment(_pixels(), INDEX, 3, 1, strength=strength)
    assert pictures.shape == (5, 3, ROWS, COLUMNS)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert ((pictures - _pixels() / 255).abs().amax(dim=(1, 2, 3)) > 0.01).all()


@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_seed_epoch_and_index_repeat_the_change_and_each_of_them_alters_it(strength):
    def run(seed, epoch, index):
        return augment(_pixels(), index, seed, epoch, strength=strength, flip=True)

    first = run(3, 1, INDEX)
    torch.manual_seed(99)
    assert torch.equal(first, run(3, 1, INDEX))
    others = [run(4, 1, INDEX), run(3, 2, INDEX), run(3, 1, INDEX + 100)]
    assert not any(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_a_picture_does_not_depend_on_its_neighbours(strength):
    together = augment(_pixels(), INDEX, 3, 1, strength=strength, flip=True)
    order = torch.tensor([4, 0, 3])
    apart = augment(_pixels()[order], INDEX[order], 3, 1, strength=strength, flip=True)
    assert torch.allclose(together[order], apart, atol=1e-6)


def test_flip_mirrors_about_half_of_the_pictures_and_nothing_else():
    pixels = _pixels(1).expand(211, 3, ROWS, COLUMNS)
    pictures = augment(pixels, torch.arange(211), 3, 1, flip=True)
    plain = pixels[0] / 255
    mirrored = (pictures == plain.flip(-1)).flatten(1).all(dim=1)
    assert torch.equal(~mirrored, (pictures == plain).flatten(1).all(dim=1))
    assert stats.binomtest(int(mirrored.sum()), 211).pvalue > 0.01


@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_without_flip_left_stays_left(strength):
    pixels = torch.zeros(101, 3, ROWS, COLUMNS, dtype=torch.uint8)
    pixels[..., : COLUMNS // 2] = 200
    pictures = augment(pixels, torch.arange(101), 3, 1, strength=strength)
    left, right = pictures[..., :4].mean(dim=(1, 2, 3)), pictures[..., -4:].mean(dim=(1, 2, 3))
    assert (left > right).all()


def test_a_shift_moves_the_picture_by_its_share_of_the_side(monkeypatch):
    _only(monkeypatch, shift=0.2)
    pixels = torch.zeros(53, 3, ROWS, COLUMNS, dtype=torch.uint8)
    pixels[:, :, 8, 6] = 255
    pictures = augment(pixels, torch.arange(53), 3, 1, strength="strong").mean(dim=1)
    down = (pictures.sum(dim=2) * torch.arange(ROWS)).sum(dim=1) - 8
    across = (pictures.sum(dim=1) * torch.arange(COLUMNS)).sum(dim=1) - 6
    assert 0.15 * ROWS < down.abs().max() <= 0.2 * ROWS + 1e-4
    assert 0.15 * COLUMNS < across.abs().max() <= 0.2 * COLUMNS + 1e-4


def test_an_erased_rectangle_covers_no_more_than_its_share_and_spares_the_others(monkeypatch):
    _only(monkeypatch, erase=0.5, erase_share=0.25)
    pixels = _pixels(97)
    pictures = augment(pixels, torch.arange(97), 3, 1, strength="strong")
    erased = (pictures - pixels / 255).abs() > 1e-4
    share = erased.any(dim=1).float().mean(dim=(1, 2))
    assert 0.15 < share.max() < 0.25 + 2 / COLUMNS
    assert stats.binomtest(int((share == 0).sum()), 97).pvalue > 0.01


def test_brightness_multiplies_by_a_factor_within_its_limit(monkeypatch):
    _only(monkeypatch, brightness=0.5)
    pixels = torch.full((101, 3, ROWS, COLUMNS), 51, dtype=torch.uint8)
    factor = augment(pixels, torch.arange(101), 3, 1, strength="strong").mean(dim=(1, 2, 3)) / 0.2
    assert factor.log().abs().max() <= 0.5 + 1e-5
    assert factor.log().max() > 0.4
    assert factor.log().min() < -0.4


@pytest.mark.parametrize("limit", ["contrast", "saturation", "tint"])
def test_a_colour_change_leaves_a_mid_grey_picture_grey_unless_it_tints(monkeypatch, limit):
    _only(monkeypatch, **{limit: 0.5})
    pixels = torch.full((5, 3, ROWS, COLUMNS), 102, dtype=torch.uint8)
    pictures = augment(pixels, INDEX, 3, 1, strength="strong")
    spread = float((pictures.amax(dim=1) - pictures.amin(dim=1)).max())
    assert spread > 0.05 if limit == "tint" else spread < 1e-5


def test_draws_are_uniform_and_independent_of_each_other():
    numbers = draw(3, 1, np.arange(997), 5)
    assert numbers.shape == (997, 5)
    assert all(stats.kstest(column, "uniform").pvalue > 0.001 for column in numbers.T)
    assert np.abs(np.corrcoef(numbers.T) - np.eye(5)).max() < 0.12
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.12


def test_an_unknown_strength_is_refused():
    with pytest.raises(UnknownNameError, match="No augmentation strength is named 'storng'; did you mean 'strong'"):
        augment(_pixels(), INDEX, 3, 1, strength="storng")
