"""Images mixed in pairs."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ensemble_kit.training.mixing import mix

IMAGES = torch.arange(5.0)[:, None, None, None].expand(5, 3, 11, 13).contiguous()
LABELS = torch.tensor([6, 0, 2, 4, 2])  # of seven classes; the partner is the image before


def _mixed(seed):
    images, targets = mix(IMAGES, LABELS, 7, np.random.default_rng(seed))
    return images, targets, bool((images == images.round()).all())


@pytest.mark.parametrize("seed", range(20))
def test_the_targets_are_the_exact_shares_of_the_pixels(seed):
    images, targets, _ = _mixed(seed)
    level = torch.arange(5.0)
    partner = level.roll(1)
    share = (images.mean(dim=(1, 2, 3)) - partner) / (level - partner)
    assert share.min() == pytest.approx(float(share.max()), abs=1e-5)
    by_hand = share[:, None] * F.one_hot(LABELS, 7) + (1 - share[:, None]) * F.one_hot(LABELS.roll(1), 7)
    assert targets.shape == (5, 7)
    assert torch.allclose(targets, by_hand, atol=1e-5)


def test_both_ways_occur_and_cutmix_pastes_one_rectangle_whose_pixels_it_counts():
    drawn = [_mixed(seed) for seed in range(30)]
    assert {cut for _, _, cut in drawn} == {True, False}
    for images, targets, _ in (one for one in drawn if one[2]):
        pasted = images[1, 0] != IMAGES[1, 0]
        assert torch.equal(pasted, pasted.any(dim=1)[:, None] & pasted.any(dim=0)[None, :])
        assert float(targets[1, 6]) == pytest.approx(int(pasted.sum()) / (11 * 13), abs=1e-6)
    assert len({round(float(targets[1, 6]), 4) for _, targets, _ in drawn}) > 20


def test_all_randomness_is_the_generators():
    torch.manual_seed(3)
    first, before = _mixed(5), torch.get_rng_state()
    torch.manual_seed(4)
    again = _mixed(5)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    torch.manual_seed(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_lone_image_keeps_its_label_and_labels_that_agree_stay_hard():
    _, targets = mix(IMAGES[:1], LABELS[:1], 7, np.random.default_rng(0))
    assert torch.allclose(targets, F.one_hot(LABELS[:1], 7).float())
    _, targets = mix(IMAGES, torch.full((5,), 3), 7, np.random.default_rng(0))
    assert torch.allclose(targets, F.one_hot(torch.full((5,), 3), 7).float())


def test_images_stay_as_the_network_likes_them_in_memory():
    images = IMAGES.contiguous(memory_format=torch.channels_last)
    for seed in range(8):
        mixed, _ = mix(images, LABELS, 7, np.random.default_rng(seed))
        assert mixed.is_contiguous(memory_format=torch.channels_last)


def test_cross_entropy_takes_the_soft_targets_with_label_smoothing():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(3))
    _, targets, _ = _mixed(0)
    by_hand = -((0.9 * targets + 0.1 / 7) * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    assert float(F.cross_entropy(logits, targets, label_smoothing=0.1)) == pytest.approx(float(by_hand), abs=1e-6)
    hard = F.cross_entropy(logits, LABELS, label_smoothing=0.1)
    soft = F.cross_entropy(logits, F.one_hot(LABELS, 7).float(), label_smoothing=0.1)
    assert float(hard) == pytest.approx(float(soft), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_shares_of_classes_are_mixed_as_the_labels_that_they_stand_for(seed):
    shares = torch.softmax(torch.randn(5, 7, generator=torch.Generator().manual_seed(3)), dim=1)
    images, targets, _ = _mixed(seed)
    mixed, soft = mix(IMAGES, shares, 7, np.random.default_rng(seed))
    assert torch.equal(mixed, images)
    share = targets[1, 6]  # of image 0 in image 1, whose label is 0
    assert torch.allclose(soft[1], share * shares[0] + (1 - share) * shares[1], atol=1e-6)
