"""Charts of the page, a function each: numbers of a report -> SVG.

To add one: a function, and a place in the template.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ensemble_kit.reporting.html.drawing import BLUE, GREEN, LINE, MUTED, ORANGE, drawn
from ensemble_kit.reporting.html.words import short
from ensemble_kit.reporting.terminal import percent
from ensemble_kit.results import LearningReport, ReliabilityReport, ViewsReport, WorthReport
from ensemble_kit.splits import VAL

NAMED_POINTS: Final = 8
MARKS: Final = {
    "member": ("o", BLUE, "member"),
    "equal": ("s", GREEN, "equal weights"),
    "blend": ("D", ORANGE, "this blend"),
    "limit": ("^", ORANGE, "this blend in less time"),
}


def reliability(before: ReliabilityReport | None, after: ReliabilityReport, images: int) -> str:
    """Return accuracy against confidence, before and after temperatures."""
    panels = [("before: every temperature 1", before), ("after, honest", after)]
    shown = [(title, one) for title, one in panels if one is not None]

    def draw(figure: Any) -> None:
        for axes, (title, one) in zip(
            figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True
        ):
            axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            said, right = (
                np.array([100 * getattr(bin, key) for bin in one.bins]) for key in ("confidence", "accuracy")
            )
            low, high = 100 * np.array([bin.interval for bin in one.bins]).T
            axes.vlines(said, low, high, color=BLUE, linewidth=1, alpha=0.6)
            size = [12 + 130 * bin.images / images for bin in one.bins]
            axes.scatter(said, right, s=size, color=BLUE, zorder=3, linewidths=0)
            axes.set(xlim=(0, 102), ylim=(-2, 102), xlabel="confidence, %", box_aspect=1)
            axes.set_title(f"{title}\nECE {percent(one.calibration.calibration_error)} %")
        figure.axes[0].set_ylabel("right, %")

    said = "; ".join(
        f"{title}, calibration error {percent(one.calibration.calibration_error)} %" for title, one in shown
    )
    return drawn("reliability", f"Reliability diagrams. {said}", (330 * len(shown), 400), draw)


def learning(number: int, one: LearningReport, judged_on: str = VAL) -> str:
    """Return the losses of a member, epoch by epoch."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for name, values, colour, dashes in (
            ("train", one.train_loss, ORANGE, (0, (4, 2))),
            (judged_on, one.val_loss, BLUE, "-"),
        ):
            there = [(epoch, value) for epoch, value in zip(one.epochs, values, strict=True) if value is not None]
            marker = "o" if len(there) < len(one.epochs) or len(there) == 1 else None
            axes.plot(
                *zip(*there, strict=True), color=colour, linestyle=dashes, label=name, marker=marker, markersize=3
            )
        axes.set(xlabel="epoch", ylabel="log loss, nats")
        axes.set_ylim(bottom=0)
        _whole(axes)
        axes.legend(frameon=False, fontsize=8.5)

    best = percent(one.val_accuracy[-1])
    label = (
        f"Training and {judged_on} loss of {one.member} over {len(one.epochs)} epochs; {judged_on} accuracy at the end "
        f"{best} %"
    )
    return drawn(f"learning-{number}", label, (280, 200), draw)


def view_curve(number: int, one: ViewsReport) -> str:
    """Return accuracy against the number of views of a member, with its interval and where to stop."""

    stop = one.stop or len(one.curve)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        counts = [step.views for step in one.curve]
        low, high = 100 * np.array([step.interval for step in one.curve]).T
        axes.fill_between(counts, low, high, color=BLUE, alpha=0.18, linewidth=0)
        axes.plot(counts, [100 * step.accuracy for step in one.curve], color=BLUE, marker="o", markersize=3.5)
        axes.axvline(stop, color=ORANGE, linestyle=(0, (4, 3)), linewidth=1)
        side = "left" if stop <= (1 + counts[-1]) / 2 else "right"
        axes.text(
            stop, 1.0, f" stop at {stop} ", transform=axes.get_xaxis_transform(), color=ORANGE, va="bottom", ha=side
        )
        axes.set(xlabel="views", ylabel="honest accuracy, %")
        _whole(axes)

    first, last = one.curve[0], one.curve[-1]
    label = (
        f"Honest accuracy of {one.member} over views: {percent(first.accuracy)} % with {first.views}, "
        f"{percent(last.accuracy)} % with {last.views}; stop at {stop}"
    )
    return drawn(f"views-{number}", label, (280, 210), draw)


def costs(points: Sequence[WorthReport], judged_on: str = VAL) -> str | None:
    """Return accuracy against milliseconds, and the front that nothing beats; None where nothing was measured."""
    timed = [(one.ms, one) for one in points if one.ms]
    if not timed:
        return None

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for kind, (marker, colour, name) in MARKS.items():
            those = [(ms, 100 * one.accuracy) for ms, one in timed if one.kind == kind]
            if those:
                axes.scatter(*zip(*those, strict=True), marker=marker, color=colour, s=38, label=name, zorder=3, lw=0)
        for ms, one in timed:
            axes.vlines(ms, *(100 * bound for bound in one.interval), color=MARKS[one.kind][1], linewidth=1, alpha=0.45)
        front = [(ms, 100 * one.accuracy) for ms, one in timed if one.on_front]
        axes.step(*zip(*front, strict=True), where="post", color=MUTED, linewidth=1, label="Pareto front")
        _name_front(axes, [one for _, one in timed if one.on_front])
        _time_axis(axes, [ms for ms, _ in timed])
        axes.set(xlabel="ms per image", ylabel=f"accuracy on {judged_on}, %")
        axes.legend(frameon=False, fontsize=8.5, loc="best")

    ms, best = max(timed, key=lambda pair: pair[1].accuracy)
    label = f"Accuracy against time; most right: {best.name}, {percent(best.accuracy)} % in {ms:.3g} ms per image"
    return drawn("costs", label, (640, 380), draw)


def _name_front(axes: Any, front: Sequence[WorthReport]) -> None:
    """Name the points of a short front, by turns above and below."""
    for number, one in enumerate(front if len(front) <= NAMED_POINTS else ()):
        above = number % 2 == len(front) % 2
        axes.annotate(
            short(one.name, 18),
            (one.ms, 100 * one.accuracy),
            (-5, 7) if above else (5, -13),
            textcoords="offset points",
            fontsize=8.5,
            ha="right" if above else "left",
        )


def _time_axis(axes: Any, times: Sequence[float]) -> None:
    """Make the axis of times logarithmic where they are far apart, with plain numbers."""
    from matplotlib.ticker import FuncFormatter

    axes.margins(x=0.15)
    if max(times) > 3 * min(times):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda ms, _: f"{ms:g}" if f"{ms:e}"[0] in "25" else ""))
        axes.tick_params(which="minor", labelsize=8.5, labelcolor=MUTED, color=LINE)


def _whole(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
