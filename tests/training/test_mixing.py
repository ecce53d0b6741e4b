"""Pictures mixed in pairs."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ensemble_kit.training.mixing import mix_pairs, mixed_loss

PICTURES = torch.arange(5.0)[:, None, None, None].expand(5, 3, 11, 13).contiguous()


@pytest.mark.parametrize("seed", range(20))
def test_every_pixel_is_the_pictures_or_its_partners_in_the_share_that_is_told(seed):
    mixed, partner, share = mix_pairs(PICTURES, np.random.default_rng(seed))
    assert mixed.shape == PICTURES.shape
    assert sorted(partner.tolist()) == [0, 1, 2, 3, 4]
    expected = share * torch.arange(5.0) + (1 - share) * partner
    assert torch.allclose(mixed.mean(dim=(1, 2, 3)), expected, atol=1e-5)


def test_both_ways_of_mixing_occur_and_mixup_keeps_the_larger_share():
    kinds = set()
    for seed in range(20):
        mixed, partner, share = mix_pairs(PICTURES, np.random.default_rng(seed))
        cut = bool(((mixed == PICTURES) | (mixed == PICTURES[partner])).all())
        kinds.add(cut)
        assert cut or share >= 0.5
    assert kinds == {True, False}


def test_cutmix_pastes_one_rectangle():
    mixed, partner, _ = next(
        drawn
        for seed in range(20)
        if 0.2 < (drawn := mix_pairs(PICTURES, np.random.default_rng(seed)))[2] < 0.8
        and bool((drawn[0] == drawn[0].round()).all())
    )
    row = next(i for i in range(5) if partner[i] != i)
    pasted = mixed[row, 0] != PICTURES[row, 0]
    rows, columns = pasted.any(dim=1), pasted.any(dim=0)
    assert torch.equal(pasted, rows[:, None] & columns[None, :])
    assert rows.nonzero().diff(dim=0).max() == 1
    assert columns.nonzero().diff(dim=0).max() == 1


def test_the_loss_is_the_cross_entropy_against_the_mixed_label():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(3))
    labels, partner = torch.tensor([0, 2, 4, 6, 1]), torch.tensor([4, 0, 3, 2, 1])
    target = 0.75 * F.one_hot(labels, 7) + 0.25 * F.one_hot(labels[partner], 7)
    smooth = 0.9 * target + 0.1 / 7
    expected = -(smooth * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    assert float(mixed_loss(logits, labels, partner, 0.75, 0.1)) == pytest.approx(float(expected), abs=1e-6)


def test_the_assignments_four_rows_sum_to_6_966_bits():
    chances = torch.tensor([0.4, 0.4, 0.5, 0.1])
    logits = torch.stack([chances, 1 - chances], dim=1).log()
    labels = torch.zeros(4, dtype=torch.long)
    nats = 4 * float(mixed_loss(logits, labels, labels, 1.0, 0.0))
    assert nats / np.log(2) == pytest.approx(6.966, abs=5e-4)
