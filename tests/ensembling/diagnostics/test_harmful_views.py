from functools import reduce

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import binomtest, ttest_rel
from temperature_by_scipy import log_temperature

from ensemble_kit.ensembling.diagnostics.harmful_views import Harm, find_harm
from ensemble_kit.ensembling.statistics.paired_tests import difference_interval, holm, smallest_resolvable
from ensemble_kit.errors import BadDataError
from ensemble_kit.verdicts import verdict

IMAGES, CLASSES = 307, 7


def names(images: int = IMAGES) -> list[str]:
    return [f"{row:05d}" for row in range(images)]


def no_harm(seed: int, views: int = 13, images: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    """Views that make of each pair a twin of identity: the same image, noise drawn anew.

    The pair of identity x and view 2 y - x is 2 y, so x and y may change places and no truth does.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=images)
    core = 2 * np.eye(CLASSES)[labels] + random.normal(size=(images, CLASSES))
    noisy = core + 0.5 * random.normal(size=(views, images, CLASSES))
    noisy[1:] = 2 * noisy[1:] - noisy[0]
    return noisy, labels


def mirrored(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Harmless views, but the third mistakes classes 0, 1, 2, 3 for 1, 0, 3, 2."""
    logits, labels = no_harm(seed)
    logits[3] = 2 * logits[3][:, [1, 0, 3, 2, 4, 5, 6]]
    return logits, labels


def test_a_view_is_evaluated_as_by_hand() -> None:
    logits, labels = mirrored(0)
    found = find_harm(logits, labels, names(), None)
    identity = logits[0].argmax(axis=1) == labels
    p_values = []
    for each in found.views:
        pair = (logits[0] + logits[each.view]).argmax(axis=1) == labels
        won, lost = int((pair & ~identity).sum()), int((identity & ~pair).sum())
        p_values.append(binomtest(won, won + lost).pvalue)
        assert each.difference == pytest.approx(pair.mean() - identity.mean())
        assert each.p == pytest.approx(p_values[-1])
        assert each.interval == difference_interval(won, lost, IMAGES)
        assert each.smallest == pytest.approx(smallest_resolvable((won + lost) / IMAGES, IMAGES, 0.05 / 12))
    adjusted = holm(np.array(p_values))
    np.testing.assert_allclose([each.adjusted_p for each in found.views], adjusted)
    assert [each.harmful for each in found.views] == [view == 3 for view in range(1, 13)]
    assert [each.view for each in found.views] == list(range(1, 13))
    assert found.smallest == pytest.approx(np.median([each.smallest for each in found.views]))


def mirror_pairs(images: int = 105) -> tuple[np.ndarray, np.ndarray]:
    """Identity, a mirror that takes each of four classes for its partner, if less surely, and a harmless third view.

    Which two classes it may be is clear; most pairs decide as identity does, but are much less sure of the side.
    """
    random = np.random.default_rng(11)
    labels = np.arange(images) % 4
    right, partner = np.eye(4)[labels], np.eye(4)[labels ^ 1]
    side = 2 * random.random(images) + 0.5 * random.normal(size=images)
    mirrored = -0.5 * side + 0.4 * random.normal(size=images)
    identity, mirror = (2 * (right + partner) + 0.5 * each[:, None] * (right - partner) for each in (side, mirrored))
    return np.stack([identity, mirror, identity + 0.05 * random.normal(size=(images, 4))]), labels


def scipy_likelihoods(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each label at the best temperature."""
    scale = np.exp(-log_temperature(scores, labels))
    return log_softmax(scale * scores, axis=1)[np.arange(len(labels)), labels]


def test_a_mirror_that_costs_likelihood_is_named_where_accuracy_shows_nothing() -> None:
    logits, labels = mirror_pairs()
    mirror, other = find_harm(logits, labels, names(105), None).views
    assert (logits[1].argmax(axis=1) == labels).mean() < 0.25 < 0.85 < (logits[0].argmax(axis=1) == labels).mean()
    assert mirror.adjusted_p > 0.05
    assert mirror.harmful
    assert not other.harmful
    pair, identity = (scipy_likelihoods(each, labels) for each in (logits[:2].mean(axis=0), logits[0]))
    expected = ttest_rel(pair, identity)
    assert expected.statistic < -5
    assert mirror.likelihood.t == pytest.approx(expected.statistic, rel=1e-5)
    assert mirror.likelihood.p == pytest.approx(expected.pvalue, rel=1e-4)
    assert mirror.likelihood.interval == pytest.approx(expected.confidence_interval(0.95), rel=1e-5)
    beyond = ttest_rel(pair + 0.01, identity)  # more than a hundredth of a nat
    assert mirror.likelihood_p == pytest.approx(2 * beyond.pvalue, rel=1e-4)  # Holm, of two views


def test_a_view_that_is_only_less_sure_is_no_harm() -> None:
    logits, labels = no_harm(12, views=2)
    logits[1] = 0.01 * logits[0]
    (found,) = find_harm(logits, labels, names(), None).views
    assert found.likelihood.difference == pytest.approx(0, abs=1e-9)
    assert not found.harmful


@pytest.mark.parametrize("scale", [0.001, 1000.0])
def test_the_unit_of_the_logits_does_not_matter(scale: float) -> None:
    logits, labels = mirrored(12)
    found, expected = (find_harm(unit * logits, labels, names(), None).views for unit in (scale, 1.0))
    for one, other in zip(found, expected, strict=True):
        assert one.harmful == other.harmful == (one.view == 3)
        assert np.hstack(one.likelihood) == pytest.approx(np.hstack(other.likelihood), rel=1e-6)


def test_a_class_that_a_view_mistakes_is_warned_of_with_its_size() -> None:
    logits, labels = mirrored(1)
    found = find_harm(logits, labels, names(), None)
    identity, pair = (scores.argmax(axis=1) == labels for scores in (logits[0], logits[0] + logits[3]))
    assert [(each.view, each.class_index) for each in found.classes] == [(3, 0), (3, 1), (3, 2), (3, 3)]
    for each in found.classes:
        there = labels == each.class_index
        assert each.images == there.sum()
        assert (each.lost, each.won) == ((identity & ~pair & there).sum(), (pair & ~identity & there).sum())
        assert each.difference == pytest.approx((each.won - each.lost) / each.images)
        assert binomtest(each.won, each.won + each.lost).pvalue <= each.adjusted_p < 0.05
    assert found.smallest_in_class is not None
    assert found.smallest_in_class > found.smallest > 0  # far fewer images


def test_a_class_that_could_not_be_warned_of_makes_no_other_test_stricter() -> None:
    labels = np.repeat(np.arange(3), [101, 103, 107])
    identity = np.eye(3)[labels]
    view = identity.copy()
    view[:6] = [-3.0, 3.0, 0.0]  # class 0 loses 6 of 101: p = 2 / 64, alone under the level
    view[101:106] = [3.0, -3.0, 0.0]  # class 1 loses 5 of 103: no number of tests could show that
    found = find_harm(np.stack([identity, view]), labels, names(311), None)
    assert [(each.class_index, each.lost, each.adjusted_p) for each in found.classes] == [(0, 6, 2 / 64)]


def test_a_view_that_helps_is_not_harmful_however_sure_that_is() -> None:
    logits, labels = no_harm(2, views=2)
    logits[0], logits[1] = 2 * logits[1] - logits[0], 3 * np.eye(CLASSES)[labels]
    (helpful,) = find_harm(logits, labels, names(), None).views
    assert helpful.adjusted_p < 1e-6
    assert helpful.difference > 0
    assert not helpful.harmful


def test_groups_of_copies_are_worth_one_image_each() -> None:
    logits, labels = mirrored(3)
    copies, twice = np.repeat(logits[:4], 11, axis=1), np.repeat(labels, 11)
    groups = [f"sign-{row}" for row in np.repeat(names(), 11)]
    alone, grouped = find_harm(logits[:4], labels, names(), None), find_harm(copies, twice, names(11 * IMAGES), groups)
    fooled = find_harm(copies, twice, names(11 * IMAGES), None)
    for one, other, wrong in zip(alone.views, grouped.views, fooled.views, strict=True):
        assert other.p == pytest.approx(one.p)
        assert wrong.p < one.p or one.p == 1
        assert other.smallest == pytest.approx(one.smallest)
        assert np.ptp(other.interval) == pytest.approx(np.ptp(one.interval), rel=0.2)
    assert [each.adjusted_p for each in grouped.classes] == pytest.approx([each.adjusted_p for each in alone.classes])
    assert [each.lost for each in grouped.classes] == [11 * each.lost for each in alone.classes]
    assert grouped.smallest_in_class == pytest.approx(alone.smallest_in_class)


def test_the_order_of_the_images_does_not_matter() -> None:
    logits, labels = mirrored(4)
    groups = [f"sign-{row % 29}" for row in range(IMAGES)]
    shuffled = np.random.default_rng(5).permutation(IMAGES)
    found = find_harm(
        logits[:, shuffled],
        labels[shuffled],
        [names()[row] for row in shuffled],
        [groups[row] for row in shuffled],
    )
    expected = find_harm(logits, labels, names(), groups)
    assert [each._replace(interval=(0, 0)) for each in found.views] == [
        each._replace(interval=(0, 0)) for each in expected.views
    ]
    for one, other in zip(found.views, expected.views, strict=True):
        assert one.interval == pytest.approx(other.interval)
    assert found.classes == expected.classes


def test_identity_alone_has_nothing_to_harm_it_and_no_image_nothing_to_show() -> None:
    logits, labels = no_harm(6)
    assert find_harm(logits[:1], labels, names(), None) == Harm((), (), None, None)
    with pytest.raises(BadDataError, match="Wanted at least one image"):
        find_harm(logits[:, :0], labels[:0], [], None)


def warned(seeds: int, grouped: bool = False, views: int = 13, images: int = IMAGES) -> tuple[float, float]:
    """Return how often a harmless view, and a class of one, is named."""
    named = []
    for seed in range(seeds):
        logits, labels = no_harm(seed, views, images)
        groups = None
        if grouped:  # three looks at each thing: the same noise, a little of one's own
            logits, labels = np.repeat(logits[:, :101], 3, axis=1), np.repeat(labels[:101], 3)
            groups = [f"sign-{row // 3}" for row in range(303)]
        found = find_harm(logits, labels, names(len(labels)), groups)
        named.append((any(each.harmful for each in found.views), bool(found.classes)))
    return reduce(np.add, np.array(named, dtype=float)) / seeds


@pytest.mark.slow
def test_of_views_that_do_no_harm_one_is_named_in_5_of_100_val_sets_at_most() -> None:
    for share in warned(1500):
        assert share <= 0.05 + 2.3 * np.sqrt(0.05 * 0.95 / 1500)


@pytest.mark.slow
@pytest.mark.parametrize("views", [2, 5])
def test_views_that_are_nearly_identity_are_named_no_more_often(views: int) -> None:
    named = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        labels = random.integers(CLASSES, size=101)
        identity = 2 * np.eye(CLASSES)[labels] + random.normal(size=(101, CLASSES))
        logits = identity + 0.1 * random.normal(size=(views, 101, CLASSES))
        logits[0] = identity
        named += any(each.harmful for each in find_harm(logits, labels, names(101), None).views)
    assert named / 400 <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("views", "images"), [(2, 101), (5, 101), (2, 307)])
def test_of_few_views_and_few_images_no_more_are_named(views: int, images: int) -> None:
    for share in warned(600, views=views, images=images):
        assert share <= 0.05 + 2.3 * np.sqrt(0.05 * 0.95 / 600)


@pytest.mark.slow
def test_of_harmless_views_of_groups_one_is_named_in_5_of_100_val_sets_at_most() -> None:
    for share in warned(400, grouped=True):
        assert share <= 0.05 + 2.3 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.slow
def test_a_harm_of_the_smallest_size_is_found_in_four_of_five_val_sets() -> None:
    random, found, views = np.random.default_rng(7), 0, 12
    size = smallest_resolvable(0.1, IMAGES, 0.05 / views)
    chances = [(0.1 - size) / 2, (0.1 + size) / 2, 0.9]
    for _ in range(600):
        # identity is right or wrong at will; the pair wins, loses or follows; the other views do nothing
        fate = random.choice(3, p=chances, size=IMAGES)
        labels = random.integers(CLASSES, size=IMAGES)
        right, wrong = np.eye(CLASSES)[labels], np.eye(CLASSES)[(labels + 1) % CLASSES]
        identity = np.where((fate == 0)[:, None], wrong, right)
        pair = np.where((fate == 1)[:, None], wrong, right)
        logits = np.stack([identity, 2 * pair - identity, *[identity] * (views - 1)])
        one = find_harm(logits, labels, names(), None).views[0]
        found += verdict(one.difference, one.interval, one.adjusted_p) == "worse"  # by accuracy, whose size it is
    assert 0.72 < found / 600 < 0.85
