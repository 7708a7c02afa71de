"""Arithmetic on instants against the same in UTC, around changes of clocks; and on days of the calendar."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltable.types.days import CALENDAR_UNITS, complete_units, later_by_months, start_of
from pixeltable.types.instants import elapsed, later, on_the_clock

UTC = datetime.UTC
zones = st.sampled_from(["UTC", "America/New_York", "America/Havana", "Pacific/Apia", "Antarctica/Troll"]).map(ZoneInfo)
clocks = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2036, 1, 1))  # noqa: DTZ001  # no zone is the point
spans = st.timedeltas(datetime.timedelta(days=-500), datetime.timedelta(days=500))
days = st.dates(datetime.date(100, 1, 1), datetime.date(9000, 1, 1))


@given(clocks, zones, spans)
def test_later_is_what_utc_says(clock: datetime.datetime, zone: ZoneInfo, by: datetime.timedelta) -> None:
    start = on_the_clock(clock, zone)
    end = later(start, by)
    assert end.tzinfo is zone
    assert end.astimezone(UTC) == start.astimezone(UTC) + by
    assert elapsed(start, end) == by


@given(clocks, zones, st.sampled_from([0, 1]))
def test_on_the_clock_is_a_time_that_clocks_show(clock: datetime.datetime, zone: ZoneInfo, fold: int) -> None:
    clock = clock.replace(fold=fold)
    found = on_the_clock(clock, zone)
    assert found.astimezone(UTC) == clock.replace(tzinfo=zone).astimezone(UTC)
    assert found.astimezone(UTC).astimezone(zone).isoformat() == found.isoformat()


@pytest.mark.parametrize("clock", [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23)])  # noqa: DTZ001
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_ends_of_the_calendar_are_on_every_clock(clock: datetime.datetime, zone: str) -> None:
    assert on_the_clock(clock, ZoneInfo(zone)).replace(tzinfo=None) == clock


@given(days, st.sampled_from(CALENDAR_UNITS))
def test_a_unit_starts_on_the_last_day_that_starts_one(day: datetime.date, unit: str) -> None:
    start = start_of(unit, day)
    assert start_of(unit, start) == start <= day
    assert complete_units(unit, start, day) == 0
    assert start_of(unit, start - datetime.timedelta(days=1)) < start


@given(days, days, st.sampled_from(CALENDAR_UNITS))
def test_complete_units_are_the_same_backwards_but_for_short_months(start: Any, end: Any, unit: str) -> None:
    if start.day <= 28 and end.day <= 28:
        assert complete_units(unit, start, end) == -complete_units(unit, end, start)


@given(days, st.integers(-1000, 1000))
def test_as_many_months_lie_between_as_were_added(day: datetime.date, months: int) -> None:
    assert complete_units("month", day, later_by_months(day, months)) == months


@pytest.mark.parametrize("months", [-12, 12 * 9999])
def test_months_beyond_the_calendar_are_an_error(months: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        later_by_months(datetime.date(1, 5, 5), months)
