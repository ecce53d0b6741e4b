from functools import partial

import numpy as np
import pytest
from scipy.stats import binomtest, nct, norm, t, ttest_rel

from ensemble_kit.ensembling.evaluation.compare import compare_scored
from ensemble_kit.ensembling.evaluation.cross_fitting import cross_fit
from ensemble_kit.ensembling.evaluation.scored import Scored, evaluate
from ensemble_kit.ensembling.statistics.intervals import accuracy_interval
from ensemble_kit.ensembling.statistics.paired_tests import smallest_resolvable
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.errors import InvalidOptionError, MisalignedError, UnknownNameError

IMAGES, CLASSES = 103, 7


def two(seed: int, repeats: int = 1, images: int = IMAGES, quality: float = 0.8) -> tuple[Scored, Scored]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=images)
    sides = []
    for _ in range(2):
        right = random.random((repeats, images)) < quality
        predicted = np.where(right, labels, (labels + random.integers(1, CLASSES, size=(repeats, images))) % CLASSES)
        sides.append(Scored(predicted, np.log(random.uniform(0.2, 1, size=(repeats, images))), labels))
    return sides[0], sides[1]


def test_single_repeats_are_compared_as_by_hand() -> None:
    first, second = two(0)
    found = compare_scored(first, second, "accuracy")
    right, other = first.correct[0], second.correct[0]
    assert (found.only_first, found.only_second) == ((right & ~other).sum(), (other & ~right).sum())
    assert found.test == "exact McNemar"
    discordant = int(found.only_first + found.only_second)
    assert found.p == pytest.approx(binomtest(int(found.only_first), discordant).pvalue, rel=1e-9)
    assert found.difference == pytest.approx(right.mean() - other.mean())
    assert found.interval[0] < found.difference < found.interval[1]
    assert (found.first_interval, found.second_interval) == (accuracy_interval(right), accuracy_interval(other))
    assert found.resolvable == smallest_resolvable(discordant / IMAGES, IMAGES)


def test_repeats_that_agree_are_one_and_others_are_averaged() -> None:
    first, second = two(1)
    thrice = [Scored(np.tile(side.predicted, (3, 1)), None, side.labels) for side in (first, second)]
    assert compare_scored(*thrice, "accuracy") == compare_scored(first, second, "accuracy")
    first, second = two(1, repeats=3)
    found = compare_scored(first, second, "accuracy")
    alone = [
        compare_scored(*(Scored(side.predicted[[row]], None, side.labels) for side in (first, second)), "accuracy")
        for row in range(3)
    ]
    assert found.test == "exact McNemar, mean of 3 repeats"
    for field in ("p", "difference", "only_first", "only_second"):
        assert getattr(found, field) == pytest.approx(np.mean([getattr(one, field) for one in alone]))
    assert found.difference == pytest.approx(first.accuracy - second.accuracy)


def test_groups_count_whole() -> None:
    first, second = two(2, images=29)
    copies = [
        Scored(np.repeat(side.predicted, 13, axis=1), None, np.repeat(side.labels, 13)) for side in (first, second)
    ]
    groups = [f"g{place:02d}" for place in np.repeat(np.arange(29), 13)]
    alone = compare_scored(first, second, "accuracy")
    grouped = compare_scored(*copies, "accuracy", groups)
    fooled = compare_scored(*copies, "accuracy")
    assert grouped.test == "exact sign flips of 29 groups"
    assert grouped.p == pytest.approx(alone.p)
    assert fooled.p < grouped.p
    width = np.diff(grouped.interval)[0]
    assert width == pytest.approx(np.diff(alone.interval)[0], rel=0.12)
    assert width > 2 * np.diff(fooled.interval)[0]
    assert grouped.resolvable == pytest.approx(alone.resolvable, rel=0.15)


@pytest.mark.parametrize("metric", ["balanced-accuracy", "macro-f1", "log-loss"])
def test_other_metrics_are_compared_by_a_t_test(metric: str) -> None:
    first, second = two(3, images=53, quality=0.4)
    better = Scored(np.where(np.arange(53) % 3, first.labels, first.predicted), first.log_prob + 0.5, first.labels)
    found = compare_scored(better, second, metric)
    assert found.difference == pytest.approx(better.score(metric) - second.score(metric))
    assert found.first_interval == better.score_interval(metric)
    assert found.interval[0] < found.difference < found.interval[1]
    assert found.test == "paired t test"
    assert found.p < 0.001
    assert found.resolvable == pytest.approx(2.8 * np.diff(found.interval)[0] / 4.01, rel=0.02)
    power = nct.sf(t.ppf(0.975, 52), 52, found.resolvable / (np.diff(found.interval)[0] / 2 / t.ppf(0.975, 52)))
    assert power == pytest.approx(0.8, abs=0.002)
    assert compare_scored(first, first, metric).p == 1.0
    assert found.only_first is None


def test_log_losses_are_compared_as_scipy_compares_them() -> None:
    first, second = two(9)
    found, expected = compare_scored(first, second, "log-loss"), ttest_rel(-first.log_prob[0], -second.log_prob[0])
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "macro-f1", "log-loss"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("pseudo_share", [None, 0.1])
def test_two_that_are_alike_everywhere_may_differ_on_what_the_images_cannot_exclude(
    metric: str, grouped: bool, pseudo_share: float | None
) -> None:
    labels = np.arange(300) % 5
    one = Scored(labels[None], np.log(np.random.default_rng(0).uniform(0.2, 1, size=(1, 300))), labels)
    found = compare_scored(one, one, metric, [f"g{row % 30}" for row in range(300)] if grouped else None, pseudo_share)
    low, high = found.interval
    unit = one.log_prob.std() if metric == "log-loss" else 1.0
    assert -low == pytest.approx(high)
    assert high >= (1 - 0.05 ** (1 / 300)) * unit - 1e-12  # exact, of 0 in 300; about 3 / 300
    assert high <= 3.2 / 300 * unit
    assert found.resolvable >= high  # what cannot be excluded cannot be found either


def test_losses_that_do_not_vary_exclude_no_mistake() -> None:
    labels, certain = np.arange(60) % 3, np.log(0.98)
    one = Scored(labels[None], np.full((1, 60), certain), labels)
    low, high = compare_scored(one, one, "log-loss").interval
    assert high == pytest.approx((1 - 0.05 ** (1 / 60)) * -np.log(0.02))  # a mistake costs ln 50; 3 of 60 may be one
    assert low == -high
    unsure = Scored(labels[None], np.full((1, 60), np.log(1 / 7)), labels)
    for groups in (None, ["ab"[row % 2] for row in range(60)]):
        low, high = compare_scored(one, unsure, "log-loss", groups).interval
        assert low < -np.log(0.98 * 7) < high  # the same difference everywhere is not certain either
        assert high - low > 0.2


def test_of_one_group_a_difference_may_be_anything() -> None:
    first, second = two(10)
    for metric, most in (("accuracy", 1.0), ("macro-f1", 1.0), ("log-loss", 52 * np.log(2))):
        found = compare_scored(first, second, metric, ["a"] * IMAGES)
        assert (found.interval, found.p) == ((-most, most), 1.0)
        assert found.first_interval == (0.0, most)


def test_accuracy_in_another_dress_agrees_with_mcnemar() -> None:
    first, second = two(4, images=140)
    labels = np.arange(140) % CLASSES  # all classes alike large: balanced accuracy is accuracy
    first, second = (
        Scored((side.predicted + labels - side.labels) % CLASSES, None, labels) for side in (first, second)
    )
    exact = compare_scored(first, second, "accuracy")
    swapped = compare_scored(first, second, "balanced-accuracy")
    assert swapped.difference == pytest.approx(exact.difference)
    chance = exact.only_first + exact.only_second + 2  # McNemar's normal law, and one pseudo-image a side
    assert swapped.p == pytest.approx(2 * norm.sf(140 * abs(exact.difference) / np.sqrt(chance)), abs=0.02)
    assert swapped.interval == pytest.approx(exact.interval, abs=0.02)


@pytest.mark.parametrize("groups", [2, 5, 6])
def test_of_fewer_than_six_groups_no_difference_of_accuracies_can_be_found(groups: int) -> None:
    labels = np.zeros(60, dtype=np.int64)
    right, wrong = Scored(labels[None], None, labels), Scored(labels[None] + 1, None, labels)
    found = compare_scored(right, wrong, "accuracy", [f"g{row % groups}" for row in range(60)])
    assert found.p == 2 / 2**groups  # all right against all wrong
    assert (found.resolvable == 1.0) == (found.p > 0.05)


def test_tests_of_groups_are_named() -> None:
    first, second = two(5, images=29)
    found = compare_scored(first, second, "log-loss", [f"g{place % 5}" for place in range(29)])
    assert found.test == "paired t test of 5 groups"
    assert 0 < found.p <= 1


def test_two_that_were_evaluated_on_other_images_or_repeats_are_refused() -> None:
    first, second = two(6)
    with pytest.raises(MisalignedError, match="same images in the same order"):
        compare_scored(first, Scored(second.predicted, None, (second.labels + 1) % CLASSES), "accuracy")
    with pytest.raises(MisalignedError, match=r"got \(1, 103\) and \(2, 103\)"):
        compare_scored(first, Scored(np.tile(second.predicted, (2, 1)), None, second.labels), "accuracy")


def test_votes_have_no_log_loss_to_compare_and_unknown_metrics_no_name() -> None:
    first, second = two(7)
    with pytest.raises(InvalidOptionError, match="votes are none"):
        compare_scored(first, Scored(second.predicted, None, second.labels), "log-loss")
    with pytest.raises(UnknownNameError, match="No metric is named 'acuracy'; did you mean 'accuracy'"):
        compare_scored(first, second, "acuracy")


def significant_shares(draw_pool, seeds: int, members: int) -> tuple[float, float]:
    """How often greedy on pure noise looks better than equal weights, on tuned rows and cross-fitted."""
    tuned = honest = 0
    for seed in range(seeds):
        pool = draw_pool([0.0] * members, images=300, classes=10, seed=seed, shared=0.0)
        ways = {
            way: partial(tune, method="logit-sum", weights=way, view_choices=["none"] * members)
            for way in ("greedy", "equal")
        }
        seen = [evaluate(pool, ways[way](pool)) for way in ("greedy", "equal")]
        cross_fitted = cross_fit(pool, ways, repeats=2)
        tuned += compare_scored(*seen, "accuracy").p < 0.05
        honest += compare_scored(cross_fitted["greedy"], cross_fitted["equal"], "accuracy").p < 0.05
    return tuned / seeds, honest / seeds


@pytest.mark.slow
def test_noise_that_looks_significant_on_tuned_rows_does_not_where_it_is_cross_fitted(draw_pool) -> None:
    tuned, honest = significant_shares(draw_pool, seeds=20, members=16)
    assert tuned > 0.5
    assert honest <= 0.1  # 5 of 100 in the long run at most; 20 seeds allow two


def test_two_that_are_equally_good_are_rarely_told_apart() -> None:
    significant = held = 0
    for seed in range(300):
        found = compare_scored(*two(seed, images=300), "accuracy")
        significant += found.p < 0.05
        held += found.interval[0] <= 0 <= found.interval[1]
    assert significant <= 24  # at most 15 of 300 in the long run; more than 24 in one of 100 runs
    assert held >= 275  # 285 in the long run


def test_two_that_mostly_decide_alike_have_an_interval_hardly_wider_than_walds() -> None:
    labels = np.zeros(300, dtype=np.int64)
    first, second = (np.repeat([1, 0], [wrong, 300 - wrong])[None] for wrong in (3, 0))
    found = compare_scored(Scored(first, None, labels), Scored(second, None, labels), "accuracy", None, 0.1)
    low, high = found.interval
    wald = 1.959964 * np.sqrt(3 - 9 / 300) / 300
    assert wald < (high - low) / 2 < 1.1 * wald
