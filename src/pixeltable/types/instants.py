"""Arithmetic on instants: on time that passes, whatever clocks show when they are set back or forward.

Python's own `+` and `-` on two times of one zone are about what its clocks show.
"""

import datetime


def later(value: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """The time in the same zone when `by` has passed.

    Raises:
        OverflowError: that is before the year 1 or after the year 9999, in its zone or in UTC.

    >>> from zoneinfo import ZoneInfo
    >>> before = datetime.datetime(2024, 3, 31, 1, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    >>> later(before, datetime.timedelta(hours=1)).isoformat()
    '2024-03-31T03:30:00+02:00'
    """
    return (value.astimezone(datetime.UTC) + by).astimezone(value.tzinfo)


def elapsed(start: datetime.datetime, end: datetime.datetime) -> datetime.timedelta:
    """The time that passes from one instant to another, negative if `end` is the earlier one."""
    clocks = end.replace(tzinfo=None) - start.replace(tzinfo=None)
    return clocks - (_offset(end) - _offset(start))


def at_fixed_offset(value: datetime.datetime) -> datetime.datetime:
    """The same instant at a fixed offset: Python compares times of one zone by their clocks, which are set back."""
    return value.replace(tzinfo=datetime.timezone(_offset(value)), fold=0)


def on_the_clock(clock: datetime.datetime, zone: datetime.tzinfo | None) -> datetime.datetime:
    """The instant at which clocks of a zone show this.

    Of a time that comes twice the earlier, unless its `fold` is 1; one that clocks skip is read by the clock as it was
    before, and so lies as much later as they are set forward.

    >>> from zoneinfo import ZoneInfo
    >>> on_the_clock(datetime.datetime(2024, 3, 31, 2, 30), ZoneInfo("Europe/Berlin")).isoformat()
    '2024-03-31T03:30:00+02:00'
    """
    shown = clock.replace(tzinfo=zone)
    set_forward = _offset(shown.replace(fold=1)) - _offset(shown.replace(fold=0))
    if set_forward <= datetime.timedelta():
        return shown
    return (clock - set_forward if clock.fold else clock + set_forward).replace(tzinfo=zone, fold=0)


def _offset(value: datetime.datetime) -> datetime.timedelta:
    return value.utcoffset() or datetime.timedelta()
