"""The few (image, class) pairs on which the accuracy of a blend can hang.

Under weights >= 0 the label beats another class wherever every member puts it ahead, and
loses wherever every member puts it behind. Only the pairs between, of images that no
class has won already, can go either way: a sixth to a sixteenth of all at 10 classes, one
of dozens or hundreds at 1000. Counting right images over these is exact and quick. Never
finds weights.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.combining import TIE_WIDTH
from ensemble_kit.types import Labels, MemberLogits

Leads = Float[np.ndarray, "members pairs"]
AtLabel = Float[np.ndarray, "members images"]
Places = Int[np.ndarray, " pairs"]

_SMALLEST = np.nextafter(0.0, 1.0)
_AT_ONCE = 100_000  # numbers of one member in flight, images * classes: as many as the cache likes


class Margins(NamedTuple):
    """Label against another class, for every image that weights decide.

    The pairs stand in layers: first one pair of every image, then a second one of every image
    that has two, and so on; images with more pairs come first, so each layer is a slice.

    lead: by how much each member's vote for the label exceeds that for the class.
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


def margins_of(cast: MemberLogits, labels: Labels, confidence: MemberLogits | None = None) -> Margins:
    """Return the pairs that decide which images a blend of these votes has right.

    Args:
        cast: what the members cast.
        confidence: calibrated probabilities where they break ties of the votes; else None.

    Example:
        >>> cast = np.array([[[3.0, 1.0, 0.0], [5.0, 4.0, 0.0]], [[2.0, 0.0, 1.0], [1.0, 3.0, 2.0]]])
        >>> found = margins_of(cast, np.array([0, 0]))
        >>> found.lead.tolist(), found.image.tolist(), found.always_right  # image 0 is right whatever the weights
        ([[1.0, 5.0], [-2.0, -1.0]], [1], 1)
    """
    sides = [(votes, at_label(votes, labels)) for votes in (cast, confidence) if votes is not None]
    row, column = _contested(sides, labels)
    floor = np.where(labels[row] < column, 0.0, _SMALLEST)
    leads = [_leads(votes, bar, row, column) for votes, bar in sides]
    sure = ahead(floor, *(lead.min(axis=0) for lead in leads))
    wrong = np.zeros(len(labels), dtype=np.bool_)
    wrong[row[~ahead(floor, *(lead.max(axis=0) for lead in leads))]] = True
    kept = np.flatnonzero(~(sure | wrong[row]))
    order, image, widths = _layered(row[kept])
    kept = kept[order]
    leads = [lead.take(kept, axis=1) for lead in leads]
    return Margins(
        lead=leads[0],
        tie_lead=None if confidence is None else leads[1],
        floor=floor[kept],
        widths=widths,
        image=image,
        always_right=len(labels) - len(image) - int(wrong.sum()),
        images=len(labels),
    )


def at_label(votes: MemberLogits, labels: Labels) -> AtLabel:
    """Return what each member casts for the label of each image.

    Example:
        >>> at_label(np.array([[[0.5, 0.25, 0.25], [0.0, 0.25, 0.75]]]), np.array([0, 2]))
        array([[0.5 , 0.75]])
    """
    place = np.arange(len(labels)) * votes.shape[2] + labels
    found = np.empty(votes.shape[:2], dtype=votes.dtype)
    for member, vote in enumerate(votes):
        vote.reshape(-1).take(place, out=found[member], mode="clip")
    return found


def ahead(
    floor: Float[np.ndarray, " pairs"],
    lead: Float[np.ndarray, "*batch pairs"],
    tie_lead: Float[np.ndarray, "*batch pairs"] | None = None,
    width: float = TIE_WIDTH,
) -> Bool[np.ndarray, "*batch pairs"]:
    """Return in which pairs the label beats the class; a larger lead never turns that into a loss.

    Args:
        tie_lead: the lead in confidence, where that breaks ties.
        width: how near to 0 a lead is a tie that confidence breaks: 1e-12 for weights that sum to 1.
    """
    if tie_lead is None:
        return np.asarray(lead >= floor)
    confident = (tie_lead > width) | ((tie_lead >= -width) & (floor == 0))
    return np.asarray((lead > width) | ((lead >= -width) & confident))


def won(
    margins: Margins,
    lead: Float[np.ndarray, "*batch pairs"],
    tie_lead: Float[np.ndarray, "*batch pairs"] | None = None,
) -> Bool[np.ndarray, "*batch decided"]:
    """Return which of the decided images the label wins, given its lead in every pair.

    Args:
        tie_lead: the lead in summed confidence, where the pairs have one.
    """
    wins = ahead(margins.floor, lead, tie_lead)
    at = margins.widths[0] if margins.widths else 0
    every = wins[..., :at]
    for width in margins.widths[1:]:
        every[..., :width] &= wins[..., at : at + width]
        at += width
    return every


def right(margins: Margins, weights: Float[np.ndarray, "*batch members"]) -> Int[np.ndarray, "*batch"]:
    """Return how many images a blend has right, for each row of weights >= 0, not all 0.

    Example:
        >>> cast = np.array([[[1.0, 0.0]], [[0.0, 2.0]]])
        >>> right(margins_of(cast, np.array([0])), np.array([[2.0, 1.0], [1.0, 1.0]]))  # a tie goes to class 0
        array([1, 0])
    """
    ties = None if margins.tie_lead is None else weights @ margins.tie_lead
    return np.asarray(margins.always_right + won(margins, weights @ margins.lead, ties).sum(axis=-1))


def _contested(sides: Sequence[tuple[MemberLogits, AtLabel]], labels: Labels) -> tuple[Places, Places]:
    """Return rows and classes of the pairs where not every member puts the label clearly ahead.

    Clearly: by vote or, where confidence breaks ties, by confidence at a vote no lower.
    """
    images, classes = sides[0][0].shape[1:]
    tests: list[tuple[MemberLogits, AtLabel, np.ufunc]] = [(*sides[0], np.less)]
    if len(sides) == 2:
        confidence, bar = sides[1]
        tests = [(*sides[0], np.less_equal), (confidence, bar - 2 * TIE_WIDTH, np.less)]
    step = max(1, _AT_ONCE // max(1, classes))
    found = []
    for begin in range(0, images, step):
        end = min(begin + step, images)
        clear = np.ones((end - begin, classes), dtype=np.bool_)
        one = np.empty_like(clear)
        for votes, bar, below in tests:
            for member in range(len(votes)):
                below(votes[member, begin:end], bar[member, begin:end, None], out=one)
                clear &= one
        clear[np.arange(end - begin), labels[begin:end]] = True  # the label is not its own rival
        found.append(np.flatnonzero(~clear) + begin * classes)
    place = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return place // max(1, classes), place % max(1, classes)


def _leads(votes: MemberLogits, bar: AtLabel, row: Places, column: Places) -> Leads:
    """Return, member by member, how far the label is ahead of each class."""
    place = row * votes.shape[2] + column
    leads = np.empty((len(votes), len(row)))
    for member, vote in enumerate(votes):
        np.subtract(bar[member].take(row), vote.reshape(-1).take(place), out=leads[member], dtype=np.float64)
    return leads


def _layered(row: Places) -> tuple[Places, Int[np.ndarray, " decided"], tuple[int, ...]]:
    """Return the order that lays pairs, sorted by row, in layers; the rows in that order; the widths."""
    image, begin, amount = np.unique(row, return_index=True, return_counts=True)
    by_amount = np.argsort(-amount, kind="stable")
    image, begin, amount = image[by_amount], begin[by_amount], amount[by_amount]
    widths = tuple(int((amount > layer).sum()) for layer in range(int(amount.max(initial=0))))
    order = np.concatenate([begin[:width] + layer for layer, width in enumerate(widths)] or [begin])
    return order, image, widths
