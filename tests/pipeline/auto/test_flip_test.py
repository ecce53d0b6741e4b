"""Whether training with mirror images costs accuracy, found out on images where we know."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from ensemble_kit.images.splits import DataSet, Split
from ensemble_kit.pipeline.auto import flip_test as flip_trial
from ensemble_kit.pipeline.auto.flip_test import (
    FOLDS,
    LEAST,
    LEVEL,
    MOST_LOST,
    NO_TRIAL,
    SWAPPED,
    FlipTrial,
    logits_of,
    read_trial,
    train_both,
    try_flips,
)
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
    assert found.accuracy_without > 0.9
    assert found.accuracy_with < 0.75
    assert found.swapped == ("a", "b")
    assert found.verdict == "harmful"
    assert 45 <= found.images <= 60


def test_arrows_up_and_down_may_be(small):
    found = try_flips(drawn((1, 3)), 60, "cpu", epochs=15)
    assert min(found.accuracy_without, found.accuracy_with) > 0.9
    assert found.swapped is None
    assert found.verdict == "harmless"
    assert found.in_time


def test_what_is_always_drawn_one_way_round_may_be_mirrored_though_an_unmirrored_network_errs_on_mirror_images(small):
    """Arrows to the right, up and down: none to the left."""
    images = drawn((0, 1, 3))
    rows = np.arange(150)
    (without, _), _ = train_both(images, rows, time.perf_counter() + 60, "cpu", epochs=15)
    held = images.images["train"][150:]
    right, turned = (
        (logits_of(without, shown, "cpu").argmax(axis=1) == images.split("train").labels[150:]).mean()
        for shown in (held, held[..., ::-1].copy())
    )
    assert right > 0.9 > 0.8 > turned
    assert try_flips(images, 60, "cpu", epochs=15).verdict == "harmless"


def test_both_begin_with_the_same_weights_and_see_the_same_batches():
    """Images that are their own mirror images train both alike, to the last bit."""
    images = drawn((1, 3), images=53)
    half = images.images["train"]
    images.images["train"][:] = np.concatenate([half[..., : SIDE // 2], half[..., SIDE // 2 - 1 :: -1]], axis=-1)
    (without, mirrored), steps = train_both(images, np.arange(53), time.perf_counter() + 60, "cpu", epochs=1)
    assert steps == flip_trial.STEPS
    for one, other in zip(without.state_dict().values(), mirrored.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("epochs", "seconds"), [(10_000, 0.5), (7, 60)])
def test_the_learning_rate_has_fallen_when_training_ends_by_the_clock_too(monkeypatch, epochs, seconds):
    rates = []

    def step(done, rate):
        rates.append((done, rate))
        time.sleep(0.001)

    monkeypatch.setattr("ensemble_kit.training.stepper", lambda *given: step)
    begin = time.perf_counter()
    _, steps = train_both(drawn((0, 2)), np.arange(211), begin + seconds, "cpu", epochs)
    assert [done for done, _ in rates] == [done for done in range(steps) for _ in range(2)]
    course = [rate for _, rate in rates[::2]]
    assert max(course) > 1e-3
    assert course[-1] < 0.05 * max(course)
    assert time.perf_counter() - begin < seconds + 5


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
    assert 0 <= found.accuracy_without <= 1
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
    """Logits of so many images, right without mirror images and with them or not, and the labels."""
    rows = np.array([(True, True)] * both + [(True, False)] * lost + [(False, True)] * won + [(False, False)] * neither)
    labels = np.arange(len(rows)) % classes
    said = [sure * np.eye(classes)[np.where(right, labels, (labels + 1) % classes)] for right in rows.T]
    return (*said, labels)


def read(without, mirrored, labels, groups=None, turned=None):
    """What is read; mirror images are taken for what the images are, unless said."""
    classes = tuple(f"class {place}" for place in range(without.shape[1]))
    return read_trial(without, mirrored, without if turned is None else turned, labels, classes, groups)


@settings(max_examples=100, deadline=None)
@given(*[st.integers(0, 60)] * 3, st.integers(1, 60))
def test_the_test_is_the_sign_test_of_scipy(both, lost, won, neither):
    found = read(*answers(both, lost, won, neither))
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert found.p == pytest.approx(expected, rel=1e-9)
    images = both + lost + won + neither
    assert found.images == images
    assert (found.accuracy_without, found.accuracy_with) == ((both + lost) / images, (both + won) / images)
    loss = (lost - won) / images
    if abs(loss - LEAST) > 1e-9:
        assert (found.verdict == "harmful") == (expected < LEVEL and loss > LEAST)


def test_a_small_loss_is_no_harm_however_sure_and_an_unsure_one_neither():
    assert read(*answers(900, 40, 0, 60)).verdict != "harmful"
    assert read(*answers(900, 40, 0, 60, classes=10)).verdict == "harmless"
    assert read(*answers(740, 200, 0, 60)).verdict == "harmful"
    assert read(*answers(10, 0, 60, 10)).verdict != "harmful"


def test_what_is_as_good_with_mirror_images_or_better_is_harmless():
    for won in (10, 30, 60):
        found = read(*answers(200, 10, won, 80, classes=7))
        assert found.verdict == "harmless"
        assert found.lost_at_most < MOST_LOST / 2


@pytest.mark.parametrize(
    ("counts", "classes", "verdict"),
    [
        ((7, 3, 0, 2), 6, "unclear"),  # 83 % without, 58 % with: p = .25
        ((10, 0, 0, 2), 6, "unclear"),  # nothing lost, of too few
        ((40, 0, 0, 2), 6, "unclear"),  # of each class too few to see whether two are swapped
        ((40, 0, 0, 2), 2, "harmless"),
        ((150, 8, 2, 40), 6, "harmless"),
        ((30, 3, 3, 164), 6, "unclear"),  # 16 % right of six classes: it has learnt nothing
    ],
)
def test_nothing_found_is_leave_only_where_something_would_have_been(counts, classes, verdict):
    assert read(*answers(*counts, classes=classes)).verdict == verdict


def test_the_bound_is_where_scipys_t_test_of_what_is_lost_beyond_a_share_turns():
    without, mirrored, labels = answers(150, 12, 2, 40, classes=5)
    found = read(without, mirrored, labels)
    right, still = (said.argmax(axis=1) == labels for said in (without, mirrored))
    lost, learnt = right * 1.0 - still, right - np.bincount(labels).max() / len(labels)
    without_pseudo = ttest_1samp(lost - found.lost_at_most * learnt, 0, alternative="less").pvalue
    assert without_pseudo < 0.05  # the bound is that of accuracy, a little wider, or that of log-likelihood
    assert found.lost_at_most > lost.mean() / learnt.mean()


def test_how_sure_either_network_is_does_not_matter():
    without, mirrored, labels = answers(150, 12, 2, 40, classes=5)
    assert read(without, 7 * mirrored, labels).lost_at_most == pytest.approx(
        read(without, mirrored, labels).lost_at_most, rel=1e-6
    )


def test_of_groups_each_counts_once():
    without, mirrored, labels = (np.repeat(each, 9, axis=0) for each in answers(16, 1, 1, 4, classes=3))
    groups = [f"sign {row // 9:02d}" for row in range(len(labels))]
    assert read(without, mirrored, labels).verdict == "harmless"
    assert read(without, mirrored, labels, groups).verdict == "unclear"


def test_of_groups_the_test_of_the_loss_is_that_of_their_signs():
    """Five groups of nine lost, none won: 2 / 2^5."""
    without, mirrored, labels = (np.repeat(each, 9, axis=0) for each in answers(10, 5, 0, 4, classes=3))
    groups = [f"sign {row // 9:02d}" for row in range(len(labels))]
    assert read(without, mirrored, labels).verdict == "harmful"
    found = read(without, mirrored, labels, groups)
    assert found.p == pytest.approx(2 / 2**5)
    assert found.verdict != "harmful"


def swapping(there, back, each=20, classes=5):
    """Logits of images that are all right, and of their mirror images: class 1 is taken for 3, and 3 for 1."""
    labels = np.repeat(np.arange(classes), each)
    taken = labels.copy()
    taken[np.flatnonzero(labels == 1)[:there]] = 3
    taken[np.flatnonzero(labels == 3)[:back]] = 1
    return 3 * np.eye(classes)[labels], 3 * np.eye(classes)[taken], labels


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20))
def test_two_classes_whose_mirror_images_are_taken_for_one_another_are_found_where_scipys_test_of_each_finds_it(
    there, back
):
    right, turned, labels = swapping(there, back)
    found = read(right, right, labels, turned=turned)
    p = max(binomtest(taken, 20, SWAPPED, alternative="greater").pvalue for taken in (there, back))
    pairs_of_5 = 10
    assert found.swapped == (("class 1", "class 3") if p * pairs_of_5 < LEVEL else None)
    assert found.verdict == ("harmful" if found.swapped else "harmless")


def test_a_class_whose_mirror_images_are_taken_for_another_is_not_swapped_unless_the_other_way_round_too():
    right, turned, labels = swapping(20, 0)
    assert read(right, right, labels, turned=turned).verdict == "harmless"


def test_of_a_group_all_swapped_images_are_one():
    right, turned, labels = swapping(20, 20)
    assert read(right, right, labels, turned=turned).swapped
    two_a_class = [f"sign {row // 10}" for row in range(len(labels))]
    assert read(right, right, labels, two_a_class, turned).swapped is None
    assert read(right, right, labels, [f"sign {row}" for row in range(len(labels))], turned).swapped


def test_of_a_large_fold_no_more_are_asked_than_tell(small, monkeypatch):
    monkeypatch.setattr(flip_trial, "MOST_ASKED", 11)
    assert try_flips(drawn((0, 2)), 0.0, "cpu").images == 22
