from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from ensemble_kit.ensembling.evaluation.cross_fitting import as_tuned, cross_fit, cross_fit_one
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.types import Pool

IMAGES, CLASSES = 101, 5


def pool_of(members=3, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = tuple(
        1.2 * np.eye(CLASSES)[labels][None] + random.normal(size=(1, IMAGES, CLASSES)) for _ in range(members)
    )
    ids = tuple(f"{place:03d}" for place in random.permutation(IMAGES))
    classes = tuple("abcde")
    return Pool(
        tuple(f"m{place}" for place in range(members)), (("identity",),) * members, logits, ids, classes, labels
    )


def procedure(method):
    return lambda pool: tune(pool, method, "auto", ["none"] * len(pool.members))


@pytest.mark.parametrize("method", ["logit-sum", "prob-mean", "majority-vote"])
def test_it_is_evaluated_exactly_as_the_honest_estimate(method):
    pool = pool_of()
    found = cross_fit_one(pool, procedure(method), repeats=2)
    honest = cross_fit(pool, {"it": procedure(method)}, repeats=2)["it"]
    for name, values in vars(honest).items():
        ours = getattr(found.scored, name)
        assert (ours is None) if values is None else (ours == values).all(), name
    assert found.shares.sum(axis=1) == pytest.approx(np.ones(IMAGES))


def test_the_shares_of_numbers_that_never_change_are_the_softmax():
    pool = pool_of(members=1)
    found = cross_fit_one(pool, lambda seen: tune(pool, "prob-mean", {"m0": 1.0}, ["none"]), repeats=3)
    fixed = tune(pool, "prob-mean", {"m0": 1.0}, ["none"])
    wanted = softmax(pool.logits[0][0] / fixed.temperatures[0], axis=1)
    assert found.shares == pytest.approx(wanted)
    assert (found.winner == wanted.argmax(axis=1)).all()
    assert as_tuned(pool, fixed).shares == pytest.approx(wanted)


def test_the_winner_is_what_most_repeats_gave_then_what_has_the_larger_share():
    pool = pool_of(members=1)
    turns = iter(range(100))

    def fickle(seen):
        turn = next(turns) // 5  # the repeat
        tuned = tune(pool, "logit-sum", {"m0": 1.0}, ["none"])
        return replace(tuned, temperatures=np.array([[1.0], [0.2]][turn % 2]))

    found = cross_fit_one(pool, fickle, repeats=2)
    one, other = (softmax(pool.logits[0][0] / heat, axis=1) for heat in (1.0, 0.2))
    assert found.shares == pytest.approx((one + other) / 2)
    assert (found.winner == one.argmax(axis=1)).all()


def test_a_pool_with_fewer_classes_to_tune_on_is_evaluated_with_all_of_them():
    whole = pool_of(members=2)
    small = replace(
        whole,
        logits=tuple(logits[:, :, :3] for logits in whole.logits),
        classes=("x", "y", "z"),
        labels=whole.labels % 3,
    )
    found = cross_fit_one(small, lambda seen: tune(seen, "logit-sum", "equal", ["none"] * 2), 1, whole)
    assert found.shares.shape == (IMAGES, CLASSES)
    assert (found.scored.labels == whole.labels).all()
