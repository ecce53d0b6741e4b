import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.ensembling.statistics.folds import fold_of

LABELS = np.repeat([0, 1, 2], [43, 29, 11])
IDS = [f"{place * 37 % 83:03d}.png" for place in range(len(LABELS))]


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(len(IDS))), st.booleans())
def test_row_order_does_not_matter(order: list[int], grouped: bool) -> None:
    groups = [f"g{place % 17}" for place in range(len(IDS))] if grouped else None
    fold = fold_of(IDS, LABELS, groups)
    moved = fold_of(
        [IDS[row] for row in order], LABELS[order], None if groups is None else [groups[row] for row in order]
    )
    np.testing.assert_array_equal(moved, fold[order])


def test_every_class_is_spread_evenly() -> None:
    fold = fold_of(IDS, LABELS)
    for label in range(3):
        counts = np.bincount(fold[label == LABELS], minlength=5)
        assert counts.max() - counts.min() <= 1
    counts = np.bincount(fold, minlength=5)
    assert counts.max() - counts.min() <= 1


def test_groups_stay_whole_and_folds_stay_balanced() -> None:
    groups = [f"g{place % 17}" for place in range(len(IDS))]
    fold = fold_of(IDS, LABELS, groups)
    for group in set(groups):
        assert len({fold[place] for place in range(len(IDS)) if groups[place] == group}) == 1
    assert np.bincount(fold, minlength=5).min() >= 10


def test_rare_classes_are_dealt_out_together() -> None:
    labels = np.array([0] * 20 + [1, 1, 2, 2, 3])
    fold = fold_of([str(place) for place in range(25)], labels)
    assert np.bincount(fold, minlength=5).tolist() == [5] * 5
    assert sorted(fold[20:].tolist()) == [0, 1, 2, 3, 4]


def test_another_repeat_is_another_split_and_the_same_repeat_the_same() -> None:
    np.testing.assert_array_equal(fold_of(IDS, LABELS, repeat=1), fold_of(IDS, LABELS, repeat=1))
    assert (fold_of(IDS, LABELS, repeat=1) != fold_of(IDS, LABELS, repeat=2)).any()


def test_other_ids_fall_into_other_folds() -> None:
    assert (fold_of(IDS, LABELS) != fold_of([f"x{name}" for name in IDS], LABELS)).any()


@pytest.mark.parametrize("images", [0, 1, 3])
def test_fewer_images_than_folds_are_held_out_one_by_one(images: int) -> None:
    fold = fold_of([str(place) for place in range(images)], np.zeros(images, dtype=np.int64))
    assert len(set(fold.tolist())) == images


def test_odd_ids_are_no_obstacle() -> None:
    ids = ["a\udce9", "\u00e9", "e\u0301", "", "a\nb"]
    assert sorted(fold_of(ids, np.zeros(5, dtype=np.int64)).tolist()) == [0, 1, 2, 3, 4]
