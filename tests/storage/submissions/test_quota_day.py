"""When a judge's day begins and ends; every instant worked out by hand."""

from datetime import UTC, datetime

import pytest

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.storage.submissions.quota_day import day_of, parse_reset, parse_zone


def day(moment, reset="23:59", zone="+08:00"):
    found = day_of(datetime.fromisoformat(moment), parse_reset(reset), parse_zone(zone))
    assert found.start <= datetime.fromisoformat(moment) < found.end
    return tuple(end.astimezone(UTC).strftime("%m-%d %H:%M:%S") for end in found)


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        ("2026-03-01T12:00:00+00:00", ("02-28 15:59:00", "03-01 15:59:00")),
        ("2026-03-01T15:58:59+00:00", ("02-28 15:59:00", "03-01 15:59:00")),  # 23:58:59 there
        ("2026-03-01T15:59:00+00:00", ("03-01 15:59:00", "03-02 15:59:00")),  # 23:59:00 there: the next day
        ("2026-03-01T23:59:30+08:00", ("03-01 15:59:00", "03-02 15:59:00")),  # 23:59:30 there: the next day
        ("2026-03-01T16:00:00+00:00", ("03-01 15:59:00", "03-02 15:59:00")),  # midnight there: no other day
        ("2025-12-31T20:00:00+00:00", ("12-31 15:59:00", "01-01 15:59:00")),
    ],
)
def test_a_day_ends_at_the_reset_in_the_judges_zone(moment, wanted):
    assert day(moment) == wanted


def test_a_reset_with_seconds_and_one_at_midnight():
    assert day("2026-03-01T23:59:30+08:00", "23:59:59") == ("02-28 15:59:59", "03-01 15:59:59")
    assert day("2026-03-01T00:00:00+00:00", "00:00", "UTC") == ("03-01 00:00:00", "03-02 00:00:00")


def test_days_have_23_and_25_hours_where_clocks_change():
    # Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00
    assert day("2026-03-29T12:00:00+00:00", "00:00", "Europe/Berlin") == ("03-28 23:00:00", "03-29 22:00:00")
    assert day("2026-10-25T12:00:00+00:00", "00:00", "Europe/Berlin") == ("10-24 22:00:00", "10-25 23:00:00")


def test_a_reset_that_summer_time_skips_or_repeats_happens_once():
    # 02:30 on 03-29 does not exist: 02:30 by winter time is 01:30 UTC, an hour before 02:30 by summer time
    assert day("2026-03-29T01:29:59+00:00", "02:30", "Europe/Berlin") == ("03-28 01:30:00", "03-29 01:30:00")
    assert day("2026-03-29T01:30:00+00:00", "02:30", "Europe/Berlin") == ("03-29 01:30:00", "03-30 00:30:00")
    # 02:30 on 10-25 is there twice: the first one, 00:30 UTC, counts
    assert day("2026-10-25T00:29:59+00:00", "02:30", "Europe/Berlin") == ("10-24 00:30:00", "10-25 00:30:00")
    assert day("2026-10-25T01:30:00+00:00", "02:30", "Europe/Berlin") == ("10-25 00:30:00", "10-26 01:30:00")


@pytest.mark.parametrize("zone", ["+08:00", "+8", "UTC+8", "gmt+08", "+0800", "Asia/Taipei", "Asia/Singapore"])
def test_a_zone_is_an_offset_or_a_name(zone):
    assert day("2026-03-01T12:00:00+00:00", zone=zone) == ("02-28 15:59:00", "03-01 15:59:00")


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "+15:00", "+08:61", "../etc", "America", "8", "Europe/Berlin\0", "x" * 999]
)
def test_what_is_no_zone_is_refused(zone):
    with pytest.raises(InvalidOptionError, match=r"Wanted a zone as \+08:00, UTC or Europe/Berlin"):
        parse_zone(zone)


@pytest.mark.parametrize(
    ("reset", "message"),
    [("24:00", "from 00:00 to 23:59:59"), ("23.59", "as 23:59"), ("9:00", "as 23:59"), ("", "as 23:59")],
)
def test_what_is_no_time_is_refused(reset, message):
    with pytest.raises(InvalidOptionError, match=message):
        parse_reset(reset)
