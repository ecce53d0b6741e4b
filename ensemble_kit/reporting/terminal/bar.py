"""A progress bar as one line of text; what there is no room for is left out, the least telling first."""

from collections.abc import Sequence
from typing import Final

SHORTEST, LONGEST = 8, 40  # columns of the bar itself
GAP: Final = "  "


def bar_line(facts: Sequence[str], share: float, figures: Sequence[str], columns: int) -> str:
    """Return a bar between facts and figures that stays within so many columns.

    Args:
        facts: what is being done, then how it stands; the last is left out first.
        share: of the work that is done, in [0, 1].
        figures: beside the share, as text; the last is left out first, and before any fact is.

    Example:
        >>> print(bar_line(["cnn", "epoch 1/4"], 0.25, ["0:12"], 40))
        cnn  epoch 1/4  ━━─────────   25 %  0:12
        >>> print(bar_line(["cnn", "epoch 1/4"], 0.25, ["0:12"], 20))
        cnn  ━━──────   25 %
    """
    done = f"{int(100 * share):3d} %"
    shown = [*range(len(figures), 0, -1)]
    choices = [(len(facts), number) for number in shown] + [(number, 0) for number in range(len(facts), 0, -1)]
    for kept, number in choices:
        left, right = GAP.join(facts[:kept]), GAP.join([done, *figures[:number]])
        room = columns - _width(left) - len(right) - 2 * len(GAP)
        if room >= SHORTEST:
            return GAP.join([left, _bar(share, min(room, LONGEST)), right])
    return _without_bar(facts[0], done.strip(), columns)


def _bar(share: float, columns: int) -> str:
    filled = int(share * columns)
    return "━" * filled + "─" * (columns - filled)


def _without_bar(title: str, done: str, columns: int) -> str:
    """Return the title, shortened where need be, and the share; where that is too wide, the share alone."""
    room = columns - len(done) - len(GAP)
    if room < 1:
        return done if len(done) <= columns else ""
    while _width(title) > room:
        title = title.removesuffix("…")[:-1] + "…" if len(title) > 1 else ""
    return f"{title}{GAP}{done}"


def _width(text: str) -> int:
    """Return how many columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
