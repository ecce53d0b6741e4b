"""Classes that count alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from ensemble_kit.training.balance import balanced_order, class_weights

labels = st.lists(st.integers(0, 5), min_size=1, max_size=97).map(np.array)


@given(labels, st.integers(0, 9))
def test_every_class_comes_equally_often_and_no_image_twice_before_its_class_is_through(labels, seed):
    order = balanced_order(labels, np.random.default_rng(seed))
    assert len(order) == len(labels)
    there = np.unique(labels)
    often = np.array([(labels[order] == one).sum() for one in there])
    assert often.max() - often.min() <= 1
    for one, count in zip(there, often, strict=True):
        times = np.bincount(order, minlength=len(labels))[labels == one]
        assert times.sum() == count
        assert times.max() - times.min() <= 1


def test_a_large_class_shows_all_its_images_in_time():
    labels = np.repeat([0, 1], [31, 3])
    seen = set()
    for epoch in range(12):
        seen |= set(balanced_order(labels, np.random.default_rng(epoch)).tolist())
    assert len(seen) == 34


def test_the_order_depends_on_the_generator_alone():
    labels = np.arange(23) % 3
    one, same, other = (balanced_order(labels, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (one == same).all()
    assert (one != other).any()


def test_class_weights_are_scikit_learns_balanced_ones():
    labels = np.repeat([0, 1, 2], [29, 7, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights(torch.from_numpy(labels), 3).numpy() == pytest.approx(expected, rel=1e-6)
