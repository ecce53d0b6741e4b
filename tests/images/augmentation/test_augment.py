"""Random changes to training images: the laws that every strength obeys."""

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from ensemble_kit.errors import UnknownNameError
from ensemble_kit.images.augmentation.augment import STRENGTHS, augment, describe, draw, operations_of
from ensemble_kit.images.augmentation.batch import Limits

ROWS, COLUMNS = 17, 13
INDEX = torch.tensor([19, 2, 23, 5, 7])
CHANGING = [name for name in STRENGTHS if name != "none"]


def _pixels(count=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, ROWS, COLUMNS), generator=generator, dtype=torch.uint8)


def test_none_changes_nothing():
    assert torch.equal(augment(_pixels(), INDEX, 3, 1, strength="none"), _pixels().float() / 255)


@pytest.mark.parametrize("strength", CHANGING)
def test_every_other_strength_changes_every_image_within_its_range(strength):
    images = augment(_pixels(), INDEX, 3, 1, strength=strength)
    assert images.shape == (5, 3, ROWS, COLUMNS)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert ((images - _pixels() / 255).abs().amax(dim=(1, 2, 3)) > 0.01).all()


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
def test_a_image_does_not_depend_on_its_neighbours_or_their_order(strength):
    together = augment(_pixels(), INDEX, 3, 1, strength=strength, flip=True)
    order = torch.tensor([4, 0, 3])
    apart = augment(_pixels()[order], INDEX[order], 3, 1, strength=strength, flip=True)
    one_batch = isinstance(STRENGTHS[strength].change, Limits)  # whose sums may be taken in another order
    assert torch.allclose(together[order], apart, rtol=0, atol=1e-6 if one_batch else 0)


@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_images_of_one_batch_are_changed_in_different_ways(strength):
    alike = _pixels(1).expand(29, 3, ROWS, COLUMNS)
    images = augment(alike, torch.arange(29), 3, 1, strength=strength)
    different = len({image.numpy().tobytes() for image in images})
    assert different == 1 if strength == "none" else different > 20


@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_no_generator_is_left_in_another_state(strength):
    torch.manual_seed(41)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    pixels = _pixels()
    augment(pixels, INDEX, 3, 1, strength=strength, flip=True)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert torch.equal(pixels, _pixels())


def test_flip_mirrors_about_half_of_the_images_and_nothing_else():
    pixels = _pixels(1).expand(211, 3, ROWS, COLUMNS)
    images = augment(pixels, torch.arange(211), 3, 1, flip=True)
    plain = pixels[0] / 255
    mirrored = (images == plain.flip(-1)).flatten(1).all(dim=1)
    assert torch.equal(~mirrored, (images == plain).flatten(1).all(dim=1))
    assert stats.binomtest(int(mirrored.sum()), 211).pvalue > 0.01


def _likeness(images, letter):
    """How well each image matches the letter at its best place, turn and size: a correlation."""
    seen = images.mean(dim=1).numpy()
    seen = seen - seen.mean(axis=(1, 2), keepdims=True)
    waves, best = np.fft.rfft2(seen, (64, 64)), np.zeros(len(seen))
    for size, angle in itertools.product((1.0, 1.3), range(-135, 136, 15)):
        turned = ndimage.rotate(ndimage.zoom(letter, size, order=1), angle, order=1)
        turned = turned - turned.mean()
        found = np.fft.irfft2(waves * np.fft.rfft2(turned, (64, 64)).conj()) / np.linalg.norm(turned)
        best = np.maximum(best, np.abs(found).max(axis=(1, 2)))
    return best / (np.linalg.norm(seen, axis=(1, 2)) + 1e-9)


@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_without_flip_no_strength_mirrors(strength):
    letter = np.zeros((29, 29))  # a large F: no turn makes a mirrored one of it
    letter[4:25, 8:12] = letter[4:8, 8:23] = letter[12:16, 8:19] = 220
    pixels = torch.from_numpy(letter.astype(np.uint8)).expand(83, 3, 29, 29)
    share = []
    for flip in (False, True):
        images = augment(pixels, torch.arange(83), 3, 1, strength=strength, flip=flip)
        share.append((_likeness(images, letter[:, ::-1]) > _likeness(images, letter)).mean())
    assert share[0] < 0.1  # `trivial` leaves nothing of a few, which look like either
    assert 0.35 < share[1] < 0.6


def test_every_strength_says_what_it_does():
    assert describe("none") == ()
    assert describe("none", flip=True) == ("mirrored left and right: one half of the images",)
    for name in CHANGING:
        assert STRENGTHS[name].help
        assert len(describe(name)) >= 3
    assert "turned by up to 12° either way" in describe("strong")
    assert [name for name in STRENGTHS if operations_of(name)] == ["trivial", "rand"]


def test_draws_are_uniform_and_independent_of_each_other():
    numbers = draw(3, 1, np.arange(997), 5)
    assert numbers.shape == (997, 5)
    assert all(stats.kstest(column, "uniform").pvalue > 0.001 for column in numbers.T)
    assert np.abs(np.corrcoef(numbers.T) - np.eye(5)).max() < 0.12
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.12


@pytest.mark.parametrize("ask", [lambda name: augment(_pixels(), INDEX, 3, 1, strength=name), describe, operations_of])
def test_an_unknown_strength_is_refused(ask):
    with pytest.raises(UnknownNameError, match="No augmentation strength is named 'storng'; did you mean 'strong'"):
        ask("storng")
