"""What numbers are: logits, probabilities, or a sigmoid's outputs; told by range, sums and signs of all rows together.

What can only be another kind than was said is refused, with the kind to say; what may be another is told by
`doubt`. Logits on any scale, and cosine similarities, are never refused. To take another kind: a line in KINDS, its
check in `check_kind`, its logarithms in `as_logits`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from ensemble_kit.errors import BadDataError
from ensemble_kit.types import Scores

KINDS: Final = ("logits", "probabilities", "sigmoid")
SMALLEST_PROBABILITY: Final = 1e-7
ROW_SUM_TOLERANCE: Final = 1e-3
ROUNDING: Final = 1e-6
PER_CENT: Final = 100.0
_STEPS: Final = {1.0: (1e-2, 1e-3, 1e-4), PER_CENT: (1.0, 1e-1, 1e-2)}  # that few digits leave, by the sum of a row
_ON_STEP: Final = 0.02  # of a step; float32 and float16 do not hold 0.12 exactly
_EXACTLY: Final = 5e-6  # of a step: written in decimals, and by no chance
_ONE_SUM: Final = 0.02  # by how much of the largest the sums of rows may differ
_MOST_LOST: Final = 0.1  # of a row by rounding, on average


def total_of(scores: Scores) -> float | None:
    """Return what every row of probabilities sums to: 1, or 100 in per cent; None: they are no probabilities.

    Numbers that are rounded to few digits may miss it by a step a class.

    Example:
        >>> [total_of(np.array([row])) for row in ([0.25, 0.75], [0.33, 0.33, 0.33], [33.3, 66.7], [0.25, 0.5])]
        [1.0, 1.0, 100.0, None]
    """
    for total, steps in _STEPS.items():
        if scores.min() < -ROUNDING * total or scores.max() > (1 + ROUNDING) * total:
            continue
        off = np.abs(scores.sum(axis=1) - total)
        exact = off.max() <= (ROW_SUM_TOLERANCE + ROUNDING) * total
        if exact or (off.mean() <= _MOST_LOST * total and off.max() <= _rounded_by(scores, steps) + ROUNDING * total):
            return total
    return None


def _rounded_by(scores: Scores, steps: Sequence[float]) -> float:
    """Return by how much rounding, or cutting off, can have changed the sum of a row; 0: there was none."""
    return float(scores.shape[1] * _step(scores, steps, _ON_STEP))


def _step(scores: Scores, steps: Sequence[float], within: float) -> float:
    """Return the widest of the steps that all numbers lie on, but for a share of it; 0: they lie on none."""
    return next((step for step in steps if (np.abs(scores / step - np.rint(scores / step)) <= within).all()), 0.0)


def check_kind(scores: Scores, kind: str, ids: Sequence[str], classes: Sequence[str], path: Path) -> None:
    """Raise on numbers that are not finite in float32, or that can only be of another kind.

    Raises:
        BadDataError: names the file, the row, the id and what to do.
    """
    _check_finite(scores, ids, classes, path)
    if len(classes) < 2:
        return
    total = total_of(scores)
    if kind == "logits" and total is not None:
        raise BadDataError(
            f"{path}: wanted logits, but every row lies in [0, {total:g}] and sums to {total:g}. "
            "Give --kind probabilities."
        )
    if kind == "logits" and scores.min() >= 0 and np.abs(np.exp(-scores).sum(axis=1) - 1).max() <= ROW_SUM_TOLERANCE:
        raise BadDataError(
            f"{path}: wanted logits, but these are negative log-probabilities: the likeliest class has the smallest. "
            "Change their sign."
        )
    if kind == "probabilities" and total is None:
        row = int(np.flatnonzero(_improbable(scores))[0])
        raise BadDataError(
            f"{path}: row {row + 1}, {ids[row]!r}: wanted probabilities in [0, 1] that sum to 1 within "
            f"{ROW_SUM_TOLERANCE}, got {scores[row].min():.6g} to {scores[row].max():.6g} with sum "
            f"{scores[row].sum():.6g}. Normalise them; or give --kind logits if they are logits, --kind sigmoid if "
            "each class has a sigmoid of its own."
        )
    if kind == "sigmoid" and total is not None:
        raise BadDataError(
            f"{path}: wanted outputs of a sigmoid a class, but every row sums to {total:g}. Give --kind probabilities."
        )
    if kind == "sigmoid" and (scores.min() < 0 or scores.max() > 1):
        raise BadDataError(
            f"{path}: wanted outputs of a sigmoid, each in [0, 1], got {scores.min():.6g} to {scores.max():.6g}. "
            "Give --kind logits if they are logits; divide them by 100 if they are in per cent."
        )


def doubt(scores: Scores, kind: str) -> str:
    """Return the code of a note on logits that may be probabilities; empty where there is no doubt."""
    if kind != "logits" or scores.shape[1] < 2:
        return ""
    if 2 * _improbable(scores).sum() < len(scores):
        return "logits-mostly-probabilities"
    if scores.min() < 0:
        return ""
    if scores.max() <= 1 or PER_CENT - 1 < scores.max() <= PER_CENT:
        return "logits-in-unit"
    sums = scores.sum(axis=1)
    return "logits-of-one-sum" if len(sums) > 1 and np.ptp(sums) <= _ONE_SUM * sums.max() else ""


def as_logits(scores: Scores, kind: str) -> tuple[Scores, int]:
    """Return logits, and how many numbers were clipped to get them.

    A 0 that was rounded to few digits stands for what rounds to it, half a step at most: it becomes a quarter. Rows
    that all sum to 1 were not rounded: a 0 of shares of votes is none.
    """
    if kind == "logits":
        return scores, 0
    shares = scores / (total_of(scores) or 1.0)
    is_rounded = kind == "sigmoid" or bool(np.abs(shares.sum(axis=1) - 1).max() > ROUNDING)
    lowest = max(SMALLEST_PROBABILITY, _step(shares, _STEPS[1.0], _EXACTLY) / 4 if is_rounded else 0.0)
    highest = 1.0 - lowest if kind == "sigmoid" else 1.0
    inside = np.clip(shares, lowest, highest)
    clipped = (shares < lowest) | ((kind == "sigmoid") & (shares > highest))
    logs = np.log(inside) - (np.log1p(-inside) if kind == "sigmoid" else 0.0)
    return logs - logs.mean(axis=1, keepdims=True), int(clipped.sum())


def _check_finite(scores: Scores, ids: Sequence[str], classes: Sequence[str], path: Path) -> None:
    """Raise on the first number that float32 cannot hold, with what it comes from."""
    with np.errstate(over="ignore"):
        finite = np.isfinite(scores.astype(np.float32))
    if finite.all():
        return
    row, column = np.argwhere(~finite)[0]
    number = scores[row, column]
    if np.isnan(number):
        why = "It was not computed, or is missing. Compute the scores of this image again, or leave the image out"
    elif number == -np.inf:
        why = (
            "It is the logarithm of a probability of 0, or marks a class that was ruled out. Write a low number in its "
            "place, as numpy.maximum(scores, -30)"
        )
    else:
        why = "It overflowed. Compute the scores in float32, or divide all of them by one number"
    raise BadDataError(
        f"{path}: row {row + 1}, {ids[row]!r}, class {classes[column]!r}: wanted a finite number that float32 can "
        f"hold, got {number}. {why}."
    )


def _improbable(scores: Scores) -> Bool[np.ndarray, " images"]:
    """Say of each row whether it cannot be one of probabilities."""
    inside = (scores.min(axis=1) >= -ROUNDING) & (scores.max(axis=1) <= 1 + ROUNDING)
    summing = np.abs(scores.sum(axis=1) - 1) <= ROW_SUM_TOLERANCE + ROUNDING
    return np.asarray(~(inside & summing))
