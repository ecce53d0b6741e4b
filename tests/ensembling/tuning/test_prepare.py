from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.ensembling.tuning.prepare import prepare, tune_views
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.types import Pool

IMAGES, CLASSES = 211, 7


def a_member(seed: int, *strengths: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Views of independent noise; a negative strength is a view that misleads."""
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    truth = np.array(strengths)[:, None, None] * np.eye(CLASSES)[labels]
    logits = truth + random.normal(size=(len(strengths), IMAGES, CLASSES))
    return logits.astype(np.float32), labels, [f"{place:04d}" for place in range(IMAGES)]


def test_a_view_as_good_as_identity_gets_about_half() -> None:
    logits, labels, ids = a_member(0, 2.0, 2.0)
    found = tune_views(logits, labels, ids, None, "auto")
    np.testing.assert_allclose(found.view_weights, [0.5, 0.5], atol=0.12)


@pytest.mark.parametrize("choice", ["auto", "log-loss", "greedy", "accuracy"])
def test_a_view_that_does_harm_gets_nothing(choice: str) -> None:
    logits, labels, ids = a_member(1, 2.0, -2.0, 2.0)
    found = tune_views(logits, labels, ids, None, choice)
    assert found.view_weights[1] < 0.02
    assert found.view_weights.sum() == pytest.approx(1)


def test_a_view_that_repeats_identity_stays_out() -> None:
    logits, labels, ids = a_member(2, 2.0)
    found = tune_views(np.concatenate([logits, logits]), labels, ids, None, "auto")
    np.testing.assert_allclose(found.view_weights, [1, 0], atol=1e-9)
    assert found.ridge == np.inf


@pytest.mark.parametrize("factor", [0.3, 5.0])
def test_the_scale_of_a_members_logits_does_not_matter_to_its_views(factor: float) -> None:
    logits, labels, ids = a_member(3, 2.0, 1.5, 1.0)
    logits = logits.astype(np.float64)
    plain = tune_views(logits, labels, ids, None, "auto")
    scaled = tune_views(factor * logits, labels, ids, None, "auto")
    np.testing.assert_allclose(scaled.view_weights, plain.view_weights, atol=1e-6)


def test_named_and_given_choices_are_what_they_say() -> None:
    logits, labels, ids = a_member(4, 2.0, 1.0, 1.0)
    assert tune_views(logits, labels, ids, None, "none").view_weights.tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(tune_views(logits, labels, ids, None, "equal").view_weights, [1 / 3] * 3)
    given = tune_views(logits, labels, ids, None, np.array([2.0, 1.0, 1.0]))
    assert given.view_weights.tolist() == [0.5, 0.25, 0.25]
    assert given.ridge is None


def test_row_order_does_not_matter_to_the_last_bit() -> None:
    logits, labels, ids = a_member(5, 1.5, 1.2, 0.7)
    groups = [f"g{place % 53}" for place in range(IMAGES)]
    order = np.random.default_rng(0).permutation(IMAGES)
    plain = tune_views(logits, labels, ids, groups, "auto")
    moved = tune_views(
        logits[:, order], labels[order], [ids[row] for row in order], [groups[row] for row in order], "auto"
    )
    np.testing.assert_array_equal(plain.view_weights, moved.view_weights)


@pytest.mark.parametrize("choice", ["auto", "log-loss", "greedy", "accuracy", "none"])
def test_too_few_images_leave_identity(choice: str) -> None:
    logits, labels, ids = a_member(6, 1.0, 3.0)
    found = tune_views(logits[:, :49], labels[:49], ids[:49], None, choice)
    assert found.view_weights.tolist() == [1.0, 0.0]
    assert found.ridge is None


def test_an_unknown_choice_is_refused_with_a_suggestion() -> None:
    logits, labels, ids = a_member(7, 1.0, 1.0)
    with pytest.raises(UnknownNameError, match="did you mean 'equal'"):
        tune_views(logits, labels, ids, None, "equals")


def test_given_view_weights_are_checked() -> None:
    logits, labels, ids = a_member(8, 1.0, 1.0)
    with pytest.raises(MisalignedError, match="one weight for each of 2"):
        tune_views(logits, labels, ids, None, np.ones(3))
    with pytest.raises(InvalidOptionError, match="finite weights >= 0"):
        tune_views(logits, labels, ids, None, np.array([1.0, -1.0]))


def test_a_pool_is_prepared_once_for_all_its_blends(draw_pool) -> None:
    pool: Pool = draw_pool([1.0, 2.0], views=3)
    assert prepare(pool, ["auto", "none"]) is prepare(pool, ["auto", "none"])
    assert prepare(pool, ["auto", "none"]) is not prepare(pool, ["auto", "equal"])
    weights = np.array([1.0, 1.0, 2.0])
    assert prepare(pool, [weights, weights]).views[1].view_weights.tolist() == [0.25, 0.25, 0.5]


def test_a_pool_without_labels_is_refused(draw_pool) -> None:
    with pytest.raises(BadDataError, match="101 without labels"):
        prepare(replace(draw_pool([1.0]), labels=None), ["auto"])


def test_a_choice_for_every_member_is_wanted(draw_pool) -> None:
    with pytest.raises(MisalignedError, match="one view choice for each of 2 members, got 1"):
        prepare(draw_pool([1.0, 2.0]), ["auto"])
