"""Whether mirroring changes what images mean, found out on images where we know."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from ensemble_kit.images.splits import DataSet, Split
from ensemble_kit.pipeline.auto import flip_test as flip_trial
from ensemble_kit.pipeline.auto.flip_test import FOLDS, LEAST, LEVEL, NO_TRIAL, FlipTrial, read_trial, try_flips
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
    monkeypatch.setattr(flip_trial, "ENOUGH", 50)


def test_arrows_to_the_left_and_right_may_not_be_mirrored(small):
    found = try_flips(drawn((0, 2)), 60, "cpu", epochs=15)
    assert found.accuracy > 0.9 > 0.1 > found.mirrored_accuracy
    assert found.verdict == "harmful"
    assert 45 <= found.images <= 60


def test_arrows_up_and_down_may_be(small):
    found = try_flips(drawn((1, 3)), 60, "cpu", epochs=15)
    assert found.accuracy > 0.9
    assert found.verdict == "harmless"
    assert found.in_time


def test_sixteen_arrows_to_the_left_and_right_are_not_mirrored_for_want_of_proof(small, monkeypatch):
    monkeypatch.setattr(flip_trial, "STEPS", 20)
    assert try_flips(drawn((0, 2), images=16), 60, "cpu", epochs=2).verdict != "harmless"


def test_labels_that_mean_nothing_say_nothing(small):
    found = try_flips(drawn((0, 2), labels=lambda random, images: random.integers(0, 2, images)), 60, "cpu", epochs=2)
    assert found.verdict == "unclear"


@pytest.mark.parametrize("turns", [(0, 2), (1, 3)])
def test_out_of_time_it_still_answers_and_gives_no_leave(small, turns):
    found = try_flips(drawn(turns, images=53), 0.0, "cpu", epochs=10_000)
    assert found.images > 0
    assert 0 <= found.accuracy <= 1
    assert not found.in_time
    assert found.verdict == "unclear"


@pytest.mark.parametrize(("enough", "quarters"), [(50, 1), (60, 2), (150, 3), (300, 4)])
def test_of_few_images_each_quarter_is_held_out(small, monkeypatch, enough, quarters):
    monkeypatch.setattr(flip_trial, "ENOUGH", enough)
    assert try_flips(drawn((0, 2)), 0.0, "cpu").images == pytest.approx(211 * quarters / 4, abs=3)


def test_no_network_sees_what_it_is_asked_about(small, monkeypatch):
    """Where every image is one of a group, the groups held out are whole."""
    seen = []

    def note(arch, options, size_px, classes, images, **more):
        seen.append(images)
        return genuine(arch, options, size_px, classes, images, **more)

    genuine = flip_trial.build_network
    monkeypatch.setattr(flip_trial, "build_network", note)
    images = drawn((0, 2), images=53, groups=tuple(f"g{row // 7}" for row in range(53)))
    monkeypatch.setattr(flip_trial, "ENOUGH", 300)
    found = try_flips(images, 0.0, "cpu", epochs=1)
    rows = {image.tobytes(): row for row, image in enumerate(images.images["train"])}
    asked = []
    for each in seen:
        trained_on = {rows[image.tobytes()] for image in each}
        held = set(range(53)) - trained_on
        assert not {row // 7 for row in trained_on} & {row // 7 for row in held}
        assert len(held) <= 53 * 2 / FOLDS
        asked += held
    assert len(seen) == FOLDS
    assert sorted(asked) == list(range(53))
    assert found.images == 53


@pytest.mark.parametrize(("images", "groups"), [(13, ("one",) * 13), (1, None)])
def test_what_cannot_be_parted_is_not_tried(images, groups):
    found = try_flips(drawn((0, 2), images, groups), 60, "cpu")
    assert found == NO_TRIAL == FlipTrial(0, 0.0, 0.0, 1.0, None)
    assert found.verdict == "unclear"


def answers(both, lost, won, neither, classes=2, sure=3.0):
    """Logits of so many images, right as they are and mirrored or not, and the labels."""
    rows = np.array([(True, True)] * both + [(True, False)] * lost + [(False, True)] * won + [(False, False)] * neither)
    labels = np.arange(len(rows)) % classes
    said = [sure * np.eye(classes)[np.where(right, labels, (labels + 1) % classes)] for right in rows.T]
    return (*said, labels)


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
        assert (found.verdict == "harmful") == (expected < LEVEL and loss > LEAST)


def test_a_small_loss_is_no_harm_however_sure_and_an_unsure_one_neither():
    assert read_trial(*answers(900, 40, 0, 60)).verdict != "harmful"
    assert read_trial(*answers(900, 40, 0, 60, classes=10)).verdict == "harmless"
    assert read_trial(*answers(900, 60, 0, 40)).verdict == "harmful"
    assert read_trial(*answers(10, 0, 60, 10)).verdict != "harmful"


@pytest.mark.parametrize(
    ("counts", "classes", "verdict"),
    [
        ((7, 3, 0, 2), 6, "unclear"),  # 83 % as they are, 58 % mirrored: p = .25
        ((10, 0, 0, 2), 6, "unclear"),  # nothing lost, of too few
        ((150, 8, 2, 40), 6, "harmless"),
        ((30, 3, 3, 164), 6, "unclear"),  # 16 % right of six classes: it has learnt nothing
    ],
)
def test_nothing_found_is_leave_only_where_something_would_have_been(counts, classes, verdict):
    assert read_trial(*answers(*counts, classes=classes)).verdict == verdict


def test_the_bound_is_where_scipys_t_test_of_what_is_lost_beyond_a_share_turns():
    plain, mirrored, labels = answers(150, 12, 2, 40, classes=5)
    found = read_trial(plain, mirrored, labels)
    right, still = (said.argmax(axis=1) == labels for said in (plain, mirrored))
    lost, learnt = right * 1.0 - still, right - np.bincount(labels).max() / len(labels)
    without_pseudo = ttest_1samp(lost - found.lost_at_most * learnt, 0, alternative="less").pvalue
    assert without_pseudo < 0.05  # the bound is that of accuracy, a little wider, or that of log-likelihood
    assert found.lost_at_most > lost.mean() / learnt.mean()


def test_of_groups_each_counts_once():
    plain, mirrored, labels = (np.repeat(each, 9, axis=0) for each in answers(16, 1, 1, 4, classes=3))
    groups = [f"sign {row // 9:02d}" for row in range(len(labels))]
    assert read_trial(plain, mirrored, labels).verdict == "harmless"
    assert read_trial(plain, mirrored, labels, groups).verdict == "unclear"
