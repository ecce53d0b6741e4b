"""Curves as images: PNG, drawn by matplotlib where it is installed."""

import io
from typing import Any

from ensemble_kit.results import CurveReport, CurveStepReport
from ensemble_kit.visible import visible

INK, BAND, MARK = "#1f5a96", "#bcd3ea", "#c0392b"


def view_curve_plot(curve: CurveReport, member: str, images: int) -> bytes | None:
    """Return accuracy and log-likelihood against the number of views as a PNG; None without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(8.0, 6.4), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    _draw(
        above,
        curve,
        "honest accuracy, %",
        [100 * step.accuracy for step in curve.steps],
        [(100 * step.interval[0], 100 * step.interval[1]) for step in curve.steps],
    )
    _draw(
        below,
        curve,
        "log-likelihood, nats",
        [step.log_likelihood for step in curve.steps],
        [step.log_likelihood_interval for step in curve.steps],
    )
    below.set_xlabel("views, each the one that lowers log loss most" + _cost(curve.steps))
    title = f"{visible(member)}: how many views? ({images} val images, 95 % intervals)"
    figure.suptitle(title, fontsize=12, parse_math=False)
    page = io.BytesIO()
    figure.savefig(page, format="png")
    return page.getvalue()


def _draw(axes: Any, curve: CurveReport, title: str, values: list[float], intervals: list[tuple[float, float]]) -> None:
    counts = [step.views for step in curve.steps]
    lows, highs = zip(*intervals, strict=True)
    axes.fill_between(counts, lows, highs, color=BAND, linewidth=0)
    axes.plot(counts, values, color=INK, marker="o", markersize=4)
    axes.axvline(curve.stop, color=MARK, linestyle="--", linewidth=1)
    early = curve.stop <= (1 + counts[-1]) / 2
    axes.annotate(
        f"stop at {curve.stop}",
        (curve.stop, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4 if early else -4, -12),
        textcoords="offset points",
        ha="left" if early else "right",
        color=MARK,
    )
    axes.set_ylabel(title)
    axes.set_xticks(counts)
    axes.set_xticklabels([step.added if len(counts) <= 16 else str(step.views) for step in curve.steps])
    axes.tick_params(axis="x", labelrotation=35 if len(counts) <= 16 else 0, labelsize=8)
    for label in axes.get_xticklabels():
        label.set_ha("right" if len(counts) <= 16 else "center")
    axes.grid(alpha=0.3)


def _cost(steps: tuple[CurveStepReport, ...]) -> str:
    """Return what the first and the last step cost, where it was measured."""
    first, last = steps[0].ms, steps[-1].ms
    return "" if first is None or last is None else f"; {first:.2f} to {last:.2f} ms per image"
