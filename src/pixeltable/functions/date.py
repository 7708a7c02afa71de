"""Functions on dates, with the meaning of Python's `datetime.date`; null where a required argument is null.

`date + timedelta(days=1)` and `date - timedelta(days=1)` need no function; the difference of two dates is `date_diff`.
"""

import datetime
import importlib
from typing import Any

from pixeltable.exceptions import InvalidArgument
from pixeltable.types.column_type import DateType, IntType
from pixeltable.types.days import CALENDAR_UNITS, DAYS_OF, complete_units, start_of
from pixeltable.udfs.decorator import udf

PYTHON_ONLY = {
    "isocalendar": "its result is Json",
    "make_date": "PostgreSQL takes years before 1 and after 9999 as well, which no Date has",
    "replace": "as make_date",
    "strftime": "its format is Python's",
}
"""Functions without SQL, and why."""


@udf(is_property=True)
def year(self: datetime.date) -> int:
    """The year, 1 to 9999.

    >>> year.body(datetime.date(2024, 2, 29))
    2024
    """
    return self.year


@udf(is_property=True)
def month(self: datetime.date) -> int:
    """The month, 1 to 12.

    >>> month.body(datetime.date(2024, 2, 29))
    2
    """
    return self.month


@udf(is_property=True)
def day(self: datetime.date) -> int:
    """The day of the month, 1 to 31.

    >>> day.body(datetime.date(2024, 2, 29))
    29
    """
    return self.day


@udf(is_method=True)
def weekday(self: datetime.date) -> int:
    """The day of the week, from 0 for Monday to 6 for Sunday.

    >>> weekday.body(datetime.date(2024, 2, 29))
    3
    """
    return self.weekday()


@udf(is_method=True)
def isoweekday(self: datetime.date) -> int:
    """The day of the week, from 1 for Monday to 7 for Sunday.

    >>> isoweekday.body(datetime.date(2024, 2, 29))
    4
    """
    return self.isoweekday()


@udf(is_method=True)
def isocalendar(self: datetime.date) -> dict[str, int]:
    """The year, week and day of the week (1 for Monday) in the calendar of ISO 8601, as a Json object.

    >>> isocalendar.body(datetime.date(2021, 1, 1))
    {'year': 2020, 'week': 53, 'weekday': 5}
    """
    return dict(zip(("year", "week", "weekday"), self.isocalendar(), strict=True))


@udf(is_method=True)
def isoformat(self: datetime.date, sep: str = "T", timespec: str = "auto") -> str:  # noqa: ARG001  # as of timestamps
    """`YYYY-MM-DD`.

    Args:
        sep: what stands before the time of day, of which a date has none.
        timespec: how the time of day is written.

    >>> isoformat.body(datetime.date(987, 6, 5))
    '0987-06-05'
    """
    return self.isoformat()


@udf(is_method=True)
def toordinal(self: datetime.date) -> int:
    """The number of the day, where 1 January of the year 1 is day 1.

    >>> toordinal.body(datetime.date(1, 12, 31))
    365
    """
    return self.toordinal()


@udf(is_method=True)
def strftime(self: datetime.date, format: str) -> str:
    """The date in a format of Python's `strftime`; names of days and months are those of the process's locale.

    >>> strftime.body(datetime.date(2024, 2, 29), "%d.%m.%Y")
    '29.02.2024'
    """
    return self.strftime(format)


@udf
def make_date(year: int, month: int, day: int) -> datetime.date:
    """The date of a year, month and day.

    Raises:
        ValueError: there is no such day.

    >>> make_date.body(2024, 2, 29)
    datetime.date(2024, 2, 29)
    """
    return datetime.date(year, month, day)


@udf(is_method=True)
def add_days(self: datetime.date, n: int) -> datetime.date:
    """The date `n` days later, or earlier where `n` is negative.

    Raises:
        OverflowError: that is before the year 1 or after the year 9999.

    >>> add_days.body(datetime.date(2024, 2, 28), 2)
    datetime.date(2024, 3, 1)
    """
    return self + datetime.timedelta(days=n)


@udf(is_method=True)
def replace(
    self: datetime.date, year: int | None = None, month: int | None = None, day: int | None = None
) -> datetime.date:
    """The date with another year, month or day; None leaves a part as it is.

    Raises:
        ValueError: there is no such day.

    >>> replace.body(datetime.date(2024, 2, 29), month=3, day=1)
    datetime.date(2024, 3, 1)
    """
    given = {"year": year, "month": month, "day": day}
    return self.replace(**{name: value for name, value in given.items() if value is not None})


@udf(is_method=True)
def date_trunc(self: datetime.date, unit: str) -> datetime.date:
    """The first day of the unit in which the date lies; weeks begin on Monday.

    Args:
        unit: day, week, month, quarter or year.

    Raises:
        InvalidArgument: another unit.

    >>> date_trunc.body(datetime.date(2024, 8, 29), "quarter")
    datetime.date(2024, 7, 1)
    """
    check_unit("date_trunc", unit, CALENDAR_UNITS)
    return start_of(unit, self)


@udf(is_method=True)
def date_diff(self: datetime.date, other: datetime.date, unit: str) -> int:
    """How many whole units `self` is later than `other`; negative if it is earlier. What is left over does not count.

    A month is over when its day is reached again, or the last day of a month that is too short to have it.

    Args:
        unit: day, week, month, quarter or year.

    Raises:
        InvalidArgument: another unit.

    >>> later, earlier = datetime.date(2024, 3, 30), datetime.date(2024, 1, 31)
    >>> date_diff.body(later, earlier, "day"), date_diff.body(later, earlier, "month")
    (59, 1)
    >>> date_diff.body(earlier, later, "week")
    -8
    """
    check_unit("date_diff", unit, CALENDAR_UNITS)
    return complete_units(unit, other, self)


def check_unit(function: str, unit: str | None, known: tuple[str, ...]) -> None:
    """Refuse a unit that the function does not know; null is none yet.

    Raises:
        InvalidArgument: it is another one.
    """
    if unit is not None and unit not in known:
        raise InvalidArgument(f"{function}(): unit {unit!r} is not one of {', '.join(known)}")


@date_trunc.conditional_return_type
def _date_trunc_type(unit: str) -> DateType:
    check_unit("date_trunc", unit, CALENDAR_UNITS)
    return DateType()


@date_diff.conditional_return_type
def _date_diff_type(unit: str) -> IntType:
    check_unit("date_diff", unit, CALENDAR_UNITS)
    return IntType()


@year.to_sql
def _year_sql(self: Any) -> Any:
    return _part("year", self)


@month.to_sql
def _month_sql(self: Any) -> Any:
    return _part("month", self)


@day.to_sql
def _day_sql(self: Any) -> Any:
    return _part("day", self)


@weekday.to_sql
def _weekday_sql(self: Any) -> Any:
    return _part("isodow", self) - 1


@isoweekday.to_sql
def _isoweekday_sql(self: Any) -> Any:
    return _part("isodow", self)


@isoformat.to_sql
def _isoformat_sql(self: Any, sep: Any, timespec: Any) -> Any:  # noqa: ARG001  # a rule takes all parameters
    sa = _sqlalchemy()
    return sa.func.to_char(self, "YYYY-MM-DD", type_=sa.Text)


@toordinal.to_sql
def _toordinal_sql(self: Any) -> Any:
    return _days_between(_sqlalchemy().literal(datetime.date.min), self) + 1


@add_days.to_sql
def _add_days_sql(self: Any, n: Any) -> Any:
    return days_later(self, n)


@date_trunc.to_sql
def _date_trunc_sql(self: Any, unit: Any) -> Any:
    sa = _sqlalchemy()
    if getattr(unit, "value", None) not in CALENDAR_UNITS:
        return None  # a unit that is only known in each row is checked there
    return sa.cast(sa.func.date_trunc(unit.value, sa.cast(self, sa.DateTime)), sa.Date)


@date_diff.to_sql
def _date_diff_sql(self: Any, other: Any, unit: Any) -> Any:
    sa = _sqlalchemy()
    length = DAYS_OF.get(getattr(unit, "value", None))  # type: ignore[arg-type]  # None is no unit either
    if length is None:
        return None  # PostgreSQL's age() counts what is left over of a month from another end
    return sa.cast(sa.func.div(sa.cast(_days_between(other, self), sa.Numeric), length), sa.BigInteger)


def days_later(day: Any, count: Any) -> Any:
    """The SQL of a date some days later, which fails where Python has no such date, as Python does."""
    sa = _sqlalchemy()
    days = sa.cast(count, sa.Integer)
    ends = sa.literal(datetime.date.min), sa.literal(datetime.date.max)
    moved = sa.type_coerce(day.op("+")(days), sa.Date)
    beyond = sa.literal_column("2147483647")  # where PostgreSQL has no date either, and says so
    return sa.type_coerce(day.op("+")(sa.case((moved.between(*ends), days), else_=beyond)), sa.Date)


def _days_between(start: Any, end: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(sa.type_coerce(end.op("-")(start), sa.Integer), sa.BigInteger)


def _part(name: str, value: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(sa.extract(name, value), sa.BigInteger)


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")
