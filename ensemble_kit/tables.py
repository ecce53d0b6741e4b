"""Tables that people choose from by name, and how a name is picked.

A table maps a name to one line of help and what fetches the function, through the lazy face of its room: importing
a table imports nothing heavy, so help pages stay quick, and type checkers see a name that is not there. The command
line, the did-you-mean, the README and the tests all read the same table. To extend the kit: write the function,
show it in its room's stub, add a line. What is meant by a name that is not there is decided in `models_zoo.names`, and
by `aliases`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

from ensemble_kit.aliases import ALIASES
from ensemble_kit.errors import UnknownNameError
from models_zoo import did_you_mean, nearest

__all__ = ["ALIASES", "Entry", "did_you_mean", "meant", "nearest", "pick"]
Row = TypeVar("Row")
Loaded = TypeVar("Loaded")


class Entry(NamedTuple, Generic[Loaded]):
    """One line of a table.

    reach: fetches what the line stands for, as `lambda: weights.equal`; only then its module is imported.
    """

    help: str
    reach: Callable[[], Loaded]

    def load(self) -> Loaded:
        """Import and return what the entry points to."""
        return self.reach()


def pick(table: Mapping[str, Row], name: str, kind: str) -> Row:
    """Return the row of that name.

    Args:
        kind: what the table holds, in the singular, for the message.

    Raises:
        UnknownNameError: no row has that name; the message suggests what was probably meant.

    Example:
        >>> pick({"logit-sum": 1, "prob-mean": 2}, "prob-mean", "method")
        2
    """
    if name in table:
        return table[name]
    raise UnknownNameError(f"No {kind} is named '{name}'{meant(name, table)} Known: {', '.join(sorted(table))}.")


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a name that is not known: what was probably meant, or a full stop.

    Where a path is given for a name, as `predictions/cnn`, its last part counts.

    Example:
        >>> meant("soft_voting", ["logit-sum", "prob-mean"]), meant("xyz", ["logit-sum"])
        ("; did you mean 'prob-mean'?", '.')
    """
    names = list(known)
    return did_you_mean(nearest(name, names, ALIASES) or nearest(name.rpartition("/")[2], names, ALIASES))
