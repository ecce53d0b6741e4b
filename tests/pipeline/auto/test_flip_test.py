"""Whether mirroring changes what images mean, found out on images where we know."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from ensemble_kit.images.splits import DataSet, Split
from ensemble_kit.pipeline.auto import flip_test as flip_trial
from ensemble_kit.pipeline.auto.flip_test import FOLDS, LEAST, LEVEL, FlipTrial, read_trial, try_flips
from ensemble_kit.pipeline.inputs.images import DecodedImages

SIDE = 16


def arrow(random, turned):
    """An arrow that points to the right, or is turned by so many right angles, in a colour, somewhere."""
    shape = np.zeros((SIDE, SIDE), bool)
    row, column = random.integers(4, SIDE - 4), random.integers(1, 5)
    length = random.integers(7, 10)
    shape[row, column : column + length] = True
    for back in range(4):
        shape[row - back : row + back + 1, column + length - back] = True
    colour = random.integers(90, 256, 3)[:, None, None]
    noise = random.integers(0, 60, (3, SIDE, SIDE))
    return np.where(np.rot90(shape, turned), colour, noise).astype(np.uint8)


def drawn(turns, images=211, groups=None, labels=None):
    """Arrows turned so; each a class of its own, unless labels are given."""
    random = np.random.default_rng(5)
    which = np.arange(images) % len(turns)
    pixels = np.stack([arrow(random, turns[one]) for one in which])
    ids = tuple(f"{row:03d}.png" for row in range(images))
    split = Split(ids, tuple(map(Path, ids)), which if labels is None else labels(random, images), groups)
    return DecodedImages(DataSet(tuple("abcd"[: len(turns)]), {"train": split}), SIDE, {"train": pixels}, {})


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(flip_trial, "MODEL", {"width": 8, "cells": 4})


def test_arrows_to_the_left_and_right_may_not_be_mirrored(small):
    found = try_flips(drawn((0, 2)), 60, "cpu", epochs=15)
    assert found.accuracy > 0.9 > 0.1 > found.mirrored_accuracy
    assert found.harmful
    assert 45 <= found.images <= 60


def test_arrows_up_and_down_may_be(small):
    found = try_flips(drawn((1, 3)), 60, "cpu", epochs=15)
    assert found.accuracy > 0.9
    assert not found.harmful


def test_labels_that_mean_nothing_say_nothing(small):
    found = try_flips(drawn((0, 2), labels=lambda random, images: random.integers(0, 2, images)), 60, "cpu", epochs=2)
    assert not found.harmful


def test_out_of_time_it_still_answers(small):
    found = try_flips(drawn((0, 2), images=53), 0.0, "cpu", epochs=10_000)
    assert found.images > 0
    assert 0 <= found.accuracy <= 1


def test_no_network_sees_what_it_is_asked_about(small, monkeypatch):
    """Where every image is one of a group, the groups held out are whole."""
    seen = []

    def note(arch, options, size_px, classes, images, **more):
        seen.append(images)
        return genuine(arch, options, size_px, classes, images, **more)

    genuine = flip_trial.build_network
    monkeypatch.setattr(flip_trial, "build_network", note)
    images = drawn((0, 2), images=53, groups=tuple(f"g{row // 7}" for row in range(53)))
    found = try_flips(images, 60, "cpu", epochs=1)
    rows = {image.tobytes(): row for row, image in enumerate(images.images["train"])}
    trained_on = {rows[image.tobytes()] for image in seen[0]}
    assert len(trained_on) == 53 - found.images
    assert not {row // 7 for row in trained_on} & {row // 7 for row in set(range(53)) - trained_on}
    assert found.images <= 53 * 2 / FOLDS


@pytest.mark.parametrize(("images", "groups"), [(13, ("one",) * 13), (1, None)])
def test_what_cannot_be_parted_is_not_tried(images, groups):
    found = try_flips(drawn((0, 2), images, groups), 60, "cpu")
    assert found == FlipTrial(0, 0.0, 0.0, 1.0)
    assert not found.harmful


def answers(both, lost, won, neither):
    """Right as it is and mirrored, so many of each."""
    rows = [(True, True)] * both + [(True, False)] * lost + [(False, True)] * won + [(False, False)] * neither
    return np.array(rows)[:, 0], np.array(rows)[:, 1]


@settings(max_examples=100, deadline=None)
@given(*[st.integers(0, 60)] * 3, st.integers(1, 60))
def test_the_test_is_the_sign_test_of_scipy(both, lost, won, neither):
    found = read_trial(*answers(both, lost, won, neither))
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert found.p == pytest.approx(expected, rel=1e-9)
    images = both + lost + won + neither
    assert found.images == images
    assert (found.accuracy, found.mirrored_accuracy) == ((both + lost) / images, (both + won) / images)
    loss = (lost - won) / images
    if abs(loss - LEAST) > 1e-9:
        assert found.harmful == (expected < LEVEL and loss > LEAST)


def test_a_small_loss_is_no_harm_however_sure_and_an_unsure_one_neither():
    assert not read_trial(*answers(900, 40, 0, 60)).harmful
    assert not read_trial(*answers(3, 5, 1, 1)).harmful
    assert read_trial(*answers(900, 60, 0, 40)).harmful
    assert not read_trial(*answers(10, 0, 60, 10)).harmful
