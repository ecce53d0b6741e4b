from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.ensembling.combining.apply import predict, probabilities
from ensemble_kit.ensembling.evaluation.cross_fitting import cross_fit, optimism, splits
from ensemble_kit.ensembling.evaluation.scored import Scored
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.ensembling.tuning.tune import best_single
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.metrics.scores import accuracy
from ensemble_kit.types import Pool, Tuned


def auto(pool: Pool) -> Tuned:
    return tune(pool, "logit-sum", "auto", ["auto"] * len(pool.members))


def greedy(pool: Pool) -> Tuned:
    return tune(pool, "logit-sum", "greedy", ["none"] * len(pool.members))


def votes(pool: Pool) -> Tuned:
    return tune(pool, "majority-vote", "equal", ["none"] * len(pool.members))


def single(pool: Pool) -> Tuned:
    return best_single(pool, "prob-mean", ["none"] * len(pool.members))


def test_every_image_is_scored_by_numbers_that_never_saw_it(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0], images=83)
    seen: list[set[str]] = []

    def spying(part: Pool) -> Tuned:
        seen.append(set(part.ids))
        return auto(part)

    cross_fit(pool, {"spying": spying}, folds=5, repeats=2)
    assert len(seen) == 10
    for repeat in (seen[:5], seen[5:]):
        cross_fitted = [set(pool.ids) - ids for ids in repeat]
        assert sum(len(ids) for ids in cross_fitted) == 83
        assert set().union(*cross_fitted) == set(pool.ids)


def test_cross_fitting_is_the_loop_written_by_hand(draw_pool) -> None:
    pool: Pool = draw_pool([1.0, 1.5, 2.0], views=2, images=97)
    found = cross_fit(pool, {"auto": auto, "single": single}, folds=3, repeats=2)
    for name, procedure in (("auto", auto), ("single", single)):
        for repeat in range(2):
            fold = fold_of(pool.ids, pool.labels, None, 3, repeat=repeat + 1)
            for held in range(3):
                rows = np.flatnonzero(fold == held)
                tuned = procedure(pool.rows(np.flatnonzero(fold != held)))
                cross_fitted = pool.rows(rows)
                np.testing.assert_array_equal(
                    found[name].correct[repeat, rows], predict(cross_fitted, tuned) == pool.labels[rows]
                )
                at_label = probabilities(cross_fitted, tuned)[np.arange(len(rows)), pool.labels[rows]]
                np.testing.assert_allclose(found[name].log_prob[repeat, rows], np.log(at_label), rtol=1e-9)


def test_row_order_does_not_matter_to_the_last_bit(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0], views=2, images=97, groups=29)
    order = np.random.default_rng(0).permutation(97)
    plain = cross_fit(pool, {"auto": auto}, repeats=1)["auto"]
    moved = cross_fit(pool.rows(order), {"auto": auto}, repeats=1)["auto"]
    np.testing.assert_array_equal(moved.correct, plain.correct[:, order])
    np.testing.assert_array_equal(moved.log_prob, plain.log_prob[:, order])


def test_groups_are_never_on_both_sides(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0], images=97, groups=13)

    def checking(part: Pool) -> Tuned:
        outside = {group for image, group in zip(pool.ids, pool.groups, strict=True) if image not in set(part.ids)}
        assert not outside & set(part.groups)
        return votes(part)

    cross_fit(pool, {"checking": checking}, repeats=2)


def test_votes_have_no_log_probability(draw_pool) -> None:
    found = cross_fit(draw_pool([1.0, 2.0]), {"votes": votes, "auto": auto}, repeats=1)
    assert found["votes"].log_prob is None
    assert found["auto"].log_prob is not None


def test_optimism_is_tuned_minus_honest() -> None:
    half_right = Scored(np.array([[0, 1]]), None, np.array([0, 0]))
    assert optimism(0.9, half_right) == pytest.approx(0.4)


def test_members_of_pure_noise_look_good_on_tuned_rows_and_no_better_than_chance_honestly(draw_pool) -> None:
    gaps, honest = [], []
    for seed in range(5):
        pool = draw_pool([0.0] * 11, images=101, seed=seed, shared=0.0)
        found = cross_fit(pool, {"greedy": greedy}, repeats=1)["greedy"]
        gaps.append(optimism(accuracy(predict(pool, greedy(pool)), pool.labels), found))
        honest.append(found.accuracy)
    assert np.mean(gaps) > 0.08
    assert np.mean(honest) == pytest.approx(1 / 7, abs=0.05)


@pytest.mark.parametrize("images", [1, 3, 11])
def test_very_small_pools_are_estimated_too(draw_pool, images: int) -> None:
    pool = draw_pool([1.0, 2.0]).rows(np.arange(images))
    found = cross_fit(pool, {"auto": auto, "single": single})
    assert found["auto"].correct.shape == (4, images)
    assert 0 <= found["single"].accuracy <= 1


def test_a_pool_without_labels_or_images_is_refused(draw_pool) -> None:
    pool = draw_pool([1.0])
    with pytest.raises(BadDataError, match="labelled images for an honest estimate"):
        cross_fit(replace(pool, labels=None), {"auto": auto})
    with pytest.raises(BadDataError, match="labelled images for an honest estimate"):
        cross_fit(pool.rows(np.arange(0)), {"auto": auto})


@pytest.mark.parametrize(("folds", "repeats"), [(1, 4), (5, 0)])
def test_folds_and_repeats_are_checked(draw_pool, folds: int, repeats: int) -> None:
    with pytest.raises(InvalidOptionError, match="at least 2 folds and 1 repeat"):
        cross_fit(draw_pool([1.0]), {"auto": auto}, folds=folds, repeats=repeats)


@pytest.mark.parametrize("images", [50, 62])
def test_folds_fit_where_the_whole_does_however_few_they_see(draw_pool, images: int) -> None:
    pool = draw_pool([0.3, 3.0], images=images, classes=3)
    tuned: list[Tuned] = []

    def remembered(seen: Pool) -> Tuned:
        tuned.append(greedy(seen))
        return tuned[-1]

    cross_fit(pool, {"it": remembered})
    assert len(tuned) == 20
    assert min(each.weights[1] for each in tuned) > 0.5  # not equal weights, nor temperatures of 1
    assert all((each.temperatures != 1).all() for each in tuned)


def test_of_49_images_neither_the_whole_nor_a_fold_is_fitted(draw_pool) -> None:
    pool = draw_pool([0.3, 3.0], images=49, classes=3)
    for seen in (pool, pool.fold(np.arange(40))):
        found = greedy(seen)
        assert (found.weights.tolist(), found.temperatures.tolist()) == ([0.5, 0.5], [1.0, 1.0])


def test_one_group_is_held_out_image_by_image() -> None:
    ids, labels = [f"{row:02d}" for row in range(30)], np.arange(30) % 3
    assert [len(split.seen) for split in splits(ids, labels, ["a"] * 30)] == [24] * 20
