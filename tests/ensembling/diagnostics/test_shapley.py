import importlib
import itertools
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from ensemble_kit.ensembling.combining.voting import cast_logit, cast_prob, cast_top1, combine, decide
from ensemble_kit.ensembling.diagnostics.shapley import Shapley, shapley, subset_accuracies
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError

MEMBERS, IMAGES, CLASSES = 5, 83, 7
Game = Callable[[np.ndarray], np.ndarray]


def random_game(members: int, seed: int) -> Game:
    """A worth drawn for every subset, the empty one included."""
    worths = np.random.default_rng(seed).normal(size=2**members)
    return lambda subsets: worths[subsets @ 2 ** np.arange(members)]


def coverage_game(members: int, seed: int) -> Game:
    """The share of 101 images that at least one of the subset has right: what is added shrinks."""
    right = np.random.default_rng(seed).random((members, 101)) < 0.3
    return lambda subsets: np.array([right[subset].any(axis=0).mean() for subset in subsets])


def by_all_orders(game: Game, members: int) -> np.ndarray:
    """The definition, word by word."""
    gains = np.zeros(members)
    orders = list(itertools.permutations(range(members)))
    for order in orders:
        joined = np.zeros((1, members), dtype=bool)
        before = game(joined)[0]
        for member in order:
            joined[0, member] = True
            after = game(joined)[0]
            gains[member] += after - before
            before = after
    return gains / len(orders)


def ends(game: Game, members: int) -> float:
    """What all have over none."""
    return float(game(np.ones((1, members), dtype=bool))[0] - game(np.zeros((1, members), dtype=bool))[0])


@pytest.mark.parametrize("members", [1, 2, 4, 5])
@pytest.mark.parametrize("draw", [random_game, coverage_game])
def test_values_are_the_mean_over_all_orders(draw: Callable[[int, int], Game], members: int) -> None:
    game = draw(members, members)
    found = shapley(game, members)
    np.testing.assert_allclose(found.values, by_all_orders(game, members), atol=1e-12)
    assert found.exact
    assert found.standard_errors.tolist() == [0.0] * members


def test_one_left_glove_is_worth_as_much_as_in_the_textbook() -> None:
    def pairs(subsets: np.ndarray) -> np.ndarray:
        return np.minimum(subsets[:, :1].sum(axis=1), subsets[:, 1:].sum(axis=1)).astype(float)

    np.testing.assert_allclose(shapley(pairs, 3).values, [4 / 6, 1 / 6, 1 / 6])
    # one left, four right: the left glove finds a pair unless it comes first
    np.testing.assert_allclose(shapley(pairs, 5).values, [4 / 5, *[1 / 20] * 4])


@pytest.mark.parametrize("exact_to", [8, 0])
def test_where_worth_only_adds_up_everyone_gets_their_own(exact_to: int) -> None:
    own = np.array([0.3, -0.2, 0.0, 1.5, 0.25])
    found = shapley(lambda subsets: 2.0 + subsets @ own, 5, exact_to=exact_to)
    np.testing.assert_allclose(found.values, own, atol=1e-12)
    np.testing.assert_allclose(found.standard_errors, 0.0, atol=1e-12)


@pytest.mark.parametrize("exact_to", [8, 0])
def test_who_changes_nothing_gets_nothing(exact_to: int) -> None:
    game = coverage_game(6, 3)
    found = shapley(lambda subsets: game(subsets[:, :6]), 7, exact_to=exact_to)
    assert found.values[6] == 0.0
    np.testing.assert_allclose(found.values.sum(), ends(game, 6), rtol=1e-12)


def test_twins_share_what_they_bring() -> None:
    game = random_game(4, 11)

    def with_twin(subsets: np.ndarray) -> np.ndarray:
        return game(np.column_stack([subsets[:, :3], subsets[:, 3] | subsets[:, 4]]))

    found = shapley(with_twin, 5)
    assert found.values[3] == pytest.approx(found.values[4], abs=1e-12)


@pytest.mark.parametrize("members", [9, 10, 17])
@pytest.mark.parametrize("seed", range(3))
def test_sampled_values_sum_to_what_all_have_over_none(members: int, seed: int) -> None:
    game = coverage_game(members, seed)
    found = shapley(game, members, permutations=14, seed=seed)
    assert not found.exact
    np.testing.assert_allclose(found.values.sum(), ends(game, members), rtol=1e-12)


@pytest.mark.parametrize("draw", [random_game, coverage_game])
@pytest.mark.parametrize(("members", "seed"), [(9, 0), (9, 1), (10, 2)])
def test_sampled_values_lie_within_four_standard_errors(
    draw: Callable[[int, int], Game], members: int, seed: int
) -> None:
    game = draw(members, seed)
    exact = shapley(game, members, exact_to=10)
    found = shapley(game, members, seed=seed)
    assert exact.exact
    assert (found.standard_errors > 0).all()
    assert (np.abs(found.values - exact.values) < 4 * found.standard_errors).all()


@pytest.mark.parametrize("draw", [random_game, coverage_game])
def test_the_standard_error_is_how_much_values_vary_over_seeds(draw: Callable[[int, int], Game]) -> None:
    game, exact = draw(9, 5), shapley(draw(9, 5), 9, exact_to=9)
    drawn = [shapley(game, 9, permutations=38, seed=seed) for seed in range(300)]
    away = (np.array([found.values for found in drawn]) - exact.values) / [found.standard_errors for found in drawn]
    np.testing.assert_allclose(np.sqrt((away**2).mean()), 1.0, atol=0.08)
    # Student's t of 18 degrees has a standard deviation of sqrt(18 / 16), which is 1.06


def test_the_reverse_of_an_order_halves_more_than_the_work() -> None:
    game, exact = coverage_game(9, 5), shapley(coverage_game(9, 5), 9, exact_to=9).values
    place = np.random.default_rng(1).permuted(np.tile(np.arange(9), (200 * 38, 1)), axis=1)
    joined = place[:, None] < np.arange(10)[:, None]
    gains = np.take_along_axis(np.diff(game(joined.reshape(-1, 9)).reshape(-1, 10), axis=1), place, axis=1)
    plain = gains.reshape(200, 38, 9).mean(axis=1)
    paired = np.array([shapley(game, 9, permutations=38, seed=seed).values for seed in range(200)])
    assert ((paired - exact) ** 2).mean() < 0.8 * ((plain - exact) ** 2).mean()


def test_the_same_seed_gives_the_same_values() -> None:
    game = coverage_game(11, 0)
    first, again, other = (shapley(game, 11, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.values, again.values)
    assert (first.values != other.values).any()
    generator = shapley(game, 11, seed=np.random.default_rng(7))
    np.testing.assert_array_equal(first.values, generator.values)


@pytest.mark.parametrize(("members", "exact_to"), [(7, 8), (13, 8), (9, 8)])
def test_no_subset_is_asked_about_twice(members: int, exact_to: int) -> None:
    game, asked, calls = coverage_game(members, 0), set(), 0

    def counted(subsets: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        assert len(subsets) <= 4096
        for subset in subsets:
            assert tuple(subset) not in asked
            asked.add(tuple(subset))
        return game(subsets)

    shapley(counted, members, exact_to)
    assert calls == 1
    assert len(asked) <= min(2**members, 200 * (members - 1) + 2)


def test_many_subsets_are_asked_about_in_several_calls() -> None:
    sizes = []

    def counted(subsets: np.ndarray) -> np.ndarray:
        sizes.append(len(subsets))
        return subsets.sum(axis=1) ** 2.0

    found = shapley(counted, 13, exact_to=13)
    assert sizes == [4096, 4096]
    np.testing.assert_allclose(found.values, 13.0)


@pytest.mark.parametrize("permutations", [0, 2, 7])
def test_permutations_that_come_in_no_pairs_are_refused(permutations: int) -> None:
    with pytest.raises(InvalidOptionError, match=f"even number of at least 4 permutations, got {permutations}"):
        shapley(coverage_game(9, 0), 9, permutations=permutations)


def test_a_game_without_members_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="at least one member to value, got 0"):
        shapley(coverage_game(1, 0), 0)


def drawn(seed: int, members: int = MEMBERS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = 1.3 * np.eye(CLASSES)[labels] + random.normal(size=(members, IMAGES, CLASSES))
    weights = random.dirichlet(np.ones(members))
    weights[1] = 0.0
    return logits, weights / weights.sum(), labels


def every_subset(members: int) -> np.ndarray:
    return np.array(list(itertools.product([False, True], repeat=members)))


@pytest.mark.parametrize(("shares", "scores"), [(256, 2_000_000), (3, 1000), (1, 1)])
@pytest.mark.parametrize("cast", [cast_logit, cast_prob, cast_top1])
def test_each_part_is_blended_as_if_its_members_were_all(
    cast: Callable[[np.ndarray], np.ndarray], shares: int, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("ensemble_kit.ensembling.diagnostics.shapley")
    monkeypatch.setattr(module, "_SHARES_AT_ONCE", shares)
    monkeypatch.setattr(module, "_SCORES_AT_ONCE", scores)
    logits, weights, labels = drawn(1)
    votes = cast is cast_top1
    subsets = every_subset(MEMBERS)
    confidence = cast_prob(logits) if votes else None
    found = subset_accuracies(cast(logits), weights, labels, subsets, 0.125, confidence)
    for subset, accuracy in zip(subsets, found, strict=True):
        if not weights[subset].sum():
            assert accuracy == 0.125
            continue
        ties = combine(logits[subset], weights[subset], cast_prob) if votes else None
        predicted = decide(combine(logits[subset], weights[subset], cast), ties)
        assert accuracy == pytest.approx((predicted == labels).mean(), abs=1e-12)
    assert (found == 0.125).sum() == 2  # nobody, and the member without weight alone


def test_tied_votes_go_to_the_larger_confidence() -> None:
    logits = np.log(np.array([[[0.5, 0.3, 0.2]], [[0.1, 0.8, 0.1]], [[0.2, 0.3, 0.5]]]))
    both = np.array([[True, True, False]])
    thirds = np.full(3, 1 / 3)
    votes, confidence = cast_top1(logits), cast_prob(logits)
    assert subset_accuracies(votes, thirds, np.array([1]), both, 0.0, confidence).tolist() == [1.0]
    assert subset_accuracies(votes, thirds, np.array([1]), both, 0.0).tolist() == [0.0]


def test_only_ratios_of_weights_matter() -> None:
    logits, weights, labels = drawn(2)
    subsets = every_subset(MEMBERS)
    plain = subset_accuracies(logits, weights, labels, subsets, 0.1)
    np.testing.assert_array_equal(plain, subset_accuracies(logits, 1e200 * weights, labels, subsets, 0.1))


def test_shares_of_a_blends_accuracy_sum_to_its_gain_over_a_guess() -> None:
    logits, weights, labels = drawn(3)
    found = shapley(lambda subsets: subset_accuracies(logits, weights, labels, subsets, 1 / CLASSES), MEMBERS)
    accuracy = (combine(logits, weights).argmax(axis=1) == labels).mean()
    assert found.values.sum() == pytest.approx(accuracy - 1 / CLASSES, abs=1e-12)
    assert found.values[1] == 0.0
    assert isinstance(found, Shapley)


def test_many_subsets_of_many_members_stay_small_in_memory() -> None:
    members, images, classes, subsets = 47, 101, 53, 2003
    random = np.random.default_rng(0)
    labels = random.integers(classes, size=images)
    votes = random.normal(size=(members, images, classes))
    some = random.random((subsets, members)) < 0.5
    tracemalloc.start()
    accuracies = subset_accuracies(votes, np.full(members, 1 / members), labels, some, 0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert accuracies.shape == (subsets,)
    assert peak < 40e6  # all scores at once would be 86 MB


def test_misfits_are_refused() -> None:
    logits, weights, labels = drawn(4)
    nobody = np.zeros((1, MEMBERS), dtype=bool)
    with pytest.raises(MisalignedError, match="one weight for each of 5 members, got 4"):
        subset_accuracies(logits, weights[:4], labels, nobody, 0.0)
    with pytest.raises(InvalidOptionError, match="at least one above 0"):
        subset_accuracies(logits, 0 * weights, labels, nobody, 0.0)
    with pytest.raises(BadDataError, match="at least one image"):
        subset_accuracies(logits[:, :0], weights, labels[:0], nobody, 0.0)
