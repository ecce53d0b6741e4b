"""Whether scores, labels and splits belong together: right by chance alone, classes or a scale that are others.

Renamed classes fit any labels better on the images they are chosen on; so the renaming is found on one half of the
images and judged on the other. Never changes a score.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from jaxtyping import Bool, Int

from ensemble_kit.ensembling.statistics import generator, mcnemar
from ensemble_kit.reporting.terminal import note
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.types import Predictions

SURE: Final = 0.01  # how often at most chance alone would bring a note
FAR: Final = 0.1  # of the images
MOST_TIMES: Final = 4.0  # that scores of test may spread as far as those of val, or the other way round


def notes_on(splits: Mapping[str, Predictions], doubts: Mapping[str, str]) -> Iterator[str]:
    """Yield a note for each split whose scores are in doubt.

    Args:
        doubts: by split, the code of a note on what its numbers may be; empty: none.
    """
    for split, said in splits.items():
        if doubts[split]:
            yield note(doubts[split], split=split)
        if split in (VAL, OOF) and said.labels is not None:
            yield from _notes(said, said.labels)
        if split == "test":
            yield from _notes_on_scale(said, next(one for other, one in splits.items() if other in (VAL, OOF)))


def _notes_on_scale(test: Predictions, tuned: Predictions) -> Iterator[str]:
    """Yield a note where scores of test spread otherwise than those that weights and temperatures come from."""
    spans = [float(np.median(np.ptp(one.logits[0], axis=1))) for one in (test, tuned)]
    if min(spans) > 0 and not 1 / MOST_TIMES < (times := spans[0] / spans[1]) < MOST_TIMES:
        yield note("another-scale", tuned=tuned.split, times=f"{times:.2g}")


def _notes(said: Predictions, labels: Int[np.ndarray, " images"]) -> Iterator[str]:
    predicted = said.logits[0].argmax(axis=1)
    right = predicted == labels
    renamed = renamed_right(predicted, labels, said.ids, len(said.classes))
    more, fewer = int((renamed & ~right).sum()), int((right & ~renamed).sum())
    shares = {"split": said.split, "right": f"{100 * right.mean():.1f}"}
    commonest = np.bincount(labels).max() / len(labels)
    if renamed.mean() > max(right.mean() + FAR, commonest) and mcnemar(more, fewer) < SURE:
        yield note("classes-in-another-order", **shares, renamed=f"{100 * renamed.mean():.1f}")
    elif _is_below_chance(right, predicted, labels):
        yield note("below-chance", **shares, chance=f"{100 * _chance(predicted, labels):.1f}")


def renamed_right(
    predicted: Int[np.ndarray, " images"], labels: Int[np.ndarray, " images"], ids: tuple[str, ...], classes: int
) -> Bool[np.ndarray, " images"]:
    """Return which images would be right were classes renamed as fits the other half of the images best."""
    from scipy.optimize import linear_sum_assignment

    half = generator(ids, "renamed classes").permutation(len(ids)) % 2
    right = np.zeros(len(ids), dtype=np.bool_)
    for one in (0, 1):
        counts = np.zeros((classes, classes))
        np.add.at(counts, (predicted[half != one], labels[half != one]), 1)
        counts[np.diag_indices(classes)] += 0.5  # of names that fit as well, a class keeps its own
        names = linear_sum_assignment(counts, maximize=True)[1]
        right |= (half == one) & (names[predicted] == labels)
    return right


def _chance(predicted: Int[np.ndarray, " images"], labels: Int[np.ndarray, " images"]) -> float:
    """Return the share that is right where predictions as often as these know nothing of the labels."""
    most = int(max(predicted.max(), labels.max())) + 1
    return float(np.bincount(predicted, minlength=most) @ np.bincount(labels, minlength=most)) / len(labels) ** 2


def _is_below_chance(
    right: Bool[np.ndarray, " images"], predicted: Int[np.ndarray, " images"], labels: Int[np.ndarray, " images"]
) -> bool:
    from scipy.stats import binom

    return bool(binom.cdf(int(right.sum()), len(right), _chance(predicted, labels)) < SURE)
