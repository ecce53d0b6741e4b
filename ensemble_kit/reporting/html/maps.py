"""Maps of the page, a square for a pair: which class is taken for which, which members differ."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ensemble_kit.reporting.html.drawing import BLUE, INK, ORANGE, PAPER, drawn
from ensemble_kit.reporting.html.words import short
from ensemble_kit.reporting.terminal import percent
from ensemble_kit.results import ConfusionReport, DisagreementReport

NAMED: Final = 40  # up to so many classes stand in words beside their map
NUMBERED: Final = 14  # and up to so many rows have their numbers in it
MOST_SQUARES: Final = 6000

Squares = Mapping[tuple[int, int], tuple[str, float, str]]
"""By row and column: colour, strength from 0 to 1, and text."""


def confusion(cells: Sequence[ConfusionReport], classes: Sequence[str]) -> str:
    """Return the confusion matrix: a row a class, strong where many of its images go."""
    place = {name: number for number, name in enumerate(classes)}
    total: dict[str, int] = {}
    few = len(classes) <= NAMED
    faintest = 0.12 if few else 0.35  # small squares must be seen
    for one in cells:
        total[one.label] = total.get(one.label, 0) + one.images
    squares = {
        (place[one.label], place[one.predicted]): (
            BLUE if one.label == one.predicted else ORANGE,
            faintest + (1 - faintest) * one.images / total[one.label],
            f"{one.images}",
        )
        for one in sorted(cells, key=lambda one: -one.images)[:MOST_SQUARES]
    }
    right = sum(one.images for one in cells if one.label == one.predicted)
    return drawn(
        "confusion",
        f"Confusion matrix of {len(classes)} classes: {right} of {sum(total.values())} images are right",
        _size_px(len(classes), classes if few else ()),
        lambda figure: _draw(figure, squares, len(classes), classes if few else None, ("class given", "label")),
    )


def disagreement(found: DisagreementReport) -> str:
    """Return how often two members differ."""
    count, shares = len(found.members), np.array(found.shares)
    apart = shares[~np.eye(count, dtype=bool)]
    least, most = float(apart.min()), float(apart.max())
    strength = 0.1 + 0.9 * (shares - least) / max(most - least, 1e-9)
    squares = {
        (row, column): (BLUE, float(strength[row, column]), percent(shares[row, column]))
        for row in range(count)
        for column in range(count)
        if row != column
    }
    return drawn(
        "disagreement",
        f"How often {count} members give different classes: {percent(least)} to {percent(most)} % of the images",
        _size_px(count, found.members),
        lambda figure: _draw(figure, squares, count, found.members),
    )


def _size_px(count: int, names: Sequence[str]) -> tuple[int, int]:
    """Return the size that a map needs for its squares and the names beside and, slanted, below them."""
    square_px = 34 if count <= NUMBERED else min(18, 640 / count) if names else 560 / count
    longest = max((len(short(name)) for name in names), default=4)
    return round(60 + 6.2 * longest + count * square_px), round(70 + 4.4 * longest + count * square_px)


def _draw(
    figure: Any, squares: Squares, count: int, names: Sequence[str] | None, axes_names: tuple[str, str] = ("", "")
) -> None:
    """Draw the squares of a map, with names or, without any, numbers now and then."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    axes = figure.subplots()
    boxes = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in squares]
    colours = [(colour, min(1.0, strength)) for colour, strength, _ in squares.values()]
    axes.add_collection(PatchCollection(boxes, facecolors=colours, linewidths=0))
    for (row, column), (_, strength, text) in squares.items() if count <= NUMBERED else ():
        ink = PAPER if strength > 0.55 else INK
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8.5)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if names is not None:
        axes.set_xticks(range(count), map(short, names), rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), map(short, names))
