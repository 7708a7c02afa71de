"""Calendar arithmetic on days: units from a day up, whose lengths differ."""

import calendar
import datetime
from typing import TypeVar

DAYS_OF = {"day": 1, "week": 7}
MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
CALENDAR_UNITS = (*DAYS_OF, *MONTHS_OF)

_DAY = datetime.timedelta(days=1)

Day = TypeVar("Day", datetime.date, datetime.datetime)
"""A date, or a datetime without a zone: what a clock on the wall shows."""


Amount = TypeVar("Amount", int, datetime.timedelta)


def start_of(unit: str, day: datetime.date) -> datetime.date:
    """The first day of the week (a Monday), month, quarter or year in which `day` lies.

    >>> str(start_of("week", datetime.date(2024, 2, 29))), str(start_of("quarter", datetime.date(2024, 2, 29)))
    ('2024-02-26', '2024-01-01')
    """
    if unit in DAYS_OF:
        return day - _DAY * (day.weekday() if unit == "week" else 0)
    months = MONTHS_OF[unit]
    return day.replace(month=(day.month - 1) // months * months + 1, day=1)


def later_by_months(day: Day, months: int) -> Day:
    """The same day of another month; its last day where it has fewer.

    Raises:
        ValueError: that is before the year 1 or after the year 9999.

    >>> str(later_by_months(datetime.date(2024, 1, 31), 1)), str(later_by_months(datetime.date(2024, 2, 29), -12))
    ('2024-02-29', '2023-02-28')
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not datetime.MINYEAR <= year <= datetime.MAXYEAR:
        raise ValueError(f"year {year} is out of range")
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def complete_units(unit: str, start: Day, end: Day) -> int:
    """How many whole units lie between `start` and `end`; negative if `end` is the earlier one.

    >>> complete_units("month", datetime.date(2024, 1, 31), datetime.date(2024, 3, 30))
    1
    """
    if unit in DAYS_OF:
        return toward_zero(end - start, _DAY * DAYS_OF[unit])
    return toward_zero(_complete_months(start, end), MONTHS_OF[unit])


def toward_zero(dividend: Amount, divisor: Amount) -> int:
    """The quotient without its fraction.

    >>> toward_zero(7, 2), toward_zero(-7, 2)
    (3, -3)
    """
    return -(-dividend // divisor) if dividend < dividend * 0 else dividend // divisor


def _complete_months(start: Day, end: Day) -> int:
    months = (end.year - start.year) * 12 + end.month - start.month
    reached = later_by_months(start, months)
    if months > 0 and reached > end:
        return months - 1
    return months + 1 if months < 0 and reached < end else months
