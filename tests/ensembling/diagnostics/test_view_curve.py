import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import t
from temperature_by_scipy import log_temperature

from ensemble_kit.ensembling.diagnostics.view_curve import greedy_order, view_curve
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.statistics.intervals import accuracy_interval
from ensemble_kit.errors import BadDataError

VIEWS, IMAGES, CLASSES = 5, 103, 7


def drawn(
    seed: int, views: int = VIEWS, images: int = IMAGES, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=images)
    core = 1.5 * np.eye(CLASSES)[labels] + 0.5 * random.normal(size=(images, CLASSES))
    logits = core + noise * random.normal(size=(views, images, CLASSES))
    return logits.astype(np.float32), labels, [f"{row:04d}" for row in range(images)]


def losses_of(scores: np.ndarray, labels: np.ndarray, temperature: float) -> np.ndarray:
    return -log_softmax(scores / temperature, axis=1)[np.arange(len(labels)), labels]


def temperature_of(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(np.exp(log_temperature(scores, labels)))


def order_of(logits: np.ndarray, labels: np.ndarray) -> list[int]:
    """Forward selection, spelt out."""
    order = [0]
    while len(order) < len(logits):
        temperature = temperature_of(logits[order].mean(axis=0), labels)
        rivals = [view for view in range(len(logits)) if view not in order]
        order.append(min(rivals, key=lambda v: losses_of(logits[[*order, v]].mean(axis=0), labels, temperature).mean()))
    return order


@pytest.mark.parametrize("seed", range(4))
def test_views_join_in_the_order_in_which_they_help_most(seed: int) -> None:
    logits, labels, _ = drawn(seed)
    assert list(greedy_order(logits, labels)) == order_of(logits.astype(np.float64), labels)
    assert list(greedy_order(logits, labels, most=3)) == order_of(logits.astype(np.float64), labels)[:3]


def test_of_views_that_help_alike_the_lowest_index_joins() -> None:
    logits, labels, _ = drawn(0, views=2)
    assert greedy_order(logits[[0, 1, 1, 1]], labels) == (0, 1, 2, 3)


def test_every_figure_is_that_of_a_curve_made_by_hand() -> None:
    logits, labels, ids = drawn(1)
    found = view_curve(logits, labels, ids, None)
    logits = logits.astype(np.float64)
    right, losses = np.zeros((VIEWS, 4, IMAGES)), np.zeros((VIEWS, 4, IMAGES))
    for repeat in range(4):
        fold = fold_of(ids, labels, None, repeat=repeat + 1)
        for held in range(5):
            inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            order = order_of(logits[:, outside], labels[outside])
            for step in range(VIEWS):
                scores = logits[order[: step + 1]].mean(axis=0)
                temperature = temperature_of(scores[outside], labels[outside])
                losses[step, repeat, inside] = losses_of(scores[inside], labels[inside], temperature)
                right[step, repeat, inside] = scores[inside].argmax(axis=1) == labels[inside]
    means = losses.mean(axis=1)
    worse = means - means[means.mean(axis=1).argmin()]
    errors = worse.std(axis=1, ddof=1) / np.sqrt(IMAGES)
    assert found.stop == 1 + np.flatnonzero(worse.mean(axis=1) <= errors / 2).min()
    assert [step.views for step in found.steps] == [1, 2, 3, 4, 5]
    assert [step.added for step in found.steps] == order_of(logits, labels)
    for step, each in enumerate(found.steps):
        assert each.accuracy == pytest.approx(right[step].mean())
        assert each.interval == pytest.approx(accuracy_interval(right[step].mean(axis=0)))
        assert each.log_likelihood == pytest.approx(-means[step].mean(), abs=1e-6)
        assert each.error == pytest.approx(errors[step], abs=1e-6)
        of_weights = losses[step].var(axis=0, ddof=1).mean() / IMAGES * (IMAGES - 1) / (IMAGES / 5 - 1)
        half = t.ppf(0.975, IMAGES - 1) * np.sqrt(means[step].var(ddof=1) / IMAGES + of_weights)
        relative = half / means[step].mean()  # of the logarithm of the loss
        assert each.log_likelihood_interval == pytest.approx(
            [each.log_likelihood * np.exp(relative), each.log_likelihood / np.exp(relative)], abs=0.01 * half
        )


def test_views_that_repeat_identity_are_not_worth_a_look() -> None:
    logits, labels, ids = drawn(2)
    found = view_curve(logits[[0, 0, 0]], labels, ids, None)
    assert found.stop == 1
    assert [step.log_likelihood for step in found.steps] == pytest.approx([found.steps[0].log_likelihood] * 3)


def test_views_that_all_help_are_worth_more_than_one_look_and_harmful_ones_none() -> None:
    logits, labels, ids = drawn(3, images=499, noise=2.0)
    assert view_curve(logits, labels, ids, None).stop >= 4
    spoilt = np.concatenate([logits[:2], np.random.default_rng(4).normal(size=(3, 499, CLASSES)) * 9])
    found = view_curve(spoilt, labels, ids, None)
    assert found.stop == 2
    assert [step.added for step in found.steps[:2]] == [0, 1]
    assert found.steps[4].log_likelihood < found.steps[1].log_likelihood


def test_views_chosen_on_noise_do_not_look_better_than_they_are() -> None:
    logits, labels, ids = drawn(5, images=211)
    noise = 0.5 * np.random.default_rng(6).normal(size=(19, 211, CLASSES))
    found = view_curve(np.concatenate([logits[:1], logits[:1] + noise]), labels, ids, None)
    seen = [losses_of(logits[0].astype(float), labels, temperature_of(logits[0].astype(float), labels)).mean()]
    assert max(step.log_likelihood for step in found.steps) < -seen[0] + 0.02
    assert found.stop <= 3


def test_row_order_and_scale_do_not_matter() -> None:
    logits, labels, ids = drawn(7)
    groups = [f"sign-{row % 31}" for row in range(IMAGES)]
    shuffled = np.random.default_rng(8).permutation(IMAGES)
    found = view_curve(logits, labels, ids, groups)
    assert (
        view_curve(
            logits[:, shuffled],
            labels[shuffled],
            [ids[row] for row in shuffled],
            [groups[row] for row in shuffled],
        )
        == found
    )
    scaled = view_curve(2.0 * logits, labels, ids, groups)
    assert [step.log_likelihood for step in scaled.steps] == pytest.approx(
        [step.log_likelihood for step in found.steps]
    )


def test_groups_stay_whole_and_widen_what_is_known() -> None:
    logits, labels, _ = drawn(9)
    copies, labels = np.repeat(logits, 5, axis=1), np.repeat(labels, 5)
    ids = [f"{row:04d}" for row in range(5 * IMAGES)]
    groups = [f"sign-{row // 5}" for row in range(5 * IMAGES)]
    grouped, fooled = view_curve(copies, labels, ids, groups), view_curve(copies, labels, ids, None)
    for one, other in zip(grouped.steps, fooled.steps, strict=True):
        assert np.ptp(one.log_likelihood_interval) > 1.8 * np.ptp(other.log_likelihood_interval)
        assert np.ptp(one.interval) > 1.8 * np.ptp(other.interval)
    assert max(step.error for step in grouped.steps) > 1.8 * max(step.error for step in fooled.steps)


@pytest.mark.parametrize(("images", "single"), [(47, False), (101, True)])
def test_too_few_images_or_a_single_class_leave_identity_alone(images: int, single: bool) -> None:
    logits, labels, ids = drawn(10, images=images)
    labels = np.zeros_like(labels) if single else labels
    found = view_curve(logits, labels, ids, None)
    (step,) = found.steps
    assert (found.stop, step.views, step.added, step.error) == (1, 1, 0, 0.0)
    assert step.accuracy == pytest.approx((logits[0].argmax(axis=1) == labels).mean())
    assert step.log_likelihood == pytest.approx(-losses_of(logits[0].astype(float), labels, 1.0).mean())
    assert step.log_likelihood_interval[0] < step.log_likelihood < step.log_likelihood_interval[1] <= 0


def test_without_images_there_is_no_curve() -> None:
    logits, labels, _ = drawn(11)
    with pytest.raises(BadDataError, match="Wanted at least one image"):
        view_curve(logits[:, :0], labels[:0], [], None)


def test_a_curve_ends_at_30_views() -> None:
    logits, labels, ids = drawn(12, views=37)
    assert len(view_curve(logits, labels, ids, None).steps) == 30
    assert len(set(greedy_order(logits, labels))) == 30


def test_of_very_many_images_some_choose_the_order_and_one_repeat_is_enough() -> None:
    logits, labels, ids = drawn(13, views=3, images=10_007)
    rows = np.linspace(0, 10_006, 5000).round().astype(int)
    assert greedy_order(logits, labels) == greedy_order(logits[:, rows], labels[rows])
    found = view_curve(logits, labels, ids, None)
    assert found.stop == 3
