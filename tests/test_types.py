"""Members meet by image id and class name, or not at all."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.errors import MisalignedError
from ensemble_kit.types import Predictions, align, are_distinct

RNG = np.random.default_rng(0)
IDS = tuple(f"{i:04d}.png" for i in range(7))
CLASSES = ("ada", "bolt", "cleo", "dot", "eli")


def member(name: str, views: int = 3) -> Predictions:
    return Predictions(
        member=name,
        split="val",
        views=tuple(["identity", "hflip", "vflip"][:views]),
        ids=IDS,
        classes=CLASSES,
        logits=RNG.normal(size=(views, 7, 5)),
        labels=np.arange(7) % 5,
        groups=tuple("aabbccc"),
    )


def test_rows_and_classes_in_another_order_are_put_in_place_by_name():
    first, other = member("a"), member("b", views=2)
    rows, columns = RNG.permutation(7), RNG.permutation(5)
    back = np.argsort(columns)
    shuffled = replace(
        other,
        ids=tuple(IDS[i] for i in rows),
        classes=tuple(CLASSES[i] for i in columns),
        logits=other.logits[:, rows][:, :, columns],
        labels=back[other.labels[rows]],
        groups=tuple(other.groups[i] for i in rows),
    )
    pool = align([first, shuffled])
    np.testing.assert_array_equal(pool.logits[1], other.logits)
    np.testing.assert_array_equal(pool.labels, other.labels)
    assert pool.groups == other.groups
    assert pool.ids == IDS
    assert pool.classes == CLASSES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {
                "ids": IDS[:-1],
                "logits": np.zeros((3, 6, 5)),
                "labels": np.arange(6) % 5,
                "groups": tuple("aabbcc"),
            },
            "'b' has 6 val images, 'a' has 7; first missing image id: '0006.png'",
        ),
        ({"ids": (*IDS[:-1], "x.png")}, "first missing image id: '0006.png'; first extra image id: 'x.png'"),
        ({"classes": (*CLASSES[:-1], "zed")}, "first missing class: 'eli'; first extra class: 'zed'"),
        (
            {"classes": (*CLASSES[:-1], "e\u0301"), "ids": IDS},
            r"first missing class: 'eli'; first extra class: 'e\\u0301'",
        ),
        ({"split": "test"}, "brings its test logits"),
        ({"labels": None}, "member 'b' has no val labels"),
        (
            {"labels": np.array([0, 1, 2, 3, 4, 0, 2])},
            "disagree about 1 val labels; first: '0006.png' is 'cleo' in 'b' and 'bolt' in 'a'",
        ),
        ({"groups": tuple("aabbccd")}, "disagree about groups; first: '0006.png' is in 'd' and in 'c'"),
        ({"member": "a"}, "'a' was named twice"),
    ],
)
def test_anything_else_is_an_error_that_names_the_difference(change, message):
    with pytest.raises(MisalignedError, match=message):
        align([member("a"), replace(member("b"), **change)])


def test_a_doubled_id_or_class_is_refused_even_for_a_lone_member():
    with pytest.raises(MisalignedError, match="'a' has the image id '0002.png' twice on val"):
        align([replace(member("a"), ids=(*IDS[:-1], IDS[2]))])
    with pytest.raises(MisalignedError, match="'a' has the class 'bolt' twice on val"):
        align([replace(member("a"), classes=(*CLASSES[:-1], "bolt"))])


def test_groups_known_to_one_member_hold_for_the_pool():
    bare = replace(member("a"), groups=None)
    assert align([bare, member("b")]).groups == align([member("b"), bare]).groups == tuple("aabbccc")


def test_nothing_to_align_is_an_error():
    with pytest.raises(MisalignedError, match="at least one member"):
        align([])


def test_some_rows_of_a_pool_keep_everything_together():
    pool = align([member("a"), member("b", views=2)])
    some = pool.rows(np.array([5, 1]))
    assert some.ids == ("0005.png", "0001.png")
    np.testing.assert_array_equal(some.labels, [0, 1])
    np.testing.assert_array_equal(some.logits[1], pool.logits[1][:, [5, 1]])
    assert some.groups == ("c", "a")


def test_the_first_name_that_comes_again_is_named():
    with pytest.raises(MisalignedError, match="'a' has the image id '0003.png' twice"):
        align([replace(member("a"), ids=(IDS[0], IDS[1], IDS[3], IDS[3], IDS[4], IDS[1], IDS[0]))])


@pytest.mark.parametrize(
    ("names", "distinct"),
    [("", True), ("a", True), ("abc", True), ("cab", True), ("aab", False), ("abb", False), ("bab", False)],
)
def test_names_are_distinct_whatever_their_order(names, distinct):
    assert are_distinct(tuple(names)) is distinct
    assert are_distinct(list(names)) is distinct


def test_ids_that_members_share_are_gone_through_once():
    class Watched(tuple):
        times = 0

        def __iter__(self):
            Watched.times += 1
            return super().__iter__()

    shared = Watched(IDS)
    pool = align([replace(member(name), ids=shared) for name in "abcde"])
    assert Watched.times == 1
    assert pool.ids is shared
    equal = [replace(member(name), ids=(*IDS,)) for name in "ab"]
    assert align(equal).ids == IDS
