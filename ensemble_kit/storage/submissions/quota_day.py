"""A judge's days: when one begins and ends, in the judge's own zone.

A day ends at the reset: what is handed in at that very second, or later, is of the next day. A reset
that summer time skips or repeats happens once, as the zone's rules place it. Never reads a clock.
"""

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ensemble_kit.errors import InvalidOptionError

OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


class Day(NamedTuple):
    """From `start`, which belongs to it, to `end`, which does not; both in UTC."""

    start: datetime
    end: datetime


def parse_zone(text: str) -> tzinfo:
    """Return the zone that is meant: an offset, or a name of the IANA tables.

    Raises:
        InvalidOptionError: neither.

    Example:
        >>> str(parse_zone("+08:00")), str(parse_zone("UTC-3")), str(parse_zone("Europe/Berlin"))
        ('UTC+08:00', 'UTC-03:00', 'Europe/Berlin')
    """
    if found := OFFSET.fullmatch(text):
        sign, hours, minutes = found[1], int(found[2]), int(found[3] or 0)
        if hours <= 14 and minutes < 60:
            return timezone((1 if sign == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise InvalidOptionError(f"Wanted a zone as +08:00, UTC or Europe/Berlin (IANA), got {text!r}.") from None


def parse_reset(text: str) -> time:
    """Return the time of day at which a day ends.

    Raises:
        InvalidOptionError: not HH:MM or HH:MM:SS.

    Example:
        >>> parse_reset("23:59")
        datetime.time(23, 59)
    """
    if not re.fullmatch(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", text):
        raise InvalidOptionError(f"Wanted a reset time as 23:59 or 00:00:00, got {text!r}.")
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise InvalidOptionError(f"Wanted a reset time from 00:00 to 23:59:59, got {text!r}.") from None


def day_of(moment: datetime, reset: time, zone: tzinfo) -> Day:
    """Return the day that a moment lies in.

    Args:
        moment: with a zone of its own, any.

    Example:
        >>> day = day_of(datetime(2026, 3, 1, 15, 59, tzinfo=UTC), time(23, 59), parse_zone("+08:00"))
        >>> day.start.isoformat(), day.end.isoformat()
        ('2026-03-01T15:59:00+00:00', '2026-03-02T15:59:00+00:00')
    """
    date = moment.astimezone(zone).date()
    ends = [
        datetime.combine(date + timedelta(days=days), reset, tzinfo=zone).astimezone(UTC) for days in (-2, -1, 0, 1, 2)
    ]
    return Day(max(end for end in ends if end <= moment), min(end for end in ends if end > moment))
