"""What was handed in to the judge, and the scores that came back: lines of the ledger of submissions.

A submission that is handed in is kept as it was, in `handed-in/`, and counts against the day's
quota; the count, the check and the new line are one step under the folder's lock, so that two
processes cannot exceed it. CSVs that `ek blend` writes stand in the same ledger and count for nothing.
To add a kind of line: a constant here, and a branch in `_read`.
"""

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from ensemble_kit.csv_text import parse_csv
from ensemble_kit.disk import unseal
from ensemble_kit.errors import CorruptError, InvalidOptionError, UnknownNameError
from ensemble_kit.storage.files import (
    LEDGER_NAME,
    LOCK_NAME,
    UnknownFieldError,
    append_after,
    build,
    entered,
    intended,
    line_of,
    read_ledger,
)
from ensemble_kit.storage.members import check_name
from ensemble_kit.storage.submissions.quota_rules import RULES_NAME, QuotaRules, write_rules
from ensemble_kit.storage.submissions.sample_and_csv import write_submission
from ensemble_kit.tables import pick
from ensemble_kit.versions import made_elsewhere

HANDED_IN: Final = "handed-in"
TOLD: Final = "told"
WITHDRAWN: Final = "withdrawn"


class Sheet(NamedTuple):
    """What a submission says: its header, and a label for each id."""

    header: tuple[str, str]
    ids: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class HandedIn:
    """One submission as it was handed in.

    time: ISO 8601, in UTC.
    images: how many rows it has.
    blend, blend_sha256, honest_accuracy, honest_interval, val_images: of its blend; None for another's CSV.
    public: the score that the judge told; None until then.
    """

    time: str
    name: str
    images: int
    blend: str | None = None
    blend_sha256: str | None = None
    honest_accuracy: float | None = None
    honest_interval: tuple[float, ...] | None = None
    val_images: int | None = None
    public: float | None = None

    @property
    def moment(self) -> datetime:
        """When it was handed in."""
        return datetime.fromisoformat(self.time)


def read_log(folder: Path) -> list[HandedIn]:
    """Return what was handed in and not withdrawn, oldest first, with the scores told so far.

    Raises:
        CorruptError: a line of the ledger is damaged; names it.
    """
    path = folder / LEDGER_NAME
    return _read(read_ledger(path), path)


def without_own(folder: Path, there: Sequence[HandedIn]) -> list[HandedIn]:
    """Return what was handed in but by this very command, where that was killed when it had done so."""
    path = folder / LEDGER_NAME
    own = entered(path, read_ledger(path), {"kind": HANDED_IN})
    return [one for one in there if own is None or one.name != own["name"]]


def hand_in(
    folder: Path,
    rules: QuotaRules,
    now: Callable[[], datetime],
    entry: HandedIn,
    sheet: Sheet,
    refuse: Callable[[Sequence[HandedIn]], None] | None = None,
) -> HandedIn:
    """Keep a submission and enter it, where the day's quota allows; return it with its time and name.

    Args:
        now: asked once the lock is held.
        entry: its name gets a number where it was used before; its time is that of `now`.
        refuse: raises where this must not follow what is there; asked once the lock is held.

    Raises:
        InvalidOptionError: the quota of the day is used up; says when the next day begins. And what `refuse` raises.
        CorruptError: a line of the ledger is damaged.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    path = folder / LEDGER_NAME

    def line(entries: list[dict[str, Any]]) -> dict[str, Any]:
        moment = now()
        there = _read(entries, path)
        check_quota(there, rules, moment)
        if refuse is not None:
            refuse(there)
        used = {str(one["name"]) for one in entries if one.get("kind") == HANDED_IN}
        return {
            "kind": HANDED_IN,
            **asdict(replace(entry, time=_written(moment), name=_free_name(entry.name, used))),
        }

    @contextmanager
    def kept(added: Mapping[str, Any]) -> Iterator[None]:
        csv = kept_path(folder, added["name"])
        made = (csv, csv.with_suffix(".json"), csv.parent / LOCK_NAME, csv.parent, folder / RULES_NAME)
        new = [one for one in made if not one.exists()]
        with intended(folder, once=path, holds=line_of(added).decode(), otherwise=new):
            content = {key: value for key, value in added.items() if key != "kind"}
            write_submission(csv, sheet.ids, sheet.labels, sheet.header, content)
            write_rules(folder, rules)
            yield

    return _read([append_after(path, {"kind": HANDED_IN}, line, kept)], path)[0]


def enter_score(folder: Path, name: str, public: float, moment: datetime) -> None:
    """Enter the score that the judge shows for a submission; told again, the last one counts.

    Raises:
        UnknownNameError: nothing was handed in under that name.
        CorruptError, LockedError, ResourceError: as `hand_in`.
    """
    _append_about(folder, name, {"kind": TOLD, "time": _written(moment), "name": name, "public": public})


def withdraw(folder: Path, name: str, moment: datetime) -> None:
    """Enter that a submission never reached the judge, so that it counts for nothing.

    Raises: as `enter_score`.
    """
    _append_about(folder, name, {"kind": WITHDRAWN, "time": _written(moment), "name": name})


def of_today(there: Sequence[HandedIn], rules: QuotaRules, moment: datetime) -> list[HandedIn]:
    """Return what counts against the quota of the day, entries of a clock that ran ahead included."""
    start = rules.day(moment).start
    return [one for one in there if one.moment >= start]


def check_quota(there: Sequence[HandedIn], rules: QuotaRules, moment: datetime) -> None:
    """Raise unless one more may be handed in.

    Raises:
        InvalidOptionError: none may; says when the next day begins, in the judge's zone and here.
    """
    used, opens = of_today(there, rules, moment), rules.day(moment).end
    if len(used) >= rules.quota:
        judge, here = opens.astimezone(rules.clock[1]), opens.astimezone()
        raise InvalidOptionError(
            f"{len(used)} of {rules.quota} submissions of this day are handed in ({', '.join(o.name for o in used)}). "
            f"The next day begins {judge:%Y-%m-%d %H:%M} in the judge's zone ({rules.zone}), {here:%Y-%m-%d %H:%M} "
            "here. Look without handing in: ek submit --check. One never reached the judge: "
            "ek submissions withdraw NAME. Another quota: --quota."
        )


def find_kept(folder: Path, name: str) -> Sheet | None:
    """Return a submission as it was handed in; None where its CSV, or the .json that vouches for it, is gone.

    Raises:
        CorruptError: it is not as it was.
    """
    path = kept_path(folder, name)
    return read_kept(folder, name) if path.exists() and path.with_suffix(".json").exists() else None


def read_kept(folder: Path, name: str) -> Sheet:
    """Return a submission as it was handed in.

    Raises:
        CorruptError: its CSV is missing, or not as it was.
    """
    path = kept_path(folder, name)
    beside = path.with_suffix(".json")
    try:
        data, sealed = path.read_bytes(), beside.read_bytes()
    except FileNotFoundError as error:
        raise CorruptError(f"{error.filename} is missing; restore it from a copy.") from error
    try:
        said = unseal(sealed, beside)
    except CorruptError:
        raise _not_as_handed_in(beside, name) from None
    if (said.get("name"), said.get("csv_sha256")) != (name, hashlib.sha256(data).hexdigest()):
        raise _not_as_handed_in(path, name)
    header, *rows = parse_csv(data, path)
    return Sheet((header[0], header[1]), tuple(row[0] for row in rows), tuple(row[1] for row in rows))


def _not_as_handed_in(path: Path, name: str) -> CorruptError:
    return CorruptError(
        f"{path} is not the file that was handed in: it was changed or damaged. Restore it from a copy, or remove it; "
        f"then '{name}' still counts, and is compared with no other."
    )


def kept_path(folder: Path, name: str) -> Path:
    """Return where the CSV of a submission that was handed in lies."""
    return folder / HANDED_IN / f"{name}.csv"


def _append_about(folder: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Add a line about a submission that was handed in."""
    path = folder / LEDGER_NAME
    alike = {key: value for key, value in entry.items() if key != "time"}
    if not read_log(folder) and entered(path, read_ledger(path), alike) is None:
        raise UnknownNameError(f"Nothing has been handed in yet in '{folder}'. Do it: ek submit NAME.")

    def line(entries: list[dict[str, Any]]) -> Mapping[str, Any]:
        pick({one.name: one for one in _read(entries, path)}, name, "submission handed in")
        return entry

    append_after(path, alike, line)


def _read(entries: Sequence[Mapping[str, Any]], path: Path) -> list[HandedIn]:
    """Return what was handed in, as the lines have it."""
    found: dict[str, HandedIn] = {}
    for entry in entries:
        content = dict(entry)
        kind = content.pop("kind", None)
        try:
            if kind == HANDED_IN:
                check_name(content["name"])  # so that none leads out of the folder
                found[content["name"]] = build(HandedIn, content)
            elif kind == TOLD:
                found[content["name"]] = replace(found[content["name"]], public=float(content["public"]))
            elif kind == WITHDRAWN:
                del found[content["name"]]
        except UnknownFieldError as error:
            raise made_elsewhere(f"A line of {path}", str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOptionError) as error:
            raise CorruptError(f"{path} holds a line that says nothing: {entry}. Restore it from a copy.") from error
    return list(found.values())


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _free_name(name: str, used: Container[str]) -> str:
    """Return the name, with the first free number where it was used."""
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in used else next(one for one in numbered if one not in used)
