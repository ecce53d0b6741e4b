"""The course of the learning rate."""

import math
from itertools import pairwise

import pytest

from ensemble_kit.errors import UnknownNameError
from ensemble_kit.training.schedules import factor
from ensemble_kit.training.tables import SCHEDULES


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_warms_up_and_then_never_rises(name):
    course = [factor(name, step, 53, 7) for step in range(53)]
    assert course[:7] == pytest.approx([(step + 1) / 7 for step in range(7)])
    assert all(before >= after for before, after in pairwise(course[7:]))
    assert all(0 < value <= 1 for value in course)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_run_that_is_all_warm_up_ends_at_the_top(name):
    assert factor(name, 6, 7, 7) == 1.0


def test_cosine_follows_the_cosine_after_the_warm_up():
    assert factor("cosine", 3 + 11, 3 + 43, 3) == pytest.approx((1 + math.cos(math.pi * 11 / 43)) / 2)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(UnknownNameError, match="No schedule is named 'cosin'; did you mean 'cosine'"):
        factor("cosin", 0, 2, 0)
