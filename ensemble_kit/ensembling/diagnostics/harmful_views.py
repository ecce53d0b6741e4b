"""Which views do harm beside identity, and how small a harm these images could have shown.

A view is never used alone, so it is evaluated as it is used: the plain pair, the mean of
logits of identity and of the view, against identity, on the same images: how many are right,
and how likely their labels are. For that each has a temperature, as in a blend, or a pair that is only less sure
would seem to do harm; nothing else is tuned, so all images may be used. Several views, and many classes, are tests by
the dozen, so p-values are Holm's, over all views. Accuracy and likelihood are a family each: two-sided tests at
5 %, of which only half the errors name a view; likelihood, which sees what no decision would feel, is held against
a loss of a hundredth of a nat. So of views that do no harm, one or more are named in 5 of 100
val sets at most. A view that is not named may still do harm, if less than `smallest`.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import decide
from ensemble_kit.ensembling.evaluation import Scored, compare_scored
from ensemble_kit.ensembling.statistics import (
    FEWEST_UNITS,
    PairedMean,
    difference_interval,
    holm,
    numbered,
    paired_mean,
    sign_flip,
    smallest_resolvable,
)
from ensemble_kit.ensembling.weights import fit_scales, row_losses
from ensemble_kit.metrics import check_some
from ensemble_kit.types import Labels, ViewLogits
from ensemble_kit.verdicts import CLOSE, LEVEL, verdict

MOST_SCALING: Final = 1000  # images that decide about a temperature

Nets = Int[np.ndarray, " _"]  # pair right minus identity right, an image or a group each


class ViewHarm(NamedTuple):
    """The pair of identity and one view, against identity; differences are below 0 where the pair is worse.

    interval: 95 % of this one difference, not widened for the number of views.
    p: exact McNemar, or exact sign flips of whole groups; two-sided.
    adjusted_p: Holm's, over all views.
    smallest: the smallest harm that would be found in 80 % of val sets like this one.
    likelihood: the same of the mean log-likelihood of the labels (nats); its p is Student's t's.
    likelihood_p: that it costs more than `CLOSE`, a hundredth of a nat; Holm's, over all views; 1 where it does not.
    """

    view: int
    difference: float
    interval: tuple[float, float]
    p: float
    adjusted_p: float
    smallest: float
    likelihood: PairedMean
    likelihood_p: float

    @property
    def harmful(self) -> bool:
        """Whether it is worse in accuracy, see `verdicts`, or costs log-likelihood, by the adjusted p."""
        accuracy = verdict(self.difference, self.interval, self.adjusted_p)
        return accuracy == "worse" or self.likelihood_p < LEVEL


class ClassHarm(NamedTuple):
    """A class that a view harms: the pair finds fewer of its images than identity does.

    images: how many there are of the class.
    difference: of the recall, below 0.
    lost, won: how many only identity, and only the pair, has right.
    adjusted_p: Holm's, over all classes of all views that could be warned of.
    """

    view: int
    class_index: int
    images: int
    difference: float
    lost: int
    won: int
    adjusted_p: float


class Harm(NamedTuple):
    """What the views do beside identity.

    views: one entry for every view but identity.
    classes: those that are warned of, and no others.
    smallest: the smallest harm to the accuracy that could have been seen, at the median view.
    smallest_in_class: the same for the recall, at the median of all classes of all views.
    smallest_likelihood: the same as `smallest` for the log-likelihood (nats).
        All are None where there is no view but identity.
    """

    views: tuple[ViewHarm, ...]
    classes: tuple[ClassHarm, ...]
    smallest: float | None
    smallest_in_class: float | None
    smallest_likelihood: float | None = None


class _Cell(NamedTuple):
    """One class under one view: the nets of its images, and those of its units."""

    view: int
    class_index: int
    nets: Nets
    units: Nets


def find_harm(view_logits: ViewLogits, labels: Labels, ids: Sequence[str], groups: Sequence[str] | None) -> Harm:
    """Return which views harm accuracy or likelihood beside identity, and which classes they harm.

    The exact tests ask only which way the images fall that the two decide otherwise, given
    how many there are. So a class with fewer than 6 of them (or of groups) under a view,
    which could not be warned of even alone, is no test, and makes none of the others stricter.

    Args:
        view_logits: view 0 is identity.

    Raises:
        BadDataError: there is no image.

    Example:
        >>> labels = np.arange(303) % 3
        >>> sure = 2.0 * np.eye(3)[labels]
        >>> mirrored = 3.0 * np.eye(3)[np.array([1, 0, 2])[labels]]  # swaps the first two classes
        >>> found = find_harm(np.stack([sure, sure, mirrored]), labels, [str(row) for row in range(303)], None)
        >>> [each.harmful for each in found.views], [(each.class_index, each.lost) for each in found.classes]
        ([False, True], [(0, 101), (1, 101)])

    Source: own; the classes left out after Tarone, "A modified Bonferroni method for discrete
    data", Biometrics 46(2), 1990.
    """
    check_some(labels)
    if len(view_logits) == 1:
        return Harm((), (), None, None)
    alone = decide(view_logits[0])
    pairs = np.stack([decide(np.add(view_logits[0], other, dtype=np.float64)) for other in view_logits[1:]])
    nets = (pairs == labels).astype(np.int64) - (alone == labels)
    place = None if groups is None else numbered(groups)
    rows = sorted(range(len(ids)), key=ids.__getitem__)  # sums round alike, however the images stand
    grouped = None if groups is None else [groups[row] for row in rows]
    likelier = [_likelier(view_logits[[0, view]][:, rows], labels[rows]) for view in range(1, len(view_logits))]
    likelihoods = [paired_mean(each, grouped, LEVEL / len(pairs)) for each in likelier]
    beyond = [paired_mean(each + CLOSE, grouped) for each in likelier]
    likelihood_p = holm(np.array([each.p if each.difference < 0 else 1.0 for each in beyond]))
    units = [_units(each, place) for each in nets]
    views = _views(alone, pairs, labels, groups, units, likelihoods, likelihood_p)
    classes, smallest_in_class = _classes(list(_cells(nets, labels, place)))
    smallest, smallest_likelihood = (
        float(np.median(sizes))
        for sizes in ([each.smallest for each in views], [each.likelihood.smallest + CLOSE for each in views])
    )
    return Harm(views, classes, smallest, smallest_in_class, smallest_likelihood)


def _likelier(both: ViewLogits, labels: Labels) -> Float[np.ndarray, " images"]:
    """Return by how much the pair holds each label likelier than identity does (nats), each at its temperature.

    Args:
        both: identity and a view; in whatever unit, so they are brought to one for which a temperature can be found.
    """
    both = both / (float(both.std(axis=2, dtype=np.float64).mean()) or 1.0)
    mixes = np.array([[0.5, 0.5], [1.0, 0.0]])  # the pair, identity
    rows = np.arange(0, len(labels), -(-len(labels) // MOST_SCALING))
    scales = fit_scales(np.tensordot(mixes, both[:, rows], axes=1), labels[rows])
    pair_loss, identity_loss = row_losses(both, labels, scales[:, None] * mixes, "softmax")
    likelier: Float[np.ndarray, " images"] = identity_loss - pair_loss
    return likelier


def _views(
    alone: Int[np.ndarray, " images"],
    pairs: Int[np.ndarray, "others images"],
    labels: Labels,
    groups: Sequence[str] | None,
    units: Sequence[Nets],
    likelihoods: Sequence[PairedMean],
    likelihood_p: Float[np.ndarray, " others"],
) -> tuple[ViewHarm, ...]:
    """Return what each view but identity does to the accuracy, beside what it does to the likelihood."""
    identity = Scored(alone[None], None, labels)
    found = [compare_scored(Scored(pair[None], None, labels), identity, "accuracy", groups) for pair in pairs]
    adjusted = holm(np.array([each.p for each in found]))
    return tuple(
        ViewHarm(
            view=place + 1,
            difference=each.difference,
            interval=each.interval,
            p=each.p,
            adjusted_p=float(adjusted[place]),
            smallest=_smallest(units[place], len(labels), LEVEL / len(pairs)),
            likelihood=likelihoods[place],
            likelihood_p=float(likelihood_p[place]),
        )
        for place, each in enumerate(found)
    )


def _cells(
    nets: Int[np.ndarray, "others images"], labels: Labels, place: Int[np.ndarray, " images"] | None
) -> Iterator[_Cell]:
    """Yield every class that there is, under every view but identity."""
    for class_index in np.unique(labels).tolist():
        rows = np.flatnonzero(labels == class_index)
        there = None if place is None else np.unique(place[rows], return_inverse=True)[1]
        for view, each in enumerate(nets, start=1):
            yield _Cell(view, class_index, each[rows], _units(each[rows], there))


def _classes(cells: Sequence[_Cell]) -> tuple[tuple[ClassHarm, ...], float]:
    """Return the classes to warn of, view after view, and the smallest harm at the median of all."""
    tested = sorted((cell for cell in cells if np.count_nonzero(cell.units) >= FEWEST_UNITS), key=lambda cell: cell[:2])
    adjusted = holm(np.array([sign_flip(cell.units) for cell in tested]))
    level = LEVEL / max(1, len(tested))
    smallest = [_smallest(cell.units, len(cell.nets), level) for cell in cells]
    found = (
        ClassHarm(
            view=cell.view,
            class_index=cell.class_index,
            images=len(cell.nets),
            difference=float(cell.nets.mean()),
            lost=int((cell.nets < 0).sum()),
            won=int((cell.nets > 0).sum()),
            adjusted_p=float(p),
        )
        for cell, p in zip(tested, adjusted, strict=True)
    )
    return tuple(filter(_is_warned_of, found)), float(np.median(smallest))


def _is_warned_of(one: ClassHarm) -> bool:
    """Say whether a class is harmed beyond chance."""
    bounds = difference_interval(one.won, one.lost, one.images)
    return verdict(one.difference, bounds, one.adjusted_p) == "worse"


def _units(nets: Nets, place: Nets | None) -> Nets:
    """Return the nets of the images, or their sums over groups."""
    return nets if place is None else np.bincount(place, weights=nets).astype(np.int64)


def _smallest(units: Nets, images: int, level: float) -> float:
    """Return the smallest difference that is found in 80 % of val sets, by how the units vary.

    A group counts as one image that may be worth more than one: by its net, in groups of
    mean size. The mean square of that is the share of discordant images where every unit is one.
    """
    mean_size = images / len(units)
    return smallest_resolvable(float(((units / mean_size) ** 2).mean()), len(units), level)
