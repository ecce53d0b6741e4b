"""The eight ways to lay a square image on itself, and how they are combined.

Every element of this group (the dihedral group D4) is one `Turn`: swap rows with columns or
not, then mirror the rows or not, then mirror the columns or not. Three truth values say all,
so that products need no table of 64 lines. Knows no pixels and no text.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

from ensemble_kit.types import IDENTITY

Side = TypeVar("Side")


class Turn(NamedTuple):
    """One element of D4: rows and columns swapped first, then either of them mirrored."""

    swap: bool
    rows: bool
    columns: bool

    @property
    def neutral(self) -> bool:
        """Whether the image stays as it is."""
        return not any(self)

    def then(self, other: "Turn") -> "Turn":
        """Return the one turn that does what this one and then the other one does.

        Example:
            >>> TURNS["rot90"].then(TURNS["rot90"]).spelled()
            'rot180'
        """
        rows, columns = (self.columns, self.rows) if other.swap else (self.rows, self.columns)
        return Turn(self.swap != other.swap, rows != other.rows, columns != other.columns)

    def pulled(self, y: Side, x: Side, mirror: Callable[[Side], Side]) -> tuple[Side, Side]:
        """Return what (y, x), said of the turned image, is on the image before the turn.

        Args:
            y, x: a place, a direction, or a pair of margins along either axis.
            mirror: how such a thing changes when its axis is mirrored.

        Example:
            >>> TURNS["rot90"].pulled(0, 0, lambda fraction: 1 - fraction)  # what is top left came from top right
            (0, 1)
        """
        y, x = mirror(y) if self.rows else y, mirror(x) if self.columns else x
        return (x, y) if self.swap else (y, x)

    def spelled(self) -> str:
        """Return the name in `TURNS`."""
        return next(name for name, turn in TURNS.items() if turn == self)


TURNS: Final[Mapping[str, Turn]] = {
    IDENTITY: Turn(False, False, False),
    "hflip": Turn(False, False, True),  # mirrored left to right
    "vflip": Turn(False, True, False),  # mirrored top to bottom
    "rot90": Turn(True, True, False),  # counter-clockwise, as torch.rot90
    "rot180": Turn(False, True, True),
    "rot270": Turn(True, False, True),  # clockwise by a quarter
    "transpose": Turn(True, False, False),  # about the diagonal from top left
    "transverse": Turn(True, True, True),  # about the diagonal from top right
}
