"""What `ek find-lr` says: two rates and why, and the curve as a PNG, drawn by matplotlib where it is installed."""

import io

from ensemble_kit.extras import install_hint
from ensemble_kit.reporting.terminal import wrapped
from ensemble_kit.results import FindLrReport
from ensemble_kit.visible import visible

INK, DOTS, MARK, OTHER = "#1f5a96", "#bcd3ea", "#c0392b", "#7f8c8d"
WHY = (
    "A tenth of the rate of lowest loss: that point depends little on chance, the point of fastest fall on a few "
    "batches. Accurate to a factor of 3; more so with --steps 400."
)
HEADROOM = 0.15  # of the smoothed curve's height; what a diverging loss exceeds is cut off


def found(report: FindLrReport) -> str:
    """Return what `ek find-lr` prints."""
    end = "there the loss diverged" if report.diverged else "the loss did not diverge"
    return "\n".join(
        [
            wrapped(
                f"{report.data}: {report.arch} at {report.size_px} px; recipe {report.recipe}: {report.optimizer}, "
                f"{report.batch_size} images a step"
            ),
            wrapped(f"{len(report.rates)} steps, learning rate {report.rates[0]:.0e} to {report.rates[-1]:.1e}; {end}"),
            _rate(report, report.steepest, "the smoothed loss falls fastest"),
            _rate(report, report.tenth, f"a tenth of where it is lowest ({report.lowest:.1e})"),
            wrapped(WHY),
            _plot_line(report),
            f"Next: {report.next}",
        ]
    )


def find_lr_plot(report: FindLrReport) -> bytes | None:
    """Return the loss against the learning rate as a PNG; None without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(8.0, 4.8), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.plot(report.rates, report.losses, color=DOTS, linestyle="", marker=".", markersize=4, label="loss of a batch")
    axes.plot(report.rates, report.smoothed, color=INK, label="smoothed")
    for rate, text in ((report.steepest, "falls fastest"), (report.tenth, "lowest / 10")):
        color = MARK if rate == report.recommended else OTHER
        axes.axvline(rate, color=color, linestyle="--", linewidth=1, label=f"{text}: {rate:.1e}")
    low, start = min(report.smoothed), report.smoothed[0]
    room = HEADROOM * (start - low)
    axes.set_ylim(low - 2 * room, start + 3 * room)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss, nats")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    title = f"{report.data}: {report.arch}, recipe {report.recipe}: which learning rate?"
    figure.suptitle(visible(title), fontsize=12, parse_math=False)
    page = io.BytesIO()
    figure.savefig(page, format="png")
    return page.getvalue()


def _rate(report: FindLrReport, rate: float, what: str) -> str:
    """Return a learning rate and what it is."""
    mark = " <- recommended" if rate == report.recommended else ""
    return wrapped(f"{what}{mark}", " " * 11, f"  {rate:.1e}  ")


def _plot_line(report: FindLrReport) -> str:
    if report.plot is None:
        return wrapped(f"No plot: matplotlib is not installed. Install it: {install_hint('report')}")
    return f"plot  {report.plot}"
