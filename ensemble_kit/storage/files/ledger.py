"""Every configuration that was tried, one sealed line each; lines are only ever added.

Counting them tells how often a val set was asked. A damaged line is an error that
names the line: a count that may be too low would be worse than none. So the first line says how many
there are; ledgers of earlier versions have no such line until they are added to. The time of an entry,
to the microsecond, tells it from one that says the same.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ensemble_kit.disk import seal, unseal
from ensemble_kit.errors import CorruptError
from ensemble_kit.storage.files.atomic import locked, replace_file
from ensemble_kit.storage.files.receipts import note, noted

LEDGER_NAME = "ledger.jsonl"
COUNT = "entries"


def append_entry(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one entry to the ledger, creating it where it is missing.

    Raises:
        CorruptError: a line that is there is damaged.
        BadDataError: a number of the entry is not finite.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    seal(entry, one_line=True)
    append_after(path, {key: value for key, value in entry.items() if key != "time"}, lambda _: entry)


def append_after(
    path: Path,
    alike: Mapping[str, Any],
    entry_of: Callable[[list[dict[str, Any]]], Mapping[str, Any]],
    around: Callable[[Mapping[str, Any]], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> Mapping[str, Any]:
    """Add an entry that depends on those before it, and return it; nobody else adds one meanwhile.

    Where this very command was killed when it had added its entry, that one is returned and none is added.

    Args:
        alike: what the entry will hold, as far as it is known: by this it is found again.
        entry_of: from the entries to the new one; raises where there must be none.
        around: inside it the entry is added.

    Raises: as `append_entry`, and what `entry_of` raises.
    """
    with locked(path.parent):
        entries = read_ledger(path)
        if (there := entered(path, entries, alike)) is not None:
            return there
        entry = entry_of(entries)
        line = line_of(entry)
        note(path, hashlib.sha256(line).hexdigest())
        held = path.read_bytes().splitlines(keepends=True)[-len(entries) :] if entries else []
        count = seal({COUNT: len(entries) + 1}, one_line=True)
        with around(entry):
            replace_file(path, b"".join([count, *held, line]))
        return entry


def entered(path: Path, entries: Sequence[Mapping[str, Any]], alike: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the entry like this that a killed run of this very command added; None where there is none."""
    known = set(map(str, noted(path)))
    found = [entry for entry in entries if known and hashlib.sha256(line_of(entry)).hexdigest() in known]
    wanted = json.loads(json.dumps(dict(alike)))
    return next((one for one in found if all(one.get(key) == value for key, value in wanted.items())), None)


def line_of(entry: Mapping[str, Any]) -> bytes:
    """Return the line that holds the entry."""
    return seal(entry, one_line=True)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Return the entries, oldest first; none where there is no ledger.

    Raises:
        CorruptError: a line is damaged, and named, or lines are missing.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    if lines.pop() != b"" or not lines:
        raise CorruptError(f"{path}, line {len(lines) + 1}: the line is cut off. Restore the ledger from a copy.")
    entries = [
        unseal(line + b"\n", f"{path}, line {number},", one_line=True) for number, line in enumerate(lines, start=1)
    ]
    if entries[0].keys() == {COUNT} and (count := entries.pop(0)[COUNT]) != len(entries):
        raise CorruptError(
            f"{path} has {len(entries)} entries, not the {count} it says. Restore the ledger from a copy."
        )
    return entries


def count_distinct(path: Path, keys: Sequence[str], where: Mapping[str, Any] | None = None) -> int:
    """Return how many different values of the keys the ledger holds; the same again counts once.

    Args:
        where: count only the entries that hold these values, such as one val fingerprint.

    Raises:
        CorruptError: a line is damaged; names it.
    """
    wanted = dict(where or {})
    entries = [entry for entry in read_ledger(path) if all(entry.get(key) == value for key, value in wanted.items())]
    return len({json.dumps([entry.get(key) for key in keys], sort_keys=True) for entry in entries})
