"""What stands in the sections of a blend's report that val tells: who is right, how often, and how sure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble_kit.ensembling.diagnostics import PerPair, find_label_errors
from ensemble_kit.ensembling.evaluation import Bin, Scored, reliability
from ensemble_kit.ensembling.statistics import accuracy_interval
from ensemble_kit.pipeline.members import describe_member, ms_of
from ensemble_kit.pipeline.report.recompute import Case
from ensemble_kit.results import (
    BinReport,
    BlendReport,
    CalibrationReport,
    ClassReport,
    ConfusionReport,
    DisagreementReport,
    ImageReport,
    Interval,
    LadderReport,
    ReliabilityReport,
    WorthReport,
)


def ladder_of(case: Case, predictions: Path, cache: Path) -> tuple[LadderReport, ...]:
    """Return every member of the blend, the best first."""
    rows = [
        LadderReport(
            member=describe_member(predictions, pin.name, cache, case.sets.evaluation.split),
            ms=ms_of(held.manifest),
            weight=pin.weight,
            temperature=pin.temperature,
        )
        for pin, held in zip(case.opened.saved.members, case.opened.members, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.member.val_accuracy, row.member.val_log_loss, row.member.name)))


def classes_of(case: Case) -> tuple[ClassReport, ...]:
    """Return how many images of each class are found, the least found first; those without an image last."""
    labels, groups = case.cross_fitted.scored.labels, case.val.groups
    right = case.cross_fitted.scored.correct.mean(axis=0)
    found = []
    for place, name in enumerate(case.val.classes):
        rows = np.flatnonzero(labels == place)
        if not len(rows):
            found.append(ClassReport(name, 0, None, None))
            continue
        bounds = accuracy_interval(right[rows], None if groups is None else [groups[row] for row in rows])
        found.append(ClassReport(name, len(rows), float(right[rows].mean()), bounds))
    return tuple(sorted(found, key=lambda one: 2.0 if one.accuracy is None else one.accuracy))


def confusion_of(case: Case) -> tuple[ConfusionReport, ...]:
    """Return which class is given for which, by label and then by class; pairs that never occur are left out."""
    classes = case.val.classes
    pairs = case.cross_fitted.scored.labels * len(classes) + case.cross_fitted.winner
    places, counts = np.unique(pairs, return_counts=True)
    return tuple(
        ConfusionReport(classes[place // len(classes)], classes[place % len(classes)], count)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True)
    )


def reliability_of(scored: Scored | None, figures: CalibrationReport | None) -> ReliabilityReport | None:
    """Return a reliability diagram; None where there are no probabilities."""
    if scored is None or scored.confidence is None or figures is None:
        return None
    bins = reliability(scored.confidence, scored.correct)
    return ReliabilityReport(figures, tuple(map(_bin, bins)))


def _bin(one: Bin) -> BinReport:
    return BinReport(
        low=one.low,
        high=one.high,
        images=one.images,
        confidence=one.confidence,
        accuracy=one.accuracy,
        interval=one.interval,
    )


def disagreement_of(case: Case) -> DisagreementReport | None:
    """Return how often two members differ, those that agree side by side; None for a lone member."""
    shares = case.differ.pairs.different_class
    if len(shares) < 2:
        return None
    order = side_by_side(shares)
    return DisagreementReport(
        members=tuple(case.val.members[place] for place in order),
        shares=tuple(tuple(shares[place, order].tolist()) for place in order),
    )


def side_by_side(distances: PerPair) -> list[int]:
    """Return an order in which what is near stands together: along the axis that tells most apart.

    Example:
        >>> side_by_side(np.array([[0.0, 0.5, 0.1], [0.5, 0.0, 0.4], [0.1, 0.4, 0.0]]))
        [0, 2, 1]

    Source: Torgerson, "Multidimensional scaling", Psychometrika 17, 1952.
    """
    squared = distances**2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1, keepdims=True) + squared.mean()
    axis = np.linalg.eigh(-centred / 2)[1][:, -1].round(9)
    axis = axis if axis[0] <= 0 else -axis
    order: list[int] = np.argsort(axis, kind="stable").tolist()
    return order


def costs_of_all(blend: BlendReport, ladder: Sequence[LadderReport]) -> tuple[WorthReport, ...]:
    """Return what each member, equal weights, the blend, and the blend under tighter limits take and are worth."""
    points = list(_points(blend, ladder))
    timed = sorted(
        ((one.ms, one) for one in points if one.ms is not None), key=lambda pair: (pair[0], -pair[1].accuracy)
    )
    marked = [
        replace(
            one,
            on_front=not any(
                (other_ms <= ms and other.accuracy > one.accuracy) or (other_ms < ms and other.accuracy >= one.accuracy)
                for other_ms, other in timed
            ),
        )
        for ms, one in timed
    ]
    return (*marked, *(one for one in points if one.ms is None))


def _points(blend: BlendReport, ladder: Sequence[LadderReport]) -> Iterator[WorthReport]:
    for row in ladder:
        one = row.member
        yield WorthReport(one.name, "member", row.ms, one.val_accuracy, one.val_interval, False)
    each, cost_ms = [row.ms for row in ladder], blend.numbers.cost_ms
    if len(each) > 1:
        every = None if any(ms is None for ms in each) else float(sum(ms or 0.0 for ms in each))
        equal, this = blend.equal, blend.this
        yield WorthReport(equal.name, "equal", every, equal.honest_accuracy, equal.honest_interval, False)
        yield WorthReport("this blend", "blend", cost_ms, this.honest_accuracy, this.honest_interval, False)
    for cost in blend.full.costs:
        if cost_ms is None or cost.ms < cost_ms * (1 - 1e-9):
            named = f"at most {cost.ms:.3g} ms"
            yield WorthReport(named, "limit", cost.ms, cost.honest_accuracy, cost.honest_interval, False)


def wrong_of(case: Case, top: int) -> tuple[ImageReport, ...]:
    """Return the images that are wrong with the largest share."""
    winner, share = case.cross_fitted.winner, _share(case)
    wrong = np.flatnonzero(winner != case.cross_fitted.scored.labels)
    return _images(case, wrong[np.argsort(-share[wrong], kind="stable")][:top], winner)


def unsure_of(case: Case, top: int) -> tuple[ImageReport, ...]:
    """Return the images whose class has the smallest share."""
    return _images(case, np.argsort(_share(case), kind="stable")[:top], case.cross_fitted.winner)


class LabelErrors(NamedTuple):
    """The first of the images whose label is likelier wrong than right, how many are, and how sure that is.

    Fields are as `PageReport` says; None for votes.
    """

    shown: tuple[ImageReport, ...] = ()
    found: int | None = None
    expected: float | None = None
    noise: float | None = None
    noise_interval: Interval | None = None


def label_errors_of(case: Case, top: int) -> LabelErrors:
    """Return the images whose label is likelier wrong than right, how many, and how sure that is."""
    scored = case.cross_fitted.scored
    if scored.confidence is None:
        return LabelErrors()
    found = find_label_errors(case.cross_fitted.shares, scored.labels)
    suggested = case.cross_fitted.winner.copy()
    suggested[found.rows] = found.suggested
    shown = _images(case, found.rows[:top], suggested)
    return LabelErrors(shown, len(found.rows), found.expected, found.noise, found.noise_interval)


def _share(case: Case) -> np.ndarray:
    """Return the share of the class that each image is given."""
    share: np.ndarray = case.cross_fitted.shares[np.arange(len(case.val.ids)), case.cross_fitted.winner]
    return share


def _images(case: Case, rows: np.ndarray, given: np.ndarray) -> tuple[ImageReport, ...]:
    val, labels, shares = case.val, case.cross_fitted.scored.labels, case.cross_fitted.shares
    return tuple(
        ImageReport(
            image_id=val.ids[row],
            label=val.classes[labels[row]],
            predicted=val.classes[given[row]],
            share=float(shares[row, given[row]]),
            label_share=float(shares[row, labels[row]]),
        )
        for row in rows.tolist()
    )
