"""Labels that were flipped on purpose are known, so what is said of them can be checked."""

import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from ensemble_kit.ensembling.diagnostics.label_errors import find_label_errors
from ensemble_kit.errors import BadDataError

CLASSES = 10


def drawn(seed, noise, sharpness, images=300, classes=CLASSES):
    """Chances that mean what they say, labels drawn by them, a share of those flipped, and which were."""
    random = np.random.default_rng([seed, int(1000 * noise), int(100 * sharpness)])
    chances = softmax(sharpness * random.normal(size=(images, classes)), axis=1)
    truth = (random.uniform(size=(images, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    flipped = np.zeros(images, dtype=bool)
    flipped[random.permutation(images)[: round(noise * images)]] = True
    labels = np.where(flipped, (truth + random.integers(1, classes, images)) % classes, truth)
    return chances, labels, flipped, truth


def found_over(seeds, noise, sharpness, distort=1.0):
    """Of how many sets anything is said, how many labels are named, how many of them were flipped and should be."""
    spoken, named, right, expected = 0, 0, 0, 0.0
    for seed in range(seeds):
        chances, labels, flipped, _ = drawn(seed, noise, sharpness)
        found = find_label_errors(softmax(distort * np.log(chances), axis=1), labels)
        spoken += len(found.rows) > 0
        named += len(found.rows)
        right += int(flipped[found.rows].sum())
        expected += found.expected
    return spoken, named, right, expected


@pytest.mark.parametrize("distort", [0.6, 1.6])
@pytest.mark.parametrize("sharpness", [1.7, 2.6, 4.4, 9.0])  # right on about 48, 62, 77 and 88 %
def test_where_no_label_is_wrong_hardly_ever_one_is_named(sharpness, distort):
    spoken, named, *_ = found_over(23, 0.0, sharpness, distort)
    assert spoken <= 2
    assert named <= 0.01 * 23 * 300


def test_a_network_that_is_right_on_68_percent_is_not_said_to_have_found_33_wrong_labels():
    """Confident learning names a tenth of labels that are all right; here is silence."""
    named = 0
    for seed in range(11):
        chances, labels, *_ = drawn(seed, 0.0, 3.3)
        assert 0.6 < (chances.argmax(axis=1) == labels).mean() < 0.76
        named += len(find_label_issues(labels, chances, filter_by="confident_learning", n_jobs=1))
        assert len(find_label_errors(chances, labels).rows) == 0
    assert named > 11 * 20


@pytest.mark.parametrize("distort", [0.6, 1.6])
@pytest.mark.parametrize(("noise", "sharpness"), [(0.05, 4.4), (0.1, 2.6), (0.1, 4.4), (0.02, 9.0), (0.05, 20.0)])
def test_as_many_of_those_named_are_wrong_as_is_promised(noise, sharpness, distort):
    spoken, named, right, expected = found_over(19, noise, sharpness, distort)
    assert spoken >= 15
    assert right > 0.75 * named
    assert abs(right - expected) < 0.1 * named


@pytest.mark.parametrize(("noise", "sharpness"), [(0.02, 9.0), (0.05, 9.0), (0.1, 4.4)])
def test_about_as_many_flips_are_found_as_by_cleanlab_with_fewer_false_alarms(noise, sharpness):
    ours, theirs = np.zeros(2), np.zeros(2)
    for seed in range(13):
        chances, labels, flipped, _ = drawn(seed, noise, sharpness)
        for told, rows in (
            (ours, find_label_errors(chances, labels).rows),
            (theirs, find_label_issues(labels, chances, filter_by="confident_learning", n_jobs=1).nonzero()[0]),
        ):
            told += flipped[rows].sum(), (~flipped[rows]).sum()
    assert ours[0] > 0.95 * theirs[0]
    assert ours[1] < 0.5 * theirs[1]


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05, 0.1])
def test_the_interval_holds_the_share_of_wrong_labels(noise):
    held = [find_label_errors(*drawn(seed, noise, 4.4)[:2]).noise_interval for seed in range(31)]
    assert sum(low <= noise <= high for low, high in held) >= 27


def test_the_class_that_was_flipped_away_is_suggested_and_chances_fall():
    chances, labels, flipped, truth = drawn(3, 0.05, 20.0)
    found = find_label_errors(chances, labels)
    hit = flipped[found.rows]
    assert (found.suggested[hit] == truth[found.rows][hit]).mean() > 0.8
    assert (found.suggested != labels[found.rows]).all()
    assert found.chance.tolist() == sorted(found.chance, reverse=True)
    assert found.chance.min() > 0.5


@pytest.mark.parametrize("strength", [4.0, 8.0, 12.0])
@pytest.mark.parametrize("classes", [3, 10])
def test_of_a_network_that_errs_nowhere_else_the_flips_are_named(strength, classes):
    """Its chances were blunted by the flips alone, so that they explain them; sharpened they do not."""
    named = right = 0
    for seed in range(7):
        random = np.random.default_rng(seed)
        truth = np.arange(300) % classes
        labels, flipped = truth.copy(), random.permutation(300)[:9]
        labels[flipped] = (labels[flipped] + 1) % classes
        logits = strength * np.eye(classes)[truth] + random.normal(size=(300, classes))
        temperature = np.exp(calibrated(logits, labels))
        rows = find_label_errors(softmax(logits / temperature, axis=1), labels).rows
        named, right = named + len(rows), right + len(set(rows) & set(flipped))
    assert right >= 0.5 * 7 * 9
    assert right > 0.95 * named


def calibrated(logits, labels):
    """The log of the temperature of least log loss."""
    rows = np.arange(len(labels))
    return minimize_scalar(
        lambda log: -np.log(softmax(logits / np.exp(log), axis=1)[rows, labels] + 1e-300).mean(), (-3, 3)
    ).x


def test_the_order_of_rows_and_classes_does_not_matter():
    chances, labels, *_ = drawn(3, 0.1, 4.4, 211, 7)
    rows, columns = np.random.default_rng(1).permutation(211), np.random.default_rng(2).permutation(7)
    found = find_label_errors(chances, labels)
    other = find_label_errors(chances[rows][:, columns], np.argsort(columns)[labels[rows]])
    assert rows[other.rows].tolist() == found.rows.tolist()
    assert columns[other.suggested].tolist() == found.suggested.tolist()


@pytest.mark.parametrize("classes", [1, 2])
def test_with_one_class_or_chances_of_nought_it_says_nothing_wrong(classes):
    labels = np.arange(53) % classes
    found = find_label_errors(np.eye(classes)[labels], labels)
    assert len(found.rows) == 0
    assert found.noise < 0.01


def test_of_very_many_images_some_decide_and_all_are_named():
    chances, labels, flipped, _ = drawn(5, 0.05, 9.0, 12_007)
    found = find_label_errors(chances, labels)
    assert 0.04 < found.noise < 0.06
    assert abs(flipped[found.rows].sum() - found.expected) < 0.1 * len(found.rows)
    assert flipped[found.rows].sum() > 0.8 * flipped.sum()


def test_without_images_there_is_nothing_to_suspect():
    with pytest.raises(BadDataError, match="at least one image"):
        find_label_errors(np.empty((0, 3)), np.empty(0, dtype=np.int64))
