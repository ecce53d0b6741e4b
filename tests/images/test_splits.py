"""Splits: labels by place, a fraction held out, groups whole, a fingerprint of everything."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.sources import DataSet, straddling
from ensemble_kit.images.splits import Listing, Split, fingerprint, labelled, split_off


def split_of(labels, groups=None):
    ids = tuple(f"{i:03d}" for i in range(len(labels)))
    return Split(ids, tuple(map(Path, ids)), np.array(labels), groups)


def listing(*names):
    ids = tuple(f"id{i}" for i in range(len(names)))
    return Listing(ids, tuple(map(Path, ids)), names)


def test_whole_numbers_are_places_only_where_a_list_was_given_and_no_class_has_such_a_name():
    np.testing.assert_array_equal(labelled(listing("2", "0"), ["a", "b", "c"], True, "t").labels, [2, 0])
    np.testing.assert_array_equal(labelled(listing("2", "0"), ["0", "1", "2"], True, "t").labels, [2, 0])
    with pytest.raises(BadDataError, match="'2' is the class '2' by name, and '1' by place. Say which: --labels-are"):
        labelled(listing("2", "0"), ["2", "0", "1"], True, "t")
    np.testing.assert_array_equal(labelled(listing("2", "0"), ["2", "0", "1"], True, "t", "names").labels, [0, 1])
    np.testing.assert_array_equal(labelled(listing("2", "0"), ["2", "0", "1"], True, "t", "places").labels, [2, 0])
    np.testing.assert_array_equal(labelled(listing("2", "0"), ["2", "0", "1"], False, "t").labels, [0, 1])
    with pytest.raises(BadDataError, match="'t.csv': 'id0' has the class '2', which is none of the 3 known: a, b, c"):
        labelled(listing("2", "0"), ["a", "b", "c"], False, "t.csv")
    with pytest.raises(BadDataError, match="'id1' has the class '3'"):
        labelled(listing("2", "3"), ["a", "b", "c"], True, "t.csv")


def test_a_fraction_takes_its_share_of_each_class():
    train, val = split_off(split_of([0] * 23 + [1] * 7 + [2] * 2), 0.2, seed=5)
    np.testing.assert_array_equal(np.bincount(val.labels), [5, 1, 1])
    np.testing.assert_array_equal(np.bincount(train.labels), [18, 6, 1])
    assert sorted(train.ids + val.ids) == [f"{i:03d}" for i in range(32)]


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    groups=st.lists(st.integers(0, 12), min_size=60, max_size=60),
    fraction=st.floats(0.05, 0.9),
    seed=st.integers(0, 9),
)
def test_groups_are_never_torn_and_every_class_can_be_learnt(labels, groups, fraction, seed):
    names = tuple(f"g{group}" for group in groups[: len(labels)])
    whole = split_of(labels, names)
    if (np.bincount(labels) == 1).any():
        with pytest.raises(InvalidOptionError, match="has one image"):
            split_off(whole, fraction, seed)
        return
    left = [{label for label, name in zip(labels, names, strict=True) if name != one} for one in set(names)]
    if set(labels) not in left:
        with pytest.raises(BadDataError, match="without any of its .* groups.* a class would have none left"):
            split_off(whole, fraction, seed)
        return
    train, val = split_off(whole, fraction, seed)
    assert len(val.ids)
    assert not set(train.groups) & set(val.groups)
    assert set(train.labels) == set(labels)
    assert sorted(train.ids + val.ids) == sorted(whole.ids)


def test_a_class_of_two_large_groups_gives_the_smaller_to_val():
    labels = [0] * 40 + [1] * 20
    groups = tuple([f"a{i // 4}" for i in range(40)] + ["large"] * 13 + ["small"] * 7)
    train, val = split_off(split_of(labels, groups), 0.15, seed=0)
    assert {group for group in val.groups if not group.startswith("a")} == {"small"}
    assert 4 <= (val.labels == 0).sum() <= 8
    assert "large" in train.groups


def test_groups_of_whole_classes_leave_nothing_to_take():
    with pytest.raises(BadDataError, match=r"without any of its 2 groups, as 'a' with .*Correct --group-from"):
        split_off(split_of([0] * 5 + [1] * 3, tuple("aaaaabbb")), 0.2, seed=0)


def test_groups_in_two_splits_are_named():
    splits = {"train": split_of([0, 1], ("x", "y")), "val": split_of([0], ("y",)), "test": split_of([0])}
    assert straddling(DataSet(("a", "b"), splits)) == ("y",)


def test_the_fingerprint_sees_ids_bytes_labels_and_groups_but_not_the_order():
    split = Split(("a", "b"), (), np.array([0, 1]))
    swapped = Split(("b", "a"), (), np.array([1, 0]))
    classes = ("x", "y")
    mark = fingerprint(split, ["1", "2"], classes)
    assert mark == fingerprint(swapped, ["2", "1"], classes)
    assert mark != fingerprint(split, ["2", "1"], classes)
    assert mark != fingerprint(Split(("a", "b"), (), np.array([1, 1])), ["1", "2"], classes)
    assert mark != fingerprint(Split(("a", "b"), (), np.array([0, 1]), ("g", "g")), ["1", "2"], classes)
