"""How good a whole procedure is: redone inside every fold, scored where it was not fitted.

A procedure turns a pool into a `Tuned`; everything it chooses (views, temperatures,
weights, the best member) is chosen again without the rows it is scored on. The figure
on the rows that were tuned on is optimistic, and `optimism` says by how much. `held_out`
is the one loop over folds and repeats; whatever is cross-fitted goes through it, or
takes `splits` alone. Never knows what a procedure does. Row order cannot matter: rows
are sorted by id first.

Source: Stone, "Cross-validatory choice and assessment of statistical predictions", 1974.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Int, Shaped

from ensemble_kit.ensembling.combining import probabilities
from ensemble_kit.ensembling.evaluation.scored import Scored, evaluate
from ensemble_kit.ensembling.statistics import FOLDS, fold_of
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.types import Labels, Pool, Scores, Tuned

MANY_IMAGES: Final = 5000  # from here on one repeat will do: how images fall into folds hardly matters
REPEATS: Final = 4

Procedure = Callable[[Pool], Tuned]
Rows = Int[np.ndarray, " _"]  # folds differ in size
Said = Shaped[np.ndarray, "... _"]
Key = TypeVar("Key", bound=Hashable)


class Split(NamedTuple):
    """The rows to tune on, and those held out to score, in one fold of a repeat; both in the order of their ids."""

    repeat: int
    seen: Rows
    held: Rows


class CrossFitted(NamedTuple):
    """What was said of images, in the pool's row order.

    evaluated: beside the truth, for every repeat.
    shares: probabilities, of votes the shares; means over repeats.
    winner: the class that most repeats gave (ties: the larger share, then the lower class).
    """

    scored: Scored
    shares: Scores
    winner: Int[np.ndarray, " images"]


def repeats_of(images: int) -> int:
    """Return how often so many images are split into folds anew: 4 times, or once from 5,000 on."""
    return REPEATS if images < MANY_IMAGES else 1


def splits(
    ids: Sequence[str], labels: Labels | None, groups: Sequence[str] | None, folds: int = FOLDS, repeats: int = REPEATS
) -> Iterator[Split]:
    """Yield what is seen and what is held out, for every fold of every repeat that holds an image.

    Args:
        folds: parts, each held out once in a repeat; stratified, groups whole.
        repeats: how often the images are split anew.

    Raises:
        BadDataError: there are no labels, or no images.
        InvalidOptionError: fewer than 2 folds, or fewer than 1 repeat.

    Example:
        >>> ids, labels = [f"{place:02d}" for place in range(11)], np.arange(11) % 2
        >>> found = list(splits(ids, labels, None))
        >>> len(found), sorted(np.concatenate([split.held for split in found[:5]]).tolist()) == list(range(11))
        (20, True)
    """
    if labels is None or not len(ids):
        raise BadDataError(f"Wanted labelled images for an honest estimate, got {len(ids)} ids and no labels.")
    if folds < 2 or repeats < 1:
        raise InvalidOptionError(f"Wanted at least 2 folds and 1 repeat, got {folds} and {repeats}.")
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    grouped = None if groups is None else [groups[row] for row in order]
    for repeat in range(repeats):
        # the inner folds of `tune` are repeat 0 of their rows; these stand apart
        fold = fold_of([ids[row] for row in order], labels[order], grouped, folds, repeat=repeat + 1)
        for held_out in np.unique(fold):
            yield Split(repeat, order[fold != held_out], order[fold == held_out])


def held_out(
    ids: Sequence[str],
    labels: Labels | None,
    groups: Sequence[str] | None,
    say: Callable[[Split], Mapping[Key, Said]],
    folds: int = FOLDS,
    repeats: int = REPEATS,
) -> dict[Key, np.ndarray]:
    """Return what is said of each image by the folds that do not hold it, for every repeat.

    Args:
        say: finds whatever it wants on the rows that are seen, and says something of those held out:
            by name, arrays whose last axis is those rows.
        folds, repeats: see `splits`.

    Returns:
        By name, the same as one array, its last two axes repeats and images.

    Raises:
        BadDataError, InvalidOptionError: see `splits`.

    Example:
        >>> ids, labels = ["a", "b", "c", "d"], np.array([0, 0, 1, 1])
        >>> held_out(ids, labels, None, lambda split: {"seen": np.full(len(split.held), len(split.seen))}, 2, 1)
        {'seen': array([[2, 2, 2, 2]])}
    """
    said: dict[Key, np.ndarray] = {}
    for split in splits(ids, labels, groups, folds, repeats):
        for name, values in say(split).items():
            shape = (*values.shape[:-1], repeats, len(ids))
            said.setdefault(name, np.zeros(shape, values.dtype))[..., split.repeat, split.held] = values
    return said


def cross_fit(
    pool: Pool, procedures: Mapping[str, Procedure], folds: int = FOLDS, repeats: int = REPEATS
) -> dict[str, Scored]:
    """Return how each procedure does where it was not fitted, all on the same folds.

    Args:
        procedures: by name, what is redone inside every fold, such as
            `lambda pool: tune(pool, "logit-sum", "auto", ["auto"] * 3)`.
        folds, repeats: see `splits`.

    Raises:
        BadDataError: the pool has no labels, or no images.
        InvalidOptionError: fewer than 2 folds, or fewer than 1 repeat.
    """

    def say(split: Split) -> dict[tuple[str, str], Said]:
        seen, held = pool.fold(split.seen), pool.rows(split.held)
        scored = {name: evaluate(held, procedure(seen)) for name, procedure in procedures.items()}
        return {(name, field): values for name, one in scored.items() for field, values in _parts(one).items()}

    said = held_out(pool.ids, pool.labels, pool.groups, say, folds, repeats)
    assert pool.labels is not None
    return {
        name: _scored({field: values for (of, field), values in said.items() if of == name}, pool.labels)
        for name in procedures
    }


def cross_fit_one(pool: Pool, procedure: Procedure, repeats: int, whole: Pool | None = None) -> CrossFitted:
    """Return what a procedure says of each image from the folds that do not hold it, probabilities of classes too.

    Args:
        whole: the same images with all their classes, where `pool` was condensed to be tuned on.

    Raises:
        BadDataError: the pool has no labels, or no images.
    """
    everything = whole or pool
    shares = np.zeros((len(everything.ids), len(everything.classes)))

    def say(split: Split) -> dict[str, Said]:
        held, tuned = everything.rows(split.held), procedure(pool.fold(split.seen))
        shares[split.held] += probabilities(held, tuned) / repeats
        return _parts(evaluate(held, tuned))

    said = held_out(pool.ids, pool.labels, pool.groups, say, repeats=repeats)
    assert everything.labels is not None
    scored = _scored(said, everything.labels)
    return CrossFitted(scored, shares, _winner(scored, shares))


def as_tuned(pool: Pool, tuned: Tuned) -> CrossFitted:
    """Return what numbers that were found elsewhere say of each image.

    Raises:
        BadDataError: the pool has no labels.
    """
    scored, shares = evaluate(pool, tuned), probabilities(pool, tuned)
    return CrossFitted(scored, shares, scored.predicted[0])


def optimism(tuned_accuracy: float, honest: Scored) -> float:
    """Return how much the accuracy on the tuned rows flatters, as a fraction."""
    return tuned_accuracy - honest.accuracy


def _parts(scored: Scored) -> dict[str, Said]:
    """Return what was said in one repeat, by name; the truth left out, and what votes do not say."""
    return {name: one[0] for name, one in vars(scored).items() if name != "labels" and one is not None}


def _scored(said: Mapping[str, np.ndarray], labels: Labels) -> Scored:
    """Return what was said fold by fold as one, beside the truth."""
    return Scored(said["predicted"], said.get("log_prob"), labels, said.get("confidence"), said.get("squared"))


def _winner(scored: Scored, shares: Scores) -> Int[np.ndarray, " images"]:
    votes = np.zeros(shares.shape, dtype=np.int64)
    for predicted in scored.predicted:
        votes[np.arange(len(predicted)), predicted] += 1
    leading = votes == votes.max(axis=1, keepdims=True)
    winner: Int[np.ndarray, " images"] = np.where(leading, shares, -np.inf).argmax(axis=1)
    return winner
