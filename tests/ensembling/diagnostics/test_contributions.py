from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.ensembling.diagnostics.contributions import contributions
from ensemble_kit.ensembling.evaluation.cross_fitting import cross_fit
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.errors import BadDataError


@pytest.mark.parametrize("method", ["logit-sum", "majority-vote"])
def test_contributions_sum_to_the_honest_gain_over_guessing(draw_pool, method: str) -> None:
    pool = draw_pool([0.5, 1.5, 2.5], views=2, images=151)

    def procedure(part):
        return tune(part, method, "auto", ["auto"] * 3)

    found = contributions(pool, procedure, repeats=2)
    honest = cross_fit(pool, {"it": procedure}, repeats=2)["it"].accuracy
    guess = np.bincount(pool.labels).max() / 151
    assert found.exact
    assert found.values.sum() == pytest.approx(honest - guess, abs=1e-9)
    assert found.values.argmax() == 2


def test_a_member_without_weight_adds_nothing(draw_pool) -> None:
    pool = draw_pool([2.0, 2.0, 2.0])
    found = contributions(pool, lambda part: tune(part, "logit-sum", {"member-1": 1}, ["none"] * 3), repeats=1)
    assert found.values[[0, 2]].tolist() == [0.0, 0.0]
    assert found.values[1] > 0.3


def test_many_members_are_sampled_and_the_sum_still_holds(draw_pool) -> None:
    pool = draw_pool([1.0, 1.5, 2.0, 2.5])

    def procedure(part):
        return tune(part, "prob-mean", "equal", ["none"] * 4)

    exact, sampled = (contributions(pool, procedure, repeats=1, exact_to=to) for to in (8, 3))
    assert not sampled.exact
    assert sampled.values.sum() == pytest.approx(exact.values.sum(), abs=1e-9)
    assert (np.abs(sampled.values - exact.values) <= 5 * sampled.standard_errors + 1e-9).all()


def test_a_pool_without_labels_has_nothing_to_contribute_to(draw_pool) -> None:
    with pytest.raises(BadDataError, match="labelled images for an honest estimate"):
        contributions(replace(draw_pool([1.0]), labels=None), lambda part: tune(part, "logit-sum", "equal", ["none"]))
