"""Folds of train: dealt by id, class and group; fingerprints of what is left and what is held out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images.splits import DataSet, Split, fingerprint
from ensemble_kit.pipeline.inputs.held_out_fold import folded
from ensemble_kit.pipeline.inputs.images import DecodedImages

CLASSES = ("ant", "bee", "cat", "dog", "eel")


def images_of(labels, groups=None, classes=CLASSES):
    """Images whose pixels tell their number; val and test of their own."""
    count = len(labels)
    ids = tuple(f"train/{place * 7919 % 10007:05d}.png" for place in range(count))
    train = Split(ids, tuple(map(Path, ids)), np.array(labels, dtype=np.int64), groups)
    val = Split(("val/1.png",), (Path("val/1.png"),), np.array([0]))
    images = np.zeros((count, 3, 2, 2), dtype=np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
    digests = tuple(f"{place:064x}" for place in range(count))
    return DecodedImages(
        DataSet(tuple(classes), {"train": train, "val": val}),
        2,
        {"train": images, "val": images[:1]},
        {"train": fingerprint(train, digests, classes), "val": "v" * 64},
        {"train": {"train/broken.png": "truncated"}},
        {"train": digests, "val": ("v" * 64,)},
    )


def numbers(images, split):
    images = np.asarray(images.images[split], dtype=np.int64)
    return images[:, 0, 0, 0] + 256 * images[:, 0, 0, 1]


def held_out(images, folds, seed=0):
    """The ids that each fold holds out."""
    return [set(folded(images, folds, fold, seed).split("oof").ids) for fold in range(1, folds + 1)]


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.just(0) | st.integers(7, 23), min_size=5, max_size=5).filter(any),
    folds=st.integers(2, 7),
    seed=st.integers(0, 9),
    random=st.randoms(use_true_random=False),
)
def test_folds_cover_train_once_are_as_stratified_as_scikit_learns_and_know_no_row_order(counts, folds, seed, random):
    labels = np.repeat(np.arange(5), counts).tolist()
    random.shuffle(labels)
    images = images_of(labels)
    parts = [folded(images, folds, fold, seed) for fold in range(1, folds + 1)]
    ids = [part.split("oof").ids for part in parts]
    assert sorted(name for part in ids for name in part) == sorted(images.split("train").ids)
    theirs = StratifiedKFold(folds).split(np.zeros(len(labels)), labels)
    sizes = sorted(np.bincount(np.array(labels)[rows], minlength=5).tolist() for _, rows in theirs)
    for part in parts:
        assert not set(part.split("oof").ids) & set(part.split("train").ids)
        inside = np.bincount(part.split("oof").labels, minlength=5)
        assert (np.abs(inside - np.bincount(labels, minlength=5) / folds) < 1).all()
    assert max(map(len, ids)) - min(map(len, ids)) <= max(map(sum, sizes)) - min(map(sum, sizes)) + 1
    order = list(range(len(labels)))
    random.shuffle(order)
    train = images.split("train").rows(np.array(order))
    shuffled = images_of(labels)
    shuffled.data.splits["train"] = train
    assert held_out(shuffled, folds, seed) == [set(part) for part in ids]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(1, 7), min_size=5, max_size=8), min_size=3, max_size=3),
    folds=st.integers(2, 5),
    seed=st.integers(0, 5),
)
def test_groups_are_never_torn_and_spread_about_as_evenly_as_scikit_learn_does(sizes, folds, seed):
    groups = [
        (label, number) for label, each in enumerate(sizes) for number, size in enumerate(each) for _ in range(size)
    ]
    labels, names = (
        np.array([label for label, _ in groups]),
        tuple(f"sign-{label}-{number}" for label, number in groups),
    )
    images = images_of(labels, names)
    parts = [folded(images, folds, fold, seed) for fold in range(1, folds + 1)]
    for part in parts:
        assert not set(part.split("oof").groups) & set(part.split("train").groups)
        assert set(part.split("train").labels) == {0, 1, 2}
    assert sorted(name for part in parts for name in part.split("oof").ids) == sorted(images.split("train").ids)
    largest = max(max(each) for each in sizes)
    theirs = [len(rows) for _, rows in StratifiedGroupKFold(folds).split(np.zeros(len(labels)), labels, names)]
    ours = [len(part.split("oof").ids) for part in parts]
    assert max(ours) - min(ours) <= max(theirs) - min(theirs) + 3 * largest


def test_pixels_labels_groups_and_digests_go_with_their_ids_and_fingerprints_are_of_the_new_splits():
    labels = np.arange(53) % 5
    groups = tuple(f"g{place // 2}" for place in range(53))
    images = images_of(labels, groups)
    part = folded(images, 3, 2, split_seed=4)
    place = {name: row for row, name in enumerate(images.split("train").ids)}
    for split in ("train", "oof"):
        rows = [place[name] for name in part.split(split).ids]
        assert numbers(part, split).tolist() == rows
        assert part.split(split).labels.tolist() == labels[rows].tolist()
        assert part.split(split).groups == tuple(groups[row] for row in rows)
        digests = [f"{row:064x}" for row in rows]
        assert part.fingerprints[split] == fingerprint(part.split(split), digests, CLASSES)
        assert part.fingerprints[split] != images.fingerprints["train"]
    assert part.fingerprints["val"] == "v" * 64
    assert part.skipped == images.skipped
    assert part.split("val") is images.split("val")
    assert images.split("train").ids == tuple(place)  # the whole is left as it was


def test_another_split_seed_deals_other_folds_and_the_order_of_classes_changes_nothing():
    labels = np.arange(61) % 5
    here = held_out(images_of(labels), 5)
    assert held_out(images_of(labels), 5, seed=1) != here
    backwards = images_of(4 - labels, classes=CLASSES[::-1])
    assert held_out(backwards, 5) == here


def test_a_image_that_nobody_can_read_gets_the_shares_of_all_of_train_in_every_fold():
    images = images_of([0] * 31 + [1] * 17 + [2] * 5)
    whole = images.blind_logits()
    np.testing.assert_allclose(np.exp(whole), np.array([32, 18, 6, 1, 1]) / 58)
    np.testing.assert_array_equal(folded(images, 5, 3, 0).blind_logits(), whole)


@pytest.mark.parametrize(
    ("labels", "groups", "folds", "fold", "message"),
    [
        ([0, 1] * 7, None, 1, 1, "got --folds 1 --fold 1"),
        ([0, 1] * 7, None, 5, 6, "got --folds 5 --fold 6"),
        ([0, 1] * 7, None, 5, 0, "got --folds 5 --fold 0"),
        ([0] * 9 + [2] * 4, None, 5, 1, "'cat' has 4 training images; wanted at least one a fold"),
        ([0, 1] * 7, ("a", "b") * 7, 3, 1, "are of 2 groups, which stay whole"),
        ([0] * 9 + [1] * 7, ("a", "b", "c") * 3 + ("d",) * 7, 3, 1, "all images of 'bee' fall into one fold"),
    ],
)
def test_folds_that_cannot_be_are_refused(labels, groups, folds, fold, message):
    with pytest.raises(InvalidOptionError, match=message):
        folded(images_of(labels, groups), folds, fold, 0)


def test_train_without_labels_is_refused():
    images = images_of([0, 1] * 7)
    images.data.splits["train"] = Split(("a",), (Path("a"),))
    with pytest.raises(InvalidOptionError, match="Only labelled training images can be folded"):
        folded(images, 2, 1, 0)
