import numpy as np
import pytest

from ensemble_kit.ensembling.evaluation.cross_fitting import repeats_of, splits
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.errors import BadDataError

IMAGES = 101


def test_folds_are_those_of_the_honest_estimate_and_each_image_is_held_out_once_a_repeat() -> None:
    ids, labels = [f"{row:03d}" for row in range(IMAGES)], np.arange(IMAGES) % 7
    groups = [f"sign-{row // 3}" for row in range(IMAGES)]
    for names in (None, groups):
        times = np.zeros((4, IMAGES), int)
        for repeat, seen, held in splits(ids, labels, names):
            times[repeat, held] += 1
            assert sorted([*seen, *held]) == list(range(IMAGES))
            fold = fold_of(ids, labels, names, repeat=repeat + 1)
            assert len(set(fold[held])) == 1
            assert not set(fold[held]) & set(fold[seen])
        assert (times == 1).all()


def test_many_images_need_one_repeat() -> None:
    assert (repeats_of(4999), repeats_of(5000)) == (4, 1)


def test_without_images_nothing_can_be_held_out() -> None:
    with pytest.raises(BadDataError, match="Wanted labelled images"):
        next(splits([], np.zeros(0, int), None))
