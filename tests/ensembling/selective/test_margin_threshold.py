import numpy as np
import pytest
from scipy.stats import beta, binom

from ensemble_kit.ensembling.selective.early_exit import replay, saved
from ensemble_kit.ensembling.selective.margin_threshold import THRESHOLDS, MarginEstimate, margin_rule
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.weights.temperature import fit_temperatures
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError, UnknownNameError

VIEWS, IMAGES, CLASSES = 5, 601, 7
WEIGHTS = np.array([0.3, 0.15, 0.25, 0.1, 0.2])


def drawn(seed: int, images: int = IMAGES) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=images)
    core = 3 * np.eye(CLASSES)[labels] + random.normal(size=(images, CLASSES))
    logits = (2.5 * (core + random.normal(size=(VIEWS, images, CLASSES)))).astype(np.float32)
    return logits, labels, [f"{row:05d}" for row in range(images)]


def costs(rule, logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which images a rule loses and which it changes, and its looks."""
    full = np.tensordot(WEIGHTS, logits.astype(float), axes=1).argmax(axis=1)
    found = replay(rule, logits)
    return (full == labels) & (found.predicted != labels), found.predicted != full, found.steps


@pytest.mark.parametrize("method", ["logit-sum", "geo-mean"])
@pytest.mark.parametrize("loss", [0.01, 0.03])
def test_the_threshold_is_the_smallest_down_to_which_all_are_safe(method: str, loss: float) -> None:
    logits, labels, ids = drawn(0)
    rule, _ = margin_rule(logits, labels, ids, None, WEIGHTS, loss, method)
    merged = np.tensordot(WEIGHTS, logits.astype(float), axes=1)
    assert rule.temperature == pytest.approx(fit_temperatures(merged[None], labels)[0])
    assert (rule.order, rule.kind, rule.method) == ((0, 2, 4, 1, 3), "margin", method)
    bounds = []
    for threshold in THRESHOLDS:
        lost = costs(rule.__class__(**{**vars(rule), "threshold": threshold}), logits, labels)[0].sum()
        bounds.append(beta.ppf(0.95, lost + 1, IMAGES - lost))
    safe = np.array(bounds) <= loss
    last = int(np.argmin(safe)) - 1
    assert 0 < last < len(THRESHOLDS) - 1
    assert rule.threshold == THRESHOLDS[last]


def test_the_estimate_is_made_on_rows_that_did_not_choose() -> None:
    logits, labels, ids = drawn(1)
    loss = 0.02
    _, estimate = margin_rule(logits, labels, ids, None, WEIGHTS, loss)
    most = max(lost for lost in range(IMAGES) if beta.ppf(0.95, lost + 1, IMAGES - lost) <= loss)
    merged = np.tensordot(WEIGHTS, logits.astype(float), axes=1)
    rule, _ = margin_rule(logits, labels, ids, None, WEIGHTS, loss)
    total = np.zeros(3)
    for repeat in range(4):
        fold = fold_of(ids, labels, None, repeat=repeat + 1)
        for held in range(5):
            inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            here = {**vars(rule), "temperature": fit_temperatures(merged[None, outside], labels[outside])[0]}
            allowed = most * len(outside) // IMAGES
            chosen = np.inf
            for threshold in THRESHOLDS:
                candidate = rule.__class__(**{**here, "threshold": threshold})
                if costs(candidate, logits[:, outside], labels[outside])[0].sum() > allowed:
                    break
                chosen = threshold
            last = rule.__class__(**{**here, "threshold": chosen})
            total += [each.sum() for each in costs(last, logits[:, inside], labels[inside])]
    lost, changed, taken = total / 4
    assert estimate.loss == pytest.approx(lost / IMAGES)
    assert estimate.changed == pytest.approx(changed / IMAGES)
    assert estimate.saved == pytest.approx(1 - taken / IMAGES / VIEWS)
    upper = int(np.ceil(lost))
    assert estimate.at_most == pytest.approx(beta.ppf(0.95, upper + 1, IMAGES - upper))
    assert estimate.saved > 0.3


def test_a_rule_saves_what_its_estimate_says_on_images_it_never_saw() -> None:
    logits, labels, ids = drawn(2, images=6000)
    rule, estimate = margin_rule(logits[:, :1500], labels[:1500], ids[:1500], None, WEIGHTS, 0.01)
    lost, changed, taken = costs(rule, logits[:, 1500:], labels[1500:])
    assert saved(rule, taken) == pytest.approx(estimate.saved, abs=0.03)
    assert lost.mean() <= 0.01
    assert changed.mean() == pytest.approx(estimate.changed, abs=0.01)


@pytest.mark.parametrize(("images", "loss", "promised"), [(298, 0.01, False), (307, 0.01, True), (307, 0.005, False)])
def test_what_too_few_images_cannot_promise_is_not_pretended(images: int, loss: float, promised: bool) -> None:
    logits, labels, ids = drawn(3, images=images)
    rule, estimate = margin_rule(logits, labels, ids, None, WEIGHTS, loss)
    assert np.isfinite(rule.threshold) == promised
    if not promised:
        assert estimate == MarginEstimate(0.0, 0.0, 0.0, 0.0)
        assert set(replay(rule, logits).steps) == {VIEWS}


def test_groups_count_as_one_and_promise_less() -> None:
    logits, labels, _ = drawn(4, images=211)
    copies, twice = np.repeat(logits, 7, axis=1), np.repeat(labels, 7)
    ids = [f"{row:05d}" for row in range(7 * 211)]
    groups = [f"sign-{row // 7}" for row in range(7 * 211)]
    alone, _ = margin_rule(logits, labels, ids[:211], None, WEIGHTS, 0.05)
    grouped, estimate = margin_rule(copies, twice, ids, groups, WEIGHTS, 0.05)
    fooled, wrong = margin_rule(copies, twice, ids, None, WEIGHTS, 0.05)
    assert grouped.threshold == pytest.approx(alone.threshold, rel=0.1)  # temperatures count half an image more
    assert min(grouped.threshold, alone.threshold) > fooled.threshold
    assert estimate.at_most > estimate.loss
    assert estimate.at_most >= beta.ppf(0.95, 1, 211)
    assert np.isinf(margin_rule(copies, twice, ids, groups, WEIGHTS, 0.01)[0].threshold)
    assert np.isfinite(margin_rule(copies, twice, ids, None, WEIGHTS, 0.01)[0].threshold)
    assert wrong.at_most < estimate.at_most


def test_row_order_and_the_scale_of_the_logits_do_not_matter() -> None:
    logits, labels, ids = drawn(5)
    rule, estimate = margin_rule(logits, labels, ids, None, WEIGHTS, 0.02)
    shuffled = np.random.default_rng(6).permutation(IMAGES)
    again, same = margin_rule(
        4 * logits[:, shuffled], labels[shuffled], [ids[row] for row in shuffled], None, WEIGHTS, 0.02
    )
    assert again.threshold == rule.threshold
    assert again.temperature == pytest.approx(4 * rule.temperature)
    assert same == pytest.approx(estimate)


@pytest.mark.parametrize(("images", "single"), [(47, False), (101, True)])
def test_too_few_images_or_a_single_class_never_stop_early(images: int, single: bool) -> None:
    logits, labels, ids = drawn(7, images=images)
    rule, estimate = margin_rule(logits, np.zeros_like(labels) if single else labels, ids, None, WEIGHTS, 0.2)
    assert (rule.threshold, rule.temperature, estimate.saved) == (np.inf, 1.0, 0.0)


def test_what_cannot_be_used_is_refused() -> None:
    logits, labels, ids = drawn(8, images=53)
    with pytest.raises(InvalidOptionError, match="got 'borda', which has an exact stop"):
        margin_rule(logits, labels, ids, None, WEIGHTS, 0.1, "borda")
    with pytest.raises(UnknownNameError, match="No method is named 'logits'"):
        margin_rule(logits, labels, ids, None, WEIGHTS, 0.1, "logits")
    with pytest.raises(InvalidOptionError, match=r"between 0 and 1, got 1\.0"):
        margin_rule(logits, labels, ids, None, WEIGHTS, 1.0)
    with pytest.raises(MisalignedError, match="one weight for each of 5 members, got 3"):
        margin_rule(logits, labels, ids, None, np.ones(3), 0.1)
    with pytest.raises(InvalidOptionError, match="finite weights >= 0"):
        margin_rule(logits, labels, ids, None, -WEIGHTS, 0.1)
    with pytest.raises(BadDataError, match="Wanted at least one image"):
        margin_rule(logits[:, :0], labels[:0], [], None, WEIGHTS, 0.1)


@pytest.mark.slow
def test_the_promise_is_broken_in_5_of_100_val_sets_at_most() -> None:
    logits, labels, ids = drawn(9, images=60_000)
    broken, runs, val = 0, 300, 601
    random = np.random.default_rng(10)
    for _ in range(runs):
        rows = random.permutation(60_000)
        here = rows[:val]
        rule, _ = margin_rule(logits[:, here], labels[here], ids[:val], None, WEIGHTS, 0.01)
        there = rows[val : val + 20_000]
        broken += costs(rule, logits[:, there], labels[there])[0].mean() > 0.01
    assert broken <= binom.ppf(0.99, runs, 0.05)
