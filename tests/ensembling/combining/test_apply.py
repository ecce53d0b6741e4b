"""What a blend says of images, tile by tile: against sums by hand, and the same whatever the tiles."""

import importlib
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import gmean, rankdata

from ensemble_kit.ensembling.combining import apply as applying
from ensemble_kit.ensembling.combining import float32_argmax as screening
from ensemble_kit.ensembling.combining.apply import predict, probabilities, scores
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.errors import InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.processors import usable_processors
from ensemble_kit.types import Pool, Tuned

tuning = importlib.import_module("ensemble_kit.ensembling.tuning.tune")

CLASSES = 7
VIEW_WEIGHTS = (np.array([0.75, 0.0, 0.25]), np.array([1.0, 0.0, 0.0]), np.array([0.2, 0.5, 0.3]), np.ones(3) / 3)
TEMPERATURES = np.array([2.0, 0.5, 1.0, 1.25])
WEIGHTS = np.array([0.4, 0.35, 0.0, 0.25])

VOTES_BY_HAND = {
    "logit-sum": lambda logits: logits,
    "prob-mean": lambda logits: softmax(logits, axis=-1),
    "geo-mean": lambda logits: np.log(softmax(logits, axis=-1)),
    "majority-vote": lambda logits: (logits == logits.max(axis=-1, keepdims=True)).astype(float),
    "borda": lambda logits: (rankdata(logits, axis=-1) - 1) / (CLASSES - 1),
}


def draw(images=101, dtypes=(np.float16, np.float32, np.float16, np.float32), seed=0):
    """Four members with three views each."""
    random = np.random.default_rng(seed)
    logits = tuple((3 * random.normal(size=(3, images, CLASSES))).astype(dtype) for dtype in dtypes)
    return pool_of(*logits)


def pool_of(*logits):
    _, images, classes = logits[0].shape
    return Pool(
        members=tuple(f"member-{place}" for place in range(len(logits))),
        views=tuple(tuple(f"view-{place}" for place in range(len(one))) for one in logits),
        logits=tuple(logits),
        ids=tuple(f"{place:05d}.jpg" for place in range(images)),
        classes=tuple(f"class-{place}" for place in range(classes)),
    )


def tuned_for(method="logit-sum", **changes):
    return replace(Tuned(method, VIEW_WEIGHTS, TEMPERATURES, WEIGHTS, blend_temperature=1.5), **changes)


def plain(method, *weights):
    """The numbers of a blend of members with one view and temperature 1."""
    count = len(weights)
    return Tuned(method, (np.ones(1),) * count, np.ones(count), np.array(weights))


def by_hand(pool, cast):
    """The weighted sum of votes, member by member, in float64."""
    total = np.zeros(pool.logits[0].shape[1:])
    for place, logits in enumerate(pool.logits):
        merged = (VIEW_WEIGHTS[place][:, None, None] * logits.astype(np.float64)).sum(axis=0)
        total += WEIGHTS[place] * cast(merged / TEMPERATURES[place])
    return total


def everything(pool, tuned, threads=None):
    return [said(pool, tuned, threads).tobytes() for said in (scores, probabilities, predict)]


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_the_weighted_sum_of_votes_by_hand(method: str) -> None:
    pool = draw()
    found = scores(pool, tuned_for(method))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, by_hand(pool, VOTES_BY_HAND[method]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_the_winner_is_the_best_score_and_of_equal_votes_the_likeliest(method: str) -> None:
    pool = draw()
    total, ties = by_hand(pool, VOTES_BY_HAND[method]), by_hand(pool, lambda logits: softmax(logits, axis=-1))
    expected = [
        max(range(CLASSES), key=lambda place: (round(row[place], 11), likely[place]))
        if method in ("majority-vote", "borda")
        else int(np.argmax(row))
        for row, likely in zip(total, ties, strict=True)
    ]
    assert predict(pool, tuned_for(method)).tolist() == expected


def test_probabilities_are_softened_by_the_blend_temperature_and_shares_are_not() -> None:
    pool = draw()
    np.testing.assert_allclose(
        probabilities(pool, tuned_for()), softmax(by_hand(pool, lambda logits: logits) / 1.5, axis=-1), rtol=1e-12
    )
    np.testing.assert_allclose(probabilities(pool, tuned_for("geo-mean", blend_temperature=1.0)), geometric(pool))
    np.testing.assert_array_equal(
        probabilities(pool, tuned_for("majority-vote")), scores(pool, tuned_for("majority-vote"))
    )


def geometric(pool):
    """The weighted geometric mean of the members' probabilities, made to sum to 1."""
    chances = []
    for place, logits in enumerate(pool.logits):
        merged = (VIEW_WEIGHTS[place][:, None, None] * logits.astype(np.float64)).sum(axis=0)
        chances.append(softmax(merged / TEMPERATURES[place], axis=-1))
    mean = gmean(np.stack(chances), axis=0, weights=WEIGHTS[:, None, None])
    return mean / mean.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("method", METHODS)
def test_neither_tiles_nor_threads_change_a_bit(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, tuned = draw(), tuned_for(method)
    whole = everything(pool, tuned, 1)
    for images in (1, 2, 13, 100):
        monkeypatch.setattr(applying, "TILE_SCORES", images * CLASSES)
        for threads in (1, 2, 5, None):
            assert everything(pool, tuned, threads) == whole


@pytest.mark.parametrize("method", METHODS)
def test_how_the_logits_lie_in_memory_changes_no_bit(method: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, tuned = draw(), tuned_for(method)
    monkeypatch.setattr(applying, "TILE_SCORES", 11 * CLASSES)
    said = everything(pool, tuned)
    for place, logits in enumerate(pool.logits):
        np.save(tmp_path / f"{place}.npy", logits)
    mapped = tuple(np.load(tmp_path / f"{place}.npy", mmap_mode="r", allow_pickle=False) for place in range(4))
    assert all(isinstance(logits, np.memmap) for logits in mapped)
    backwards = tuple(np.ascontiguousarray(logits[:, ::-1])[:, ::-1] for logits in pool.logits)
    fortran = tuple(np.asfortranarray(logits) for logits in pool.logits)
    swapped = tuple(logits.astype(logits.dtype.newbyteorder()) for logits in pool.logits)
    for lie in (mapped, backwards, fortran, swapped):
        assert everything(replace(pool, logits=lie), tuned) == said


@pytest.mark.parametrize("method", METHODS)
def test_what_has_no_weight_is_never_part_of_a_sum(method: str) -> None:
    pool = draw()
    spoiled = tuple(logits.copy() for logits in pool.logits)
    spoiled[0][1], spoiled[1][1:], spoiled[2][:] = np.nan, np.nan, np.nan
    assert everything(replace(pool, logits=spoiled), tuned_for(method)) == everything(pool, tuned_for(method))


def test_the_file_of_a_member_without_weight_is_never_read(tmp_path) -> None:
    """Its file is emptied after it was mapped: a process that reads it is killed by the system."""
    script = (
        "import os, sys, numpy as np\n"
        "from ensemble_kit.ensembling.combining.apply import predict, probabilities, scores\n"
        "from ensemble_kit.types import Pool, Tuned\n"
        "logits = [np.load(path, mmap_mode='r') for path in sys.argv[1:]]\n"
        "os.truncate(sys.argv[2], 0)\n"
        "pool = Pool(('a', 'b'), (('v',),) * 2, tuple(logits), ('x',) * 2003, ('p', 'q', 'r'))\n"
        "for method in ('logit-sum', 'majority-vote'):\n"
        "    tuned = Tuned(method, (np.ones(1),) * 2, np.ones(2), np.array([1.0, 0.0]))\n"
        "    print(predict(pool, tuned).sum(), scores(pool, tuned).shape, probabilities(pool, tuned).shape)\n"
    )
    logits = np.random.default_rng(0).normal(size=(2, 1, 2003, 3)).astype(np.float16)
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path, one in zip(paths, logits, strict=True):
        np.save(path, one)
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{logits[0, 0].argmax(axis=1).sum()} (2003, 3) (2003, 3)"] * 2


def test_only_some_tiles_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = draw(images=20011)
    monkeypatch.setattr(applying, "TILE_SCORES", 101 * CLASSES)
    for method in METHODS:
        tracemalloc.start()
        predict(pool, tuned_for(method), threads=2)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        result_bytes = 20011 * (8 + 8 + 1)
        assert peak_bytes < 3 * result_bytes < 20011 * CLASSES * 8


def test_an_error_in_a_tile_is_raised_from_whatever_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, count = draw(), applying._counted

    def counted(shares, rows, casts):
        if rows.start == 31:
            raise MemoryError("no room for this tile")
        return count(shares, rows, casts)

    monkeypatch.setattr(applying, "TILE_SCORES", CLASSES)
    monkeypatch.setattr(applying, "_counted", counted)
    for threads in (1, 3):
        with pytest.raises(MemoryError, match="no room for this tile"):
            scores(pool, tuned_for(), threads)


@pytest.mark.parametrize("apply", [scores, probabilities, predict])
def test_numbers_that_do_not_fit_the_pool_are_refused(apply) -> None:
    pool = draw()
    for change, error, message in (
        ({"weights": WEIGHTS[:3], "temperatures": TEMPERATURES[:3]}, MisalignedError, "tuned for 3 members, .* has 4"),
        ({"view_weights": VIEW_WEIGHTS[:3]}, MisalignedError, "the pool has 4; give it the members it was tuned on"),
        ({"view_weights": (*VIEW_WEIGHTS[:2], np.ones(2), VIEW_WEIGHTS[3])}, MisalignedError, "3 members, got 2"),
        ({"weights": np.zeros(4)}, InvalidOptionError, "at least one above 0"),
        ({"method": "logit"}, UnknownNameError, "did you mean 'logit-sum'"),
    ):
        with pytest.raises(error, match=message):
            apply(pool, tuned_for(**change))


def test_a_pool_without_images_has_no_winners() -> None:
    empty = pool_of(np.zeros((1, 0, 3), np.float16))
    assert predict(empty, plain("logit-sum", 1.0)).shape == (0,)
    assert scores(empty, plain("prob-mean", 1.0)).shape == (0, 3)


def test_the_same_functions_can_be_imported_from_tuning() -> None:
    assert (tuning.scores, tuning.predict, tuning.probabilities) == (scores, predict, probabilities)


def test_there_is_a_processor() -> None:
    assert usable_processors() >= 1


# float32 first: what is called sure must be so


def exact_winner(logits, factors):
    """The class with the largest sum, in exact fractions; None where two are equal."""
    sums = [
        sum(Fraction(factor) * Fraction(float(number)) for factor, number in zip(factors, column, strict=True))
        for column in np.stack(logits, axis=-1)
    ]
    best = max(sums)
    return sums.index(best) if sums.count(best) == 1 else None


def numbers(dtype):
    top = float(np.finfo(dtype).max)
    near = st.sampled_from([0.0, -0.0, 1.0, 1.001, 8.0, 2**-14, 2**-15, 2**-24, -(2**-24), 3 * 2**-20, top, -top])
    return st.one_of(near, st.floats(-20, 20, width=16), st.floats(-top, top, width=16 if dtype == np.float16 else 32))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_the_quick_look_calls_sure_is_so_in_exact_fractions(data) -> None:
    members, images, classes = data.draw(st.integers(1, 5)), 3, data.draw(st.sampled_from([2, 5]))
    terms = []
    for _ in range(members):
        dtype = data.draw(st.sampled_from([np.float16, np.float32]))
        drawn = data.draw(st.lists(numbers(dtype), min_size=images * classes, max_size=images * classes))
        factor = data.draw(st.one_of(st.floats(1e-3, 20), st.sampled_from([1.0, 1e-30, 1e6])))
        terms.append((np.array(drawn, dtype).reshape(images, classes), factor))
    winners, sure = screening.first_guess(screening.screen(terms), slice(0, images))
    for image in np.flatnonzero(sure):
        exact = exact_winner([array[image] for array, _ in terms], [factor for _, factor in terms])
        assert exact == winners[image]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_quick_look_is_sure_of_nearly_all(dtype) -> None:
    random = np.random.default_rng(0)
    terms = [((3 * random.normal(size=(2003, 11))).astype(dtype), factor) for factor in random.uniform(0.01, 0.2, 19)]
    winners, sure = screening.first_guess(screening.screen(terms), slice(0, 2003))
    exact = sum(factor * array.astype(np.float64) for array, factor in terms)
    assert sure.mean() > 0.99
    np.testing.assert_array_equal(winners[sure], exact.argmax(axis=1)[sure])


def test_every_float16_is_read_rightly() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)]
    random = np.random.default_rng(0)
    for other in (np.roll(every, 1), random.permutation(every)):
        pairs = np.stack([every, other], axis=1)
        expected = pairs.astype(np.float64).argmax(axis=1)
        winners, sure = screening.first_guess(screening.screen([(pairs, 0.7)]), slice(0, len(pairs)))
        np.testing.assert_array_equal(winners[sure], expected[sure])
        np.testing.assert_array_equal(predict(pool_of(pairs[None]), plain("logit-sum", 1.0)), expected)


def test_equal_sums_go_to_the_lowest_class_and_close_ones_to_the_larger() -> None:
    first = np.array([[[2.0, 1.0, 2.0], [1.0, 3.0, 1.0], [0.0, 0.0, 0.0]]], np.float16)
    second = np.array([[[1.0, 2.0, 1.0], [3.0, 1.0, 3.0], [0.0, 0.0, 0.0]]], np.float16)
    assert predict(pool_of(first, second), plain("logit-sum", 0.5, 0.5)).tolist() == [0, 0, 0]
    assert predict(pool_of(first, second), plain("logit-sum", 0.5 - 1e-12, 0.5 + 1e-12)).tolist() == [1, 0, 0]


def test_numbers_too_large_for_float32_are_left_to_float64() -> None:
    huge = np.full((2, 1, 101, 3), 1.0, np.float32)
    huge[:, 0, 64:, 0] = 3e38
    huge[0, 0, 64:, 1], huge[1, 0, 64:, 1] = 3.1e38, 2.95e38
    winners = predict(pool_of(*huge), plain("logit-sum", 0.5, 0.5))
    assert winners.tolist() == [0] * 64 + [1] * 37
