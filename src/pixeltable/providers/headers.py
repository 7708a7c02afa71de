"""Reading what the headers of an answer say about time and limits. Units out: seconds, and numbers a minute."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil, isfinite
from typing import Any

from pixeltable.udfs.report import LearntLimit

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def read_headers(headers: Any) -> dict[str, str]:
    """Headers of any library as texts, under names in lower case; empty where there are none."""
    items = headers.items() if hasattr(headers, "items") else headers
    if not isinstance(items, Iterable):
        return {}
    return {str(name).lower(): str(value) for name, value in items}


def seconds(text: str | None, *, now: datetime | None = None) -> float | None:
    """A duration, or the time until a date, in seconds and never negative; None for what is neither.

    >>> [seconds(text) for text in ("1.5", "6m0s", "20ms", "1h2m", "soon", None)]
    [1.5, 360.0, 0.02, 3720.0, None, None]
    >>> seconds("Wed, 21 Oct 2015 07:28:05 GMT", now=datetime(2015, 10, 21, 7, 28, tzinfo=UTC))
    5.0
    >>> seconds("2015-10-21T07:28:05Z", now=datetime(2015, 10, 21, 7, 28, tzinfo=UTC))
    5.0
    """
    text = (text or "").strip()
    try:
        found = float(text)
    except ValueError:
        if _DURATION.fullmatch(text):
            return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
        date = _date(text)
        return None if date is None else max((date - (now or datetime.now(UTC))).total_seconds(), 0.0)
    return max(found, 0.0) if isfinite(found) else None


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(text)
        except ValueError:
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the answer asks to wait; dates are taken by the server's own clock where it gives one.

    Source: `Retry-After` of RFC 9110 10.2.3; `retry-after-ms` as the services of OpenAI and Azure send it.

    >>> retry_after_s({"retry-after-ms": "250", "retry-after": "1"})
    0.25
    >>> dates = {"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}
    >>> retry_after_s(dates)
    30.0
    """
    milliseconds = seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    return seconds(headers.get("retry-after"), now=_date(headers.get("date", "")))


def learnt_limit(
    limit: str | None, remaining: str | None = None, reset: str | None = None, *, now: datetime | None = None
) -> LearntLimit | None:
    """One resource as three headers describe it; None where the first does not say how much there is a minute.

    >>> learnt_limit("6000", "5990", "0.1s")
    LearntLimit(per_minute=6000, remaining=5990, reset_s=0.1)
    >>> learnt_limit(None, "3")
    """
    per_minute = _whole(limit)
    if not per_minute:
        return None
    return LearntLimit(per_minute, _whole(remaining), seconds(reset, now=now))


def _whole(text: str | None) -> int | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return ceil(number) if isfinite(number) and number >= 0 else None
