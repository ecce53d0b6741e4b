"""Tables and numbers as text: at most the width of the terminal, 80 columns where there is none."""

import io
import math
import shutil
import textwrap
from collections.abc import Sequence
from typing import Literal

from ensemble_kit.metrics import METRICS


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return an aligned table; the first `left` columns to the left, the rest to the right.

    Where it would be wider than the terminal, the first column is shortened.

    Example:
        >>> print(table(["member", "val %"], [["cnn", "71.0"], ["mlp", "9.5"]]))
        member  val %
        ─────────────
        cnn      71.0
        mlp       9.5
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = shutil.get_terminal_size((80, 24)).columns
    widths = [max(cell_len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    widths[0] = min(widths[0], max(columns - sum(widths[1:]) - 2 * (len(widths) - 1), 8))
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for i, (title, width) in enumerate(zip(header, widths, strict=True)):
        side: Literal["left", "right"] = "left" if i < left else "right"
        grid.add_column(Text(title), justify=side, width=width, no_wrap=True, overflow="ellipsis")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    page = io.StringIO()
    Console(file=page, width=sum(widths) + 2 * len(widths), color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def wrapped(text: str, indent: str = "") -> str:
    """Return a sentence broken at the width of the terminal, its later lines indented."""
    columns = shutil.get_terminal_size((80, 24)).columns
    return textwrap.fill(text, columns, subsequent_indent=indent, break_on_hyphens=False)


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction in percent, without the sign; a dash for None or NaN."""
    return "-" if fraction is None or math.isnan(fraction) else f"{100 * fraction:.{digits}f}"


def points(difference: float) -> str:
    """Return a difference of accuracies in points, signed."""
    return f"{100 * difference:+.1f}"


def interval(bounds: tuple[float, float]) -> str:
    """Return a 95 % interval in percent."""
    return f"{percent(bounds[0])} to {percent(bounds[1])}"


def number(value: float | None, digits: int) -> str:
    """Return a number with so many digits after the point; a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def score(metric: str, value: float) -> str:
    """Return a score with its unit.

    Example:
        >>> score("macro-f1", 0.907), score("log-loss", 0.2716)
        ('90.7 %', '0.272 nats')
    """
    return f"{bare_score(metric, value)} {METRICS[metric].unit}"


def bare_score(metric: str, value: float, digits: int = 3) -> str:
    """Return a score without its unit; losses with so many digits."""
    return percent(value) if METRICS[metric].unit == "%" else number(value, digits)


def score_interval(metric: str, bounds: tuple[float, float]) -> str:
    """Return a 95 % interval of a score; losses with two digits, so that it is no wider than one in percent."""
    return f"{bare_score(metric, bounds[0], 2)} to {bare_score(metric, bounds[1], 2)}"
