"""The few (image, class) pairs on which the accuracy of a blend can hang.

Under weights >= 0 the label beats another class wherever every member puts it ahead, and
loses wherever every member puts it behind. Only the pairs between, of images that no
class has won already, can go either way: a sixth to a sixteenth of all at 10 classes, one
of dozens or hundreds at 1000. Counting right images over these is exact and quick. Never
finds weights.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.ballots import TIE_WIDTH
from ensemble_kit.types import Labels, MemberLogits

Leads = Float[np.ndarray, "members pairs"]

_SMALLEST = np.nextafter(0.0, 1.0)
_AT_ONCE = 4_000_000  # numbers in flight: images * classes


class Pairs(NamedTuple):
    """Label against another class, for every image that weights decide.

    The pairs stand in layers: first one pair of every image, then a second one of every image
    that has two, and so on; images with more pairs come first, so each layer is a slice.

    lead: by how much each member's ballot for the label exceeds that for the class.
    tie_lead: the same in calibrated probability, which decides where leads add up to 0 (votes);
        None where ties go by class index alone.
    floor: the sum of leads that the label needs: 0 where it has the lower index, else above 0.
    widths: how many images each layer holds.
    image: the row of each image, those with more pairs first.
    always_right, images: how many images are right under all weights, and how many there are.
    """

    lead: Leads
    tie_lead: Leads | None
    floor: Float[np.ndarray, " pairs"]
    widths: tuple[int, ...]
    image: Int[np.ndarray, " decided"]
    always_right: int
    images: int


def pairs_of(cast: MemberLogits, labels: Labels, confidence: MemberLogits | None = None) -> Pairs:
    """Return the pairs that decide which images a blend of these ballots has right.

    Args:
        cast: what the members cast.
        confidence: calibrated probabilities where they break ties of the ballots; else None.

    Example:
        >>> cast = np.array([[[3.0, 1.0, 0.0], [5.0, 4.0, 0.0]], [[2.0, 0.0, 1.0], [1.0, 3.0, 2.0]]])
        >>> found = pairs_of(cast, np.array([0, 0]))
        >>> found.lead.tolist(), found.image.tolist(), found.always_right  # image 0 is right whatever the weights
        ([[1.0, 5.0], [-2.0, -1.0]], [1], 1)
    """
    images, classes = cast.shape[1:]
    step = max(1, _AT_ONCE // max(1, classes))
    blocks = [_open_pairs(cast, labels, confidence, at, min(at + step, images)) for at in range(0, images, step)]
    row = np.concatenate([block[0] for block in blocks]) if blocks else np.empty(0, dtype=np.int64)
    column = np.concatenate([block[1] for block in blocks]) if blocks else np.empty(0, dtype=np.int64)
    image, begin, amount = np.unique(row, return_index=True, return_counts=True)
    by_amount = np.argsort(-amount, kind="stable")
    image, begin, amount = image[by_amount], begin[by_amount], amount[by_amount]
    widths = tuple(int((amount > layer).sum()) for layer in range(int(amount.max(initial=0))))
    order = np.concatenate([begin[:width] + layer for layer, width in enumerate(widths)] or [begin])
    row, column = row[order], column[order]
    label = labels[row]
    return Pairs(
        lead=_leads(cast, row, column, label),
        tie_lead=None if confidence is None else _leads(confidence, row, column, label),
        floor=np.where(label < column, 0.0, _SMALLEST),
        widths=widths,
        image=image,
        always_right=images - len(image) - sum(block[2] for block in blocks),
        images=images,
    )


def won(
    pairs: Pairs,
    lead: Float[np.ndarray, "*batch pairs"],
    tie_lead: Float[np.ndarray, "*batch pairs"] | None = None,
) -> Bool[np.ndarray, "*batch decided"]:
    """Return which of the decided images the label wins, given its lead in every pair.

    Args:
        tie_lead: the lead in summed confidence, where the pairs have one.
    """
    if tie_lead is None:
        ahead = lead >= pairs.floor
    else:
        confident = (tie_lead > TIE_WIDTH) | ((tie_lead >= -TIE_WIDTH) & (pairs.floor == 0))
        ahead = (lead > TIE_WIDTH) | ((lead >= -TIE_WIDTH) & confident)
    at = pairs.widths[0] if pairs.widths else 0
    every = ahead[..., :at]
    for width in pairs.widths[1:]:
        every[..., :width] &= ahead[..., at : at + width]
        at += width
    return every


def right(pairs: Pairs, weights: Float[np.ndarray, "*batch members"]) -> Int[np.ndarray, "*batch"]:
    """Return how many images a blend has right, for each row of weights >= 0, not all 0.

    Example:
        >>> cast = np.array([[[1.0, 0.0]], [[0.0, 2.0]]])
        >>> right(pairs_of(cast, np.array([0])), np.array([[2.0, 1.0], [1.0, 1.0]]))  # a tie goes to class 0
        array([1, 0])
    """
    ties = None if pairs.tie_lead is None else weights @ pairs.tie_lead
    counts: Int[np.ndarray, "*batch"] = pairs.always_right + won(pairs, weights @ pairs.lead, ties).sum(axis=-1)
    return counts


def _open_pairs(
    cast: MemberLogits, labels: Labels, confidence: MemberLogits | None, begin: int, end: int
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], int]:
    """Return rows and classes of the pairs that can go either way, and how many images are always wrong.

    A pair is open unless the label is ahead, or behind, for every member in ballot and confidence alike.
    """
    rows = np.arange(begin, end)
    label = labels[rows]
    first = label[:, None] <= np.arange(cast.shape[2])  # the label itself counts as ahead of itself
    sure = np.ones(first.shape, dtype=np.bool_)
    lost = np.ones(first.shape, dtype=np.bool_)
    for ballots in (cast,) if confidence is None else (cast, confidence):
        for member in ballots:
            block = member[begin:end]
            at_label = block[np.arange(len(rows)), label][:, None]
            ahead = block < at_label
            if confidence is None:
                ahead |= (block == at_label) & first
                lost &= ~ahead
            else:
                lost &= block > at_label
            sure &= ahead
    sure[np.arange(len(rows)), label] = True
    wrong = lost.any(axis=1)
    sure[wrong] = True
    row, column = np.nonzero(~sure)
    return row + begin, column, int(wrong.sum())


def _leads(
    ballots: MemberLogits, row: Int[np.ndarray, " pairs"], column: Int[np.ndarray, " pairs"], label: Labels
) -> Leads:
    """Return, member by member, how far the label is ahead of each class."""
    leads = np.empty((len(ballots), len(row)))
    for member, ballot in enumerate(ballots):
        leads[member] = ballot[row, label].astype(np.float64) - ballot[row, column]
    return leads
