import itertools
from dataclasses import replace

import numpy as np
import pytest
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
IDS = tuple(f"{place:03d}" for place in RANDOM.permutation(IMAGES))
GROUPS = tuple(f"g{place % 11}" for place in range(IMAGES))
JUDGED = Scored(PREDICTED, LOG_PROB, LABELS)


def test_accuracy_and_its_interval_are_means_over_repeats() -> None:
    correct = PREDICTED == LABELS
    assert JUDGED.accuracy == JUDGED.score("accuracy") == pytest.approx(correct.mean())
    assert JUDGED.interval() == JUDGED.score_interval("accuracy", IDS) == accuracy_interval(correct.mean(axis=0))
    assert JUDGED.score_interval("accuracy", IDS, GROUPS) == accuracy_interval(correct.mean(axis=0), GROUPS)


def test_a_metric_is_measured_on_each_repeat_and_averaged() -> None:
    each = [metrics.f1_score(LABELS, row, average="macro") for row in PREDICTED]
    assert JUDGED.score("macro-f1") == pytest.approx(np.mean(each))
    each = [metrics.balanced_accuracy_score(LABELS, row) for row in PREDICTED]
    assert JUDGED.score("balanced-accuracy") == pytest.approx(np.mean(each))
    assert JUDGED.score("log-loss") == pytest.approx(-LOG_PROB.mean())


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    low, high = JUDGED.score_interval("log-loss", IDS)
    mean = LOG_PROB.mean(axis=0)
    assert low < JUDGED.score("log-loss") < high
    assert high - low == pytest.approx(2 * 1.96 * mean.std() / np.sqrt(IMAGES), rel=0.1)


def test_groups_are_resampled_whole() -> None:
    labels, groups = np.repeat(LABELS, 13), [f"g{place:02d}" for place in np.repeat(np.arange(IMAGES), 13)]
    ids = [f"{place:04d}" for place in range(len(labels))]
    repeated = Scored(np.repeat(PREDICTED, 13, axis=1), None, labels)
    alone, grouped = JUDGED.score_interval("macro-f1", IDS), repeated.score_interval("macro-f1", ids, groups)
    assert grouped[1] - grouped[0] == pytest.approx(alone[1] - alone[0], rel=0.1)


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "macro-f1", "log-loss"])
def test_row_order_does_not_matter(metric: str) -> None:
    order = RANDOM.permutation(IMAGES)
    moved = Scored(PREDICTED[:, order], LOG_PROB[:, order], LABELS[order])
    ids, groups = [IDS[row] for row in order], [GROUPS[row] for row in order]
    expected = JUDGED.score_interval(metric, IDS, GROUPS)
    assert moved.score_interval(metric, ids, groups) == pytest.approx(expected, abs=1e-12)


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
