"""Functions on timestamps, with the meaning of Python's `datetime`; null where a required argument is null.

A timestamp is an instant, and shown in a zone: the session's, `time_zone` of the configuration. `astimezone` shows it
in another one, which the parts (`year`, `hour`, ...) and all that follows in the same expression go by; a stored cell
is in the session's zone again.

`timestamp + timedelta(hours=1)` and `timestamp - timedelta(hours=1)` need no function: they are about time that passes,
24 hours a day also when clocks are changed. `add(days=1)` goes by the clock instead. The difference of two timestamps
is `date_diff`.
"""

import datetime
import functools
import importlib
from typing import Any
from zoneinfo import ZoneInfo

from pixeltable.exceptions import InvalidArgument
from pixeltable.functions.date import check_unit
from pixeltable.types.column_type import IntType, TimestampType
from pixeltable.types.days import CALENDAR_UNITS, DAYS_OF, complete_units, later_by_months, start_of, toward_zero
from pixeltable.types.instants import elapsed, later, on_the_clock
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import FunctionOptions, declare

_LENGTHS = {
    "microsecond": datetime.timedelta(microseconds=1),
    "millisecond": datetime.timedelta(milliseconds=1),
    "second": datetime.timedelta(seconds=1),
    "minute": datetime.timedelta(minutes=1),
    "hour": datetime.timedelta(hours=1),
}
UNITS = (*_LENGTHS, *CALENDAR_UNITS)
"""Up to the hour they are lengths of time; from the day up they are counted on the clock."""

PYTHON_ONLY = {
    "add": "PostgreSQL takes the later of two times; `+ timedelta` runs in SQL",
    "astimezone": "values in SQL are in the session's zone",
    "isocalendar": "its result is Json",
    "isoformat": "PostgreSQL writes offsets and fractions in another way",
    "make_timestamp": "PostgreSQL takes other years and a second 60, and the later of two times",
    "replace": "PostgreSQL takes the later of two times",
    "strftime": "its format is Python's",
    "strip_timezone": "it is about values in another zone than the session's, which SQL does not have",
}
"""Functions without SQL, and why."""

_in_its_zone = functools.partial(declare, batch_size=None, options=FunctionOptions(is_method=True, keeps_zone=True))
"""Declares a method whose result stays in the zone the body gives it."""


@udf(is_property=True)
def year(self: datetime.datetime) -> int:
    """The year in the value's zone, 1 to 9999.

    >>> year.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    2024
    """
    return self.year


@udf(is_property=True)
def month(self: datetime.datetime) -> int:
    """The month in the value's zone, 1 to 12.

    >>> month.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    2
    """
    return self.month


@udf(is_property=True)
def day(self: datetime.datetime) -> int:
    """The day of the month in the value's zone, 1 to 31.

    >>> day.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    29
    """
    return self.day


@udf(is_property=True)
def hour(self: datetime.datetime) -> int:
    """The hour in the value's zone, 0 to 23.

    >>> hour.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    13
    """
    return self.hour


@udf(is_property=True)
def minute(self: datetime.datetime) -> int:
    """The minute in the value's zone, 0 to 59.

    >>> minute.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    30
    """
    return self.minute


@udf(is_property=True)
def second(self: datetime.datetime) -> int:
    """The whole second, 0 to 59.

    >>> second.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    5
    """
    return self.second


@udf(is_property=True)
def microsecond(self: datetime.datetime) -> int:
    """The microseconds beyond the whole second, 0 to 999999.

    >>> microsecond.body(datetime.datetime(2024, 2, 29, 13, 30, 5, 250))
    250
    """
    return self.microsecond


@udf(is_method=True)
def date(self: datetime.datetime) -> datetime.date:
    """The date in the value's zone.

    >>> date.body(datetime.datetime(2024, 2, 29, 23, 59))
    datetime.date(2024, 2, 29)
    """
    return self.date()


@_in_its_zone
def astimezone(self: datetime.datetime, tz: str) -> datetime.datetime:
    """The same instant, shown in another zone; what follows in the expression goes by that zone.

    Args:
        tz: name in the IANA database, such as `Asia/Tokyo` or `UTC`.

    Raises:
        InvalidArgument: there is no such zone.

    >>> noon = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)
    >>> astimezone.body(noon, "Asia/Tokyo").isoformat()
    '2024-02-29T21:00:00+09:00'
    """
    return self.astimezone(_zone(tz))


@udf(is_method=True)
def strip_timezone(self: datetime.datetime) -> datetime.datetime:
    """What the clock of the value's zone shows, taken to be in the session's zone as all timestamps without one are.

    So it changes only what `astimezone` moved to another zone.

    >>> strip_timezone.body(datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC))
    datetime.datetime(2024, 2, 29, 12, 0)
    """
    return self.replace(tzinfo=None)


@udf(is_method=True)
def weekday(self: datetime.datetime) -> int:
    """The day of the week in the value's zone, from 0 for Monday to 6 for Sunday.

    >>> weekday.body(datetime.datetime(2024, 2, 29))
    3
    """
    return self.weekday()


@udf(is_method=True)
def isoweekday(self: datetime.datetime) -> int:
    """The day of the week in the value's zone, from 1 for Monday to 7 for Sunday.

    >>> isoweekday.body(datetime.datetime(2024, 2, 29))
    4
    """
    return self.isoweekday()


@udf(is_method=True)
def isocalendar(self: datetime.datetime) -> dict[str, int]:
    """The year, week and day of the week (1 for Monday) in the calendar of ISO 8601, as a Json object.

    >>> isocalendar.body(datetime.datetime(2021, 1, 1))
    {'year': 2020, 'week': 53, 'weekday': 5}
    """
    return dict(zip(("year", "week", "weekday"), self.isocalendar(), strict=True))


@udf(is_method=True)
def isoformat(self: datetime.datetime, sep: str = "T", timespec: str = "auto") -> str:
    """The time in the value's zone as ISO 8601 writes it, with the zone's offset from UTC.

    Args:
        sep: the one character between date and time.
        timespec: the last part that is written: auto, hours, minutes, seconds, milliseconds or microseconds.

    Raises:
        ValueError, TypeError: another `timespec`, or `sep` is not one character.

    >>> isoformat.body(datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC), " ", "minutes")
    '2024-02-29 12:30+00:00'
    """
    return self.isoformat(sep, timespec)


@udf(is_method=True)
def strftime(self: datetime.datetime, format: str) -> str:
    """The time in the value's zone in a format of Python's `strftime`; names are those of the process's locale.

    >>> strftime.body(datetime.datetime(2024, 2, 29, 12, 30), "%d.%m.%Y %H:%M")
    '29.02.2024 12:30'
    """
    return self.strftime(format)


@udf(is_method=True)
def toordinal(self: datetime.datetime) -> int:
    """The number of the day in the value's zone, where 1 January of the year 1 is day 1.

    >>> toordinal.body(datetime.datetime(1, 12, 31, 23))
    365
    """
    return self.toordinal()


@udf(is_method=True)
def posix_timestamp(self: datetime.datetime) -> float:
    """The seconds since the start of 1970 in UTC, negative before.

    >>> posix_timestamp.body(datetime.datetime(1970, 1, 2, 0, 0, 0, 500_000, tzinfo=datetime.UTC))
    86400.5
    """
    return self.timestamp()


@udf
def make_timestamp(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> datetime.datetime:
    """The instant at which clocks of the session's zone show this.

    A time that comes twice, when clocks are set back, is the earlier one; one that they skip is read by the clock as it
    was before.

    Raises:
        ValueError: there is no such time.

    >>> make_timestamp.body(2024, 2, 29, 12)
    datetime.datetime(2024, 2, 29, 12, 0)
    """
    return datetime.datetime(year, month, day, hour, minute, second, microsecond)  # noqa: DTZ001  # the session's


@_in_its_zone
def replace(
    self: datetime.datetime,
    year: int | None = None,
    month: int | None = None,
    day: int | None = None,
    hour: int | None = None,
    minute: int | None = None,
    second: int | None = None,
    microsecond: int | None = None,
) -> datetime.datetime:
    """The time with other parts, in the value's zone; None leaves a part as it is.

    A time that clocks skip is read by the clock as it was before. One that comes twice is the later one only if the
    value was.

    Raises:
        ValueError: there is no such time.

    >>> replace.body(datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC), hour=0, minute=0).isoformat()
    '2024-02-29T00:00:00+00:00'
    """
    given = {
        "year": year, "month": month, "day": day,
        "hour": hour, "minute": minute, "second": second, "microsecond": microsecond,
    }  # fmt: skip
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return on_the_clock(self.replace(tzinfo=None, **changes), self.tzinfo)


@_in_its_zone
def add(
    self: datetime.datetime,
    *,
    years: int = 0,
    months: int = 0,
    weeks: int = 0,
    days: int = 0,
    hours: int = 0,
    minutes: int = 0,
    seconds: int = 0,
    milliseconds: int = 0,
    microseconds: int = 0,
) -> datetime.datetime:
    """The time that much later; negative numbers go back. Null if one of the numbers is.

    Years to days move the date on the clock of the value's zone: first years and months, where a day that the month
    does not have becomes its last one, then weeks and days. The clock shows the same as before, unless that is skipped
    when clocks are set forward: then it is read by the clock as it was before. If it comes twice, the earlier holds.
    Hours and below are time that passes: with `hours=24` the clock may show another hour, with `days=1` it does not.

    Raises:
        ValueError, OverflowError: that is before the year 1 or after the year 9999.

    >>> from zoneinfo import ZoneInfo
    >>> noon = datetime.datetime(2024, 3, 30, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    >>> add.body(noon, days=1).isoformat(), add.body(noon, hours=24).isoformat()
    ('2024-03-31T12:00:00+02:00', '2024-03-31T13:00:00+02:00')
    >>> add.body(noon, months=-1, minutes=-1).isoformat()
    '2024-02-29T11:59:00+01:00'
    """
    if years or months or weeks or days:
        clock = later_by_months(self.replace(tzinfo=None, fold=0), years * 12 + months)
        self = on_the_clock(clock + datetime.timedelta(weeks=weeks, days=days), self.tzinfo)
    passed = datetime.timedelta(
        hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds, microseconds=microseconds
    )
    return later(self, passed) if passed else self


@_in_its_zone
def date_trunc(self: datetime.datetime, unit: str) -> datetime.datetime:
    """The start of the unit in which the time lies, on the clock of the value's zone; weeks begin on Monday.

    From the day up it is the first instant of that day: where clocks skip midnight, the one at which they are set
    forward. Up to the hour, what the clock shows beyond the unit is taken off.

    Args:
        unit: microsecond, millisecond, second, minute, hour, day, week, month, quarter or year.

    Raises:
        InvalidArgument: another unit.

    >>> time = datetime.datetime(2024, 8, 29, 12, 30, 45, 678_901, tzinfo=datetime.UTC)
    >>> date_trunc.body(time, "hour").isoformat(), date_trunc.body(time, "quarter").isoformat()
    ('2024-08-29T12:00:00+00:00', '2024-07-01T00:00:00+00:00')
    """
    check_unit("date_trunc", unit, UNITS)
    if unit in _LENGTHS:
        beyond = datetime.timedelta(minutes=self.minute, seconds=self.second, microseconds=self.microsecond)
        return later(self, -(beyond % _LENGTHS[unit]))
    return on_the_clock(datetime.datetime.combine(start_of(unit, self.date()), datetime.time()), self.tzinfo)


@udf(is_method=True)
def date_diff(self: datetime.datetime, other: datetime.datetime, unit: str) -> int:
    """How many whole units `self` is later than `other`; negative if it is earlier. What is left over does not count.

    Up to the hour, time that passes is counted. From the day up, it is what clocks of the zone of `self` show: a day is
    over when they show the same again, be that after 23, 24 or 25 hours; a month when its day is reached again, or the
    last day of a month that is too short to have it.

    Args:
        unit: microsecond, millisecond, second, minute, hour, day, week, month, quarter or year.

    Raises:
        InvalidArgument: another unit.

    >>> start = datetime.datetime(2024, 1, 31, 12, tzinfo=datetime.UTC)
    >>> end = datetime.datetime(2024, 3, 1, 11, 59, 59, tzinfo=datetime.UTC)
    >>> [date_diff.body(end, start, unit) for unit in ("second", "hour", "day", "month")]
    [2591999, 719, 29, 1]
    """
    check_unit("date_diff", unit, UNITS)
    if unit in _LENGTHS:
        return toward_zero(elapsed(other, self), _LENGTHS[unit])
    return complete_units(unit, other.astimezone(self.tzinfo).replace(tzinfo=None), self.replace(tzinfo=None))


@astimezone.conditional_return_type
def _astimezone_type(tz: str) -> TimestampType:
    if tz is not None:
        _zone(tz)
    return TimestampType()


@date_trunc.conditional_return_type
def _date_trunc_type(unit: str) -> TimestampType:
    check_unit("date_trunc", unit, UNITS)
    return TimestampType()


@date_diff.conditional_return_type
def _date_diff_type(unit: str) -> IntType:
    check_unit("date_diff", unit, UNITS)
    return IntType()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or that of a folder of the database
        raise InvalidArgument(
            f"astimezone(): there is no time zone {name!r}", hint="Use a name such as 'Europe/Berlin' or 'UTC'."
        ) from None


# In SQL a timestamp is in the zone of the connection, which is the session's; `astimezone` runs in Python, and so does
# what is built on it. The database knows zones from its own copy of the time zone database: where that says something
# else than Python's, rules `by_clock` are not used.


@year.to_sql_by_clock
def _year_sql(self: Any) -> Any:
    return _part("year", self)


@month.to_sql_by_clock
def _month_sql(self: Any) -> Any:
    return _part("month", self)


@day.to_sql_by_clock
def _day_sql(self: Any) -> Any:
    return _part("day", self)


@hour.to_sql_by_clock
def _hour_sql(self: Any) -> Any:
    return _part("hour", self)


@minute.to_sql_by_clock
def _minute_sql(self: Any) -> Any:
    return _part("minute", self)


@second.to_sql_by_clock
def _second_sql(self: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(sa.func.floor(sa.extract("second", self)), sa.BigInteger)


@microsecond.to_sql_by_clock
def _microsecond_sql(self: Any) -> Any:
    return _sqlalchemy().func.mod(_part("microseconds", self), 1_000_000)


@date.to_sql_by_clock
def _date_sql(self: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(self, sa.Date)


@weekday.to_sql_by_clock
def _weekday_sql(self: Any) -> Any:
    return _part("isodow", self) - 1


@isoweekday.to_sql_by_clock
def _isoweekday_sql(self: Any) -> Any:
    return _part("isodow", self)


@toordinal.to_sql_by_clock
def _toordinal_sql(self: Any) -> Any:
    sa = _sqlalchemy()
    days = sa.cast(self, sa.Date).op("-")(sa.literal(datetime.date.min))
    return sa.cast(sa.type_coerce(days, sa.Integer), sa.BigInteger) + 1


@posix_timestamp.to_sql
def _posix_timestamp_sql(self: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(sa.extract("epoch", self), sa.Double)


@date_trunc.to_sql_by_clock
def _date_trunc_sql(self: Any, unit: Any) -> Any:
    sa = _sqlalchemy()
    name = getattr(unit, "value", None)
    if name not in UNITS:
        return None  # a unit that is only known in each row is checked there
    if name in _LENGTHS:
        plural = {"microsecond": "microseconds", "millisecond": "milliseconds"}.get(name, name)
        return sa.func.date_trunc(plural, self, type_=sa.DateTime(timezone=True))
    clock = sa.cast(self, sa.DateTime)
    return earlier_on_the_clock(sa.func.date_trunc(name, clock, type_=sa.DateTime()))


@date_diff.to_sql_by_clock
def _date_diff_sql(self: Any, other: Any, unit: Any) -> Any:
    sa = _sqlalchemy()
    name = getattr(unit, "value", None)
    if name in _LENGTHS:
        length = _LENGTHS[name] // datetime.timedelta(microseconds=1)
    elif name in DAYS_OF:
        length = DAYS_OF[name] * 86_400_000_000
        self, other = sa.cast(self, sa.DateTime), sa.cast(other, sa.DateTime)
    else:
        return None  # PostgreSQL's age() counts what is left over of a month from another end
    seconds = sa.extract("epoch", self) - sa.extract("epoch", other)
    return sa.cast(sa.func.div(sa.cast(seconds, sa.Numeric) * 1_000_000, length), sa.BigInteger)


def earlier_on_the_clock(clock: Any) -> Any:
    """The SQL of the instant at which clocks of the session's zone show a time without a zone, as by `on_the_clock`.

    Of a time that comes twice PostgreSQL takes the later. The other is that much earlier as clocks were ahead the day
    before; it is one only if they showed the same then.
    """
    sa = _sqlalchemy()
    zoned, day = sa.DateTime(timezone=True), sa.func.make_interval(0, 0, 0, 0, 24, type_=sa.Interval())
    taken = sa.cast(clock, zoned)
    set_back = sa.cast(sa.type_coerce(taken - day, zoned), sa.DateTime) + day - clock
    earlier = sa.type_coerce(taken - set_back, zoned)
    return sa.case((sa.cast(earlier, sa.DateTime()) == clock, earlier), else_=taken)


def _part(name: str, value: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(sa.extract(name, value), sa.BigInteger)


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")
