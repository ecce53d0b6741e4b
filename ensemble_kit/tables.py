"""Tables that people choose from by name, and how a name is picked.

A table maps a name to one line of help and a `module:function`; it imports nothing
heavy, so help pages stay quick. The command line, the did-you-mean, the README and
the law tests all read the same table. To extend the kit: write the function, add a line.
"""

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from ensemble_kit.errors import UnknownNameError

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
        UnknownNameError: no row has that name; the message suggests the nearest.

    Example:
        >>> pick({"logit-sum": 1, "prob-mean": 2}, "prob-mean", "ballot")
        2
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    raise UnknownNameError(f"No {kind} is named '{name}'{hint} Known: {', '.join(sorted(table))}.")
