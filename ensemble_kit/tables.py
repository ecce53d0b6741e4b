"""Tables that people choose from by name, and how a name is picked.

A table maps a name to one line of help and a `module:function`; it imports nothing
heavy, so help pages stay quick. The command line, the did-you-mean, the README and
the law tests all read the same table. To extend the kit: write the function, add a line.
What is meant by a name that is not there is decided in `models_zoo.names`, and by `aliases`.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from ensemble_kit.aliases import ALIASES
from ensemble_kit.errors import UnknownNameError
from models_zoo.names import did_you_mean, nearest

__all__ = ["ALIASES", "Entry", "did_you_mean", "meant", "nearest", "pick"]
Row = TypeVar("Row")


class Entry(NamedTuple):
    """One line of a table."""

    help: str
    target: str  # "package.module:function"

    def load(self) -> Any:
        """Import and return what the entry points to."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


def pick(table: Mapping[str, Row], name: str, kind: str) -> Row:
    """Return the row of that name.

    Args:
        kind: what the table holds, in the singular, for the message.

    Raises:
        UnknownNameError: no row has that name; the message suggests what was probably meant.

    Example:
        >>> pick({"logit-sum": 1, "prob-mean": 2}, "prob-mean", "ballot")
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
