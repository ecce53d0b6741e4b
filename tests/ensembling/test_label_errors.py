import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from ensemble_kit.ensembling.label_errors import find_label_errors, thresholds
from ensemble_kit.errors import BadDataError


def cleanlabs(probabilities, labels):
    """The rows that cleanlab names by the same rule, the least believable label first."""
    return find_label_issues(
        labels,
        probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )


def drawn(seed, images=211, classes=7, noise=0.1, strength=2.0):
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=images)
    labels = np.where(random.uniform(size=images) < noise, random.integers(classes, size=images), truth)
    labels[:classes] = np.arange(classes)
    return softmax(strength * np.eye(classes)[truth] + random.normal(size=(images, classes)), axis=1), labels, truth


@pytest.mark.parametrize("seed", range(23))
def test_the_same_labels_are_suspected_in_the_same_order_as_by_cleanlab(seed):
    probabilities, labels, _ = drawn(seed, strength=0.5 + seed / 5)
    assert find_label_errors(probabilities, labels).rows.tolist() == cleanlabs(probabilities, labels).tolist()


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(11, 61), st.floats(0, 6), st.sampled_from([1, 2, 6]))
@settings(max_examples=60, deadline=None)
def test_so_it_is_with_few_images_few_classes_and_ties(seed, classes, images, strength, digits):
    probabilities, labels, _ = drawn(seed, images, classes, 0.3, strength)
    rounded = probabilities.round(digits) + 1e-9
    rounded /= rounded.sum(axis=1, keepdims=True)
    assert set(find_label_errors(rounded, labels).rows.tolist()) == set(cleanlabs(rounded, labels).tolist())


def test_labels_that_were_flipped_are_found_and_their_class_is_suggested():
    probabilities, labels, truth = drawn(0, strength=8.0)
    found = find_label_errors(probabilities, labels)
    assert set(found.rows) == set(np.flatnonzero(labels != truth))
    assert (found.suggested == truth[found.rows]).all()


def test_the_order_of_rows_and_classes_does_not_matter():
    probabilities, labels, _ = drawn(3)
    rows, columns = np.random.default_rng(1).permutation(211), np.random.default_rng(2).permutation(7)
    found = find_label_errors(probabilities, labels)
    other = find_label_errors(probabilities[rows][:, columns], np.argsort(columns)[labels[rows]])
    assert rows[other.rows].tolist() == found.rows.tolist()
    assert columns[other.suggested].tolist() == found.suggested.tolist()


def test_a_class_without_images_is_never_suggested():
    probabilities = np.array([[0.1, 0.0, 0.9], [0.2, 0.0, 0.8], [0.9, 0.1, 0.0], [0.05, 0.95, 0.0]])
    labels = np.array([2, 2, 0, 0])
    assert np.isinf(thresholds(probabilities, labels)[1])
    assert len(find_label_errors(probabilities, labels).rows) == 0


def test_without_images_there_is_nothing_to_suspect():
    with pytest.raises(BadDataError, match="at least one image"):
        find_label_errors(np.empty((0, 3)), np.empty(0, dtype=np.int64))
