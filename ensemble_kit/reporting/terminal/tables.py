"""Tables and sentences at the width of the terminal, 80 columns where there is none, and numbers as text."""

import io
import math
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.terminal.plain import sayable
from ensemble_kit.splits import OOF, VAL

IMAGES: Final = {
    VAL: "val images",
    OOF: "held-out images of train",
}  # by the split that members are evaluated on
WHAT: Final = {VAL: "Val", OOF: "What was held out"}  # the same at the start of a sentence
WHERE: Final = {VAL: "val", OOF: "train"}  # whose images they are
NARROWEST: Final = 8  # a first column is shortened no further
GAP: Final = 2  # columns between columns
TOGETHER: Final = re.compile(r"(?<=\d) (?=%)|(?<=\bp) (?=[=<] \d)|(?<=\bp [=<]) (?=\d)")  # 95 %; p = 0.04
WIDEST: Final = 100  # a sentence is harder to read when its lines are longer


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return an aligned table; the first `left` columns to the left, the rest to the right.

    Where it would be wider than the terminal, the first column is shortened; where that is not
    enough, the columns stand in several tables one below the other, each with the first column.

    Example:
        >>> print(table(["member", "val %"], [["cnn", "71.0"], ["mlp", "9.5"]]))
        member  val %
        ─────────────
        cnn      71.0
        mlp       9.5
    """
    from rich.cells import cell_len

    cells = [[sayable(cell) for cell in row] for row in [header, *rows]]
    widths = [max(1, *map(cell_len, column)) for column in zip(*cells, strict=True)]
    chunks = list(_chunks(widths, terminal_columns()))
    return "\n\n".join(_grid([[row[i] for i in chunk] for row in cells], chunk, left) for chunk in chunks)


def _chunks(widths: Sequence[int], columns: int) -> Iterator[dict[int, int]]:
    """Return which columns stand beside each other, as index -> width; the first one in every chunk."""
    first = min(widths[0], max(columns - sum(width + GAP for width in widths[1:]), NARROWEST))
    if first + sum(width + GAP for width in widths[1:]) > columns:
        first = min(widths[0], max(columns // 2, NARROWEST))
    room = max(columns - first - GAP, NARROWEST)
    chunk, used = {0: first}, 0
    for i, width in enumerate(widths[1:], start=1):
        narrowed = min(width, room)
        if len(chunk) > 1 and used + narrowed > room:
            yield chunk
            chunk, used = {0: first}, 0
        chunk[i] = narrowed
        used += narrowed + GAP
    yield chunk


def _grid(cells: Sequence[Sequence[str]], widths: dict[int, int], left: int) -> str:
    """Return some columns, of such widths, as text; the first row is the header."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for title, (i, width) in zip(cells[0], widths.items(), strict=True):
        side: Literal["left", "right"] = "left" if i < left else "right"
        grid.add_column(Text(_shortened(title, width)), justify=side, width=width, no_wrap=True, overflow="ellipsis")
    for row in cells[1:]:
        grid.add_row(*(Text(_shortened(cell, width)) for cell, width in zip(row, widths.values(), strict=True)))
    page = io.StringIO()
    room = sum(widths.values()) + GAP * len(widths)
    Console(file=page, width=room, color_system=None, legacy_windows=False).print(grid)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _shortened(text: str, width: int) -> str:
    """Return a text with its middle left out where it is wider than that; ends tell names apart."""
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    head = next(text[:i] for i in range(len(text), -1, -1) if cell_len(text[:i]) <= width // 2)
    room = width - 1 - cell_len(head)
    return f"{head}…{next(text[i:] for i in range(len(text) + 1) if cell_len(text[i:]) <= room)}"


def wrapped(text: str, indent: str = "", first: str = "", columns: int | None = None) -> str:
    """Return a sentence broken between words at the width of the terminal, its later lines indented.

    Never breaks a word, so that paths and commands can be copied, nor a figure from its sign. Blanks that it
    begins with stay.

    Args:
        first: what stands before the sentence in its first line, as it is.
        columns: the width of another terminal than that of standard output.

    Example:
        >>> print(wrapped("  " + "word " * 16, indent="    "))
          word word word word word word word word word word word word word word word
            word
    """
    from rich.cells import cell_len

    columns = min(columns or terminal_columns(), WIDEST)
    said = sayable(text)
    lines, line, fresh = [], first + said[: len(said) - len(said.lstrip())], True
    for word in TOGETHER.sub("\0", said).split():
        word = word.replace("\0", " ")
        if not fresh and cell_len(line) + 1 + cell_len(word) > columns:
            lines.append(line)
            line, fresh = indent, True
        line, fresh = (line if fresh else f"{line} ") + word, False
    return "\n".join([*lines, line])


def terminal_columns() -> int:
    """Return how wide the terminal is; the variable COLUMNS says otherwise."""
    return shutil.get_terminal_size((80, 24)).columns


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction in percent, without the sign; a dash for None or NaN."""
    return "-" if fraction is None or math.isnan(fraction) else f"{100 * fraction:z.{digits}f}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number and what it counts, in the plural where it is not one.

    Example:
        >>> counted(1, "view"), counted(1500, "view"), counted(0, "leak, or none", "leaks")
        ('1 view', '1,500 views', '0 leaks')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def points(difference: float) -> str:
    """Return a difference of accuracies in points, signed."""
    return f"{100 * difference:+.1f}"


def interval(bounds: tuple[float, float]) -> str:
    """Return a 95 % interval in percent."""
    return f"{percent(bounds[0])} to {percent(bounds[1])}"


def number(value: float | None, digits: int) -> str:
    """Return a number with so many digits after the point; a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def temperature(value: float) -> str:
    """Return a temperature with two digits after the point; three in all where that would say too little.

    Example:
        >>> temperature(1.234), temperature(0.00517), temperature(23456.0)
        ('1.23', '0.00517', '2.35e+04')
    """
    return number(value, 2) if 0.1 <= value < 10_000 else f"{value:.3g}"


def bare_score(metric: str, value: float, digits: int = 3) -> str:
    """Return a score without its unit; losses with so many digits."""
    return percent(value) if METRICS[metric].unit == "%" else number(value, digits)


def score_interval(metric: str, bounds: tuple[float, float]) -> str:
    """Return a 95 % interval of a score; losses with two digits, so that it is no wider than one in percent."""
    return f"{bare_score(metric, bounds[0], 2)} to {bare_score(metric, bounds[1], 2)}"
