import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn import metrics

from ensemble_kit.ensembling.combining.apply import probabilities
from ensemble_kit.ensembling.evaluation.scored import Scored, evaluate
from ensemble_kit.ensembling.statistics.intervals import accuracy_interval
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.errors import BadDataError, InvalidOptionError, UnknownNameError

REPEATS, IMAGES, CLASSES = 3, 53, 7
RANDOM = np.random.default_rng(0)
LABELS = np.r_[np.arange(CLASSES), RANDOM.integers(CLASSES, size=IMAGES - CLASSES)]
PREDICTED = np.where(RANDOM.random((REPEATS, IMAGES)) < 0.7, LABELS, RANDOM.integers(CLASSES, size=(REPEATS, IMAGES)))
LOG_PROB = np.log(RANDOM.uniform(0.05, 1, size=(REPEATS, IMAGES)))
GROUPS = tuple(f"g{place % 11}" for place in range(IMAGES))
JUDGED = Scored(PREDICTED, LOG_PROB, LABELS)


def test_accuracy_and_its_interval_are_means_over_repeats() -> None:
    correct = PREDICTED == LABELS
    assert JUDGED.accuracy == JUDGED.score("accuracy") == pytest.approx(correct.mean())
    assert JUDGED.interval() == JUDGED.score_interval("accuracy") == accuracy_interval(correct.mean(axis=0))
    assert JUDGED.score_interval("accuracy", GROUPS) == accuracy_interval(correct.mean(axis=0), GROUPS)


def test_a_metric_is_measured_on_each_repeat_and_averaged() -> None:
    each = [metrics.f1_score(LABELS, row, average="macro") for row in PREDICTED]
    assert JUDGED.score("macro-f1") == pytest.approx(np.mean(each))
    each = [metrics.balanced_accuracy_score(LABELS, row) for row in PREDICTED]
    assert JUDGED.score("balanced-accuracy") == pytest.approx(np.mean(each))
    assert JUDGED.score("log-loss") == pytest.approx(-LOG_PROB.mean())


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    low, high = JUDGED.score_interval("log-loss")
    mean = LOG_PROB.mean(axis=0)
    assert low < JUDGED.score("log-loss") < high
    assert np.sqrt(low * high) == pytest.approx(JUDGED.score("log-loss"))
    once = Scored(PREDICTED[:1], mean[None], LABELS).score_interval("log-loss")
    interval = ttest_1samp(-mean, 0).confidence_interval()
    relative = interval.high / -mean.mean() - 1  # of the logarithm
    assert np.log(once) == pytest.approx([np.log(-mean.mean()) - relative, np.log(-mean.mean()) + relative])
    assert high / low > once[1] / once[0]  # what the repeats differ by


def test_intervals_of_losses_of_which_few_are_large_hold_the_truth() -> None:
    random, fewer, below, above = np.random.default_rng(0), 0, 0, 0
    for _ in range(1000):
        losses = random.exponential(size=60) ** 2  # of mean 2
        low, high = Scored(np.zeros((1, 60), int), -losses[None], np.zeros(60, int)).score_interval("log-loss")
        below, above, fewer = below + (high < 2), above + (low > 2), fewer + (ttest_1samp(losses, 2).pvalue < 0.05)
    assert below + above < 100 < fewer  # Student's t on the losses themselves misses more
    assert max(below, above) < 80


def test_losses_that_do_not_vary_or_cannot_be_told_have_an_interval_all_the_same() -> None:
    nothing = Scored(np.zeros((1, 7), int), np.zeros((1, 7)), np.zeros(7, int))
    assert nothing.score_interval("log-loss") == (0.0, 0.0)
    lone = Scored(PREDICTED, LOG_PROB, LABELS).score_interval("log-loss", ["one"] * IMAGES)
    assert lone[0] == 0.0
    assert lone[1] >= -LOG_PROB.min()
    certain = Scored(LABELS[None], np.zeros((1, IMAGES)), LABELS)
    assert certain.score_interval("log-loss", ["one"] * IMAGES) == lone


def test_groups_count_whole() -> None:
    labels, groups = np.repeat(LABELS, 13), [f"g{place:02d}" for place in np.repeat(np.arange(IMAGES), 13)]
    repeated = Scored(np.repeat(PREDICTED, 13, axis=1), np.repeat(LOG_PROB, 13, axis=1), labels)
    alone, grouped = JUDGED.score_interval("log-loss"), repeated.score_interval("log-loss", groups)
    assert grouped == pytest.approx(alone)
    narrow, wide = repeated.score_interval("macro-f1"), repeated.score_interval("macro-f1", groups)
    assert wide[1] - wide[0] > 2.5 * (narrow[1] - narrow[0])


def test_a_class_with_all_of_few_right_is_not_certain() -> None:
    labels = np.repeat([0, 1], [98, 2])
    predicted = np.where(np.arange(100) < 10, 1 - labels, labels)[None]  # 88 of 98, and 2 of 2
    for metric in ("balanced-accuracy", "macro-f1"):
        low, high = Scored(predicted, None, labels).score_interval(metric)
        assert low < 0.8  # 1 of 2, or .75, would not surprise
        assert high > Scored(predicted, None, labels).score(metric)
    low, high = Scored(labels[None], None, labels).score_interval("balanced-accuracy")
    assert low < 0.9 < high == 1.0


@pytest.mark.parametrize("metric", ["balanced-accuracy", "macro-f1"])
def test_intervals_of_rare_classes_hold_the_truth(metric: str) -> None:
    random, shares = np.random.default_rng(0), np.array([0.5, 0.3, 0.15, 0.04, 0.01])
    matrix = np.full((5, 5), 0.05) + 0.75 * np.eye(5)  # P(predicted | label)

    def drawn(images: int) -> Scored:
        labels = random.choice(5, size=images, p=shares)
        predicted = (matrix.cumsum(axis=1)[labels] < random.random((images, 1))).sum(axis=1)
        return Scored(predicted[None], None, labels)

    truth, held = drawn(400_000).score(metric), 0
    for _ in range(400):
        low, high = drawn(300).score_interval(metric)
        held += low <= truth <= high
    assert 0.93 <= held / 400 <= 0.99


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "macro-f1", "log-loss"])
def test_row_order_does_not_matter(metric: str) -> None:
    order = RANDOM.permutation(IMAGES)
    moved = Scored(PREDICTED[:, order], LOG_PROB[:, order], LABELS[order])
    expected = JUDGED.score_interval(metric, GROUPS)
    assert moved.score_interval(metric, [GROUPS[row] for row in order]) == pytest.approx(expected, abs=1e-12)


def test_a_blend_is_evaluated_once_on_all_rows(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0])
    scored = evaluate(pool, tune(pool, "logit-sum", "equal", ["none"] * 2))
    assert scored.predicted.shape == scored.log_prob.shape == (1, 101)
    votes = evaluate(pool, tune(pool, "majority-vote", "equal", ["none"] * 2))
    assert votes.log_prob is None
    with pytest.raises(InvalidOptionError, match="log-loss needs probabilities; votes are none"):
        votes.score("log-loss")
    with pytest.raises(UnknownNameError, match="No metric is named 'f1'"):
        votes.score("f1")


def test_without_labels_nothing_is_evaluated(draw_pool) -> None:
    pool = draw_pool([1.0])
    tuned = tune(pool, "logit-sum", "equal", ["none"])
    with pytest.raises(BadDataError, match="labelled images to evaluate on, got 101 without labels"):
        evaluate(replace(pool, labels=None), tuned)


def test_calibration_is_what_probabilities_by_hand_give(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0])
    tuned = tune(pool, "prob-mean", "equal", ["none"] * 2)
    chances = probabilities(pool, tuned)
    found = evaluate(pool, tuned).calibration()
    assert found is not None
    top, right = chances.max(axis=1), chances.argmax(axis=1) == pool.labels
    edges = np.linspace(0, 1, 16)
    bins = [(top > low) & (top <= high) for low, high in itertools.pairwise(edges)]
    expected = sum(abs(top[each].sum() - right[each].sum()) for each in bins) / len(right)
    assert found.ece == pytest.approx(expected, rel=1e-9)
    assert found.brier == pytest.approx(((chances - np.eye(CLASSES)[pool.labels]) ** 2).sum(axis=1).mean(), rel=1e-9)
    assert found.log_loss == pytest.approx(metrics.log_loss(pool.labels, chances, labels=range(CLASSES)), rel=1e-9)


def test_votes_have_no_calibration(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0])
    assert evaluate(pool, tune(pool, "majority-vote", "equal", ["none"] * 2)).calibration() is None
    assert JUDGED.calibration() is None
