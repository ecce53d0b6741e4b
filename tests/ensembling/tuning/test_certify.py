import itertools

import numpy as np
import pytest

from ensemble_kit.ensembling.combining.apply import predict
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.ensembling.tuning.certify import prove
from ensemble_kit.ensembling.weights.evidence import Search
from ensemble_kit.ensembling.weights.member_selection import Limits
from ensemble_kit.types import Tuned


def right(pool, tuned: Tuned) -> int:
    return int((predict(pool, tuned) == pool.labels).sum())


@pytest.mark.parametrize("method", ["logit-sum", "prob-mean"])
def test_no_weights_on_a_fine_grid_beat_what_was_proven(draw_pool, method: str) -> None:
    pool = draw_pool([1.0, 1.5, 2.0], images=67)
    tuned = tune(pool, method, "equal", ["none"] * 3)
    found, certificate = prove(pool, tuned, ["none"] * 3, 20.0)
    assert right(pool, found) == certificate.best
    assert certificate.bound >= certificate.best >= right(pool, tuned)
    grid = [np.array([a, b, 40 - a - b]) / 40 for a, b in itertools.product(range(41), repeat=2) if a + b <= 40]
    fields = tuned.__dict__
    assert max(right(pool, Tuned(**{**fields, "weights": weights})) for weights in grid) <= certificate.bound


def test_a_blend_that_is_the_best_comes_back_as_it_was(draw_pool) -> None:
    pool = draw_pool([2.0, 2.5], images=67)
    tuned, _ = prove(pool, tune(pool, "logit-sum", "accuracy", ["none"] * 2), ["none"] * 2, 20.0)
    again, certificate = prove(pool, tuned, ["none"] * 2, 20.0)
    assert certificate.gap == 0
    np.testing.assert_array_equal(again.weights, tuned.weights)


def test_members_beyond_the_limits_get_no_weight(draw_pool) -> None:
    pool = draw_pool([0.3, 2.0, 2.5], images=67)
    limits = Limits(max_members=1)
    tuned = tune(pool, "logit-sum", "equal", ["none"] * 3, Search(limits=limits))
    found, _ = prove(pool, tuned, ["none"] * 3, 20.0, limits)
    assert np.count_nonzero(found.weights) == 1
