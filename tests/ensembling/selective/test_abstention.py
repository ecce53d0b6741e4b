import numpy as np
import pytest
from scipy.stats import beta, binom

from ensemble_kit.ensembling.selective.abstention import THRESHOLDS, abstention, fewest
from ensemble_kit.errors import BadDataError, InvalidOptionError

IMAGES = 601


def drawn(seed: int, images: int = IMAGES, skill: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that mean what they say, and whether the answers are right."""
    random = np.random.default_rng(seed)
    confidence = 1 / (1 + np.exp(-random.normal(skill, 2, size=images)))
    return confidence, random.random(images) < confidence


def test_the_threshold_is_the_smallest_down_to_which_all_are_safe() -> None:
    confidence, correct = drawn(0)
    found = abstention(confidence[None], correct[None], None, 0.95)
    safe = []
    for threshold in THRESHOLDS:
        answered = int((confidence >= threshold).sum())
        wrong = int((~correct[confidence >= threshold]).sum())
        # enough to stay safe with one of them wrong
        if binom.cdf(1, answered, 0.05) > 0.05:
            safe.append(None)
        else:
            safe.append(beta.ppf(0.95, wrong + 1, answered - wrong) <= 0.05)
    tried = safe[safe.index(True) :]
    assert None not in tried
    last = len(safe) - len(tried) + tried.index(False) - 1
    assert found.threshold == THRESHOLDS[last]
    answered = confidence >= found.threshold
    wrong = int((~correct[answered]).sum())
    assert found.coverage == pytest.approx(answered.mean())
    assert found.accuracy == pytest.approx(correct[answered].mean())
    assert found.at_least == pytest.approx(1 - beta.ppf(0.95, wrong + 1, answered.sum() - wrong))
    assert found.at_least >= 0.95
    assert found.coverage_interval[0] < found.coverage < found.coverage_interval[1]
    assert found.accuracy_interval[0] < found.accuracy < found.accuracy_interval[1]


def test_thresholds_fall_from_nearly_one_to_none_at_all() -> None:
    assert THRESHOLDS[0] > 0.9999
    assert THRESHOLDS[-1] == 0.0
    assert (np.diff(THRESHOLDS) < 0).all()


@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_fewest_are_those_that_stay_safe_with_one_wrong(accuracy: float) -> None:
    total = fewest(accuracy)
    assert binom.cdf(1, total, 1 - accuracy) <= 0.05
    assert total == 2 or binom.cdf(1, total - 1, 1 - accuracy) > 0.05


def test_too_few_images_promise_nothing_and_say_so() -> None:
    confidence, correct = np.full((1, 92), 0.9), np.ones((1, 92), bool)
    found = abstention(confidence, correct, None, 0.95)
    assert (found.threshold, found.coverage, found.at_least) == (np.inf, 0.0, 0.0)
    assert found.coverage_interval == pytest.approx((0.0, 0.0401), abs=1e-3)
    enough = abstention(np.full((1, 93), 0.9), np.ones((1, 93), bool), None, 0.95)
    assert (enough.threshold, enough.coverage, enough.accuracy) == (0.0, 1.0, 1.0)


def test_a_blend_that_is_good_enough_answers_everything() -> None:
    correct = np.arange(500) >= 5
    assert abstention(np.linspace(0.3, 1, 500)[None], correct[None], None, 0.95).threshold == 0.0


def test_repeats_are_averaged_to_the_disadvantage_of_the_promise() -> None:
    confidence, correct = np.full((2, 93), 0.9), np.ones((2, 93), bool)
    correct[0, :3] = False  # 1.5 wrong on average count as 2
    assert abstention(confidence, correct, None, 0.95).threshold == np.inf
    correct[0, 2] = True
    assert abstention(confidence, correct, None, 0.95).threshold == 0.0


def test_a_group_is_wrong_with_one_of_its_images_and_counts_once() -> None:
    confidence, correct = np.full((1, 7 * 97), 0.9), np.ones((1, 7 * 97), bool)
    groups = [f"sign-{row // 7}" for row in range(7 * 97)]
    assert abstention(confidence, correct, groups, 0.95).threshold == 0.0
    correct[0, [0, 7]] = False  # 2 of 679 images, but 2 of 97 groups
    assert abstention(confidence, correct, None, 0.95).threshold == 0.0
    assert abstention(confidence, correct, groups, 0.95).threshold == np.inf
    correct[0, 7] = True
    correct[0, 1:7] = False  # one group, all of it
    found = abstention(confidence, correct, groups, 0.95)
    assert found.threshold == 0.0
    assert found.at_least == pytest.approx(1 - beta.ppf(0.95, 2, 96))


def test_vote_shares_have_their_thresholds_too() -> None:
    shares = np.repeat([1.0, 2 / 3, 1 / 3], [307, 101, 53])
    correct = np.repeat([True, False, False], [307, 101, 53])
    found = abstention(shares[None], correct[None], None, 0.95)
    assert 2 / 3 < found.threshold <= 1
    assert found.coverage == pytest.approx(307 / 461)


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"between 0 and 1, got 1\.0"):
        abstention(np.ones((1, 5)), np.ones((1, 5), bool), None, 1.0)
    with pytest.raises(BadDataError, match="Wanted at least one image"):
        abstention(np.ones((1, 0)), np.ones((1, 0), bool), None, 0.9)


@pytest.mark.parametrize(
    ("images", "accuracy"),
    [(300, 0.95), pytest.param(300, 0.9, marks=pytest.mark.slow), pytest.param(1000, 0.98, marks=pytest.mark.slow)],
)
def test_the_promise_is_kept_in_95_of_100_draws(images: int, accuracy: float) -> None:
    confidence, correct = drawn(1, images=200_000)
    runs, broken, answered = 200, 0, 0
    random = np.random.default_rng(2)
    for _ in range(runs):
        rows = random.integers(len(correct), size=images)
        threshold = abstention(confidence[None, rows], correct[None, rows], None, accuracy).threshold
        there = confidence >= threshold
        answered += bool(there.any())
        broken += bool(there.any() and correct[there].mean() < accuracy)
    assert answered > runs / 3
    assert broken <= binom.ppf(0.99, runs, 0.05)
