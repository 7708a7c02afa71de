"""The order of values in Python, which is the one they have in SQL."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from pixeltable.exec.evaluate import instant


def ordered(rows: Iterable[int], keys: Sequence[tuple[list[Any], bool]]) -> list[int]:
    """Rows sorted by columns of sort keys, each ascending or not, the first one counting most.

    Equal rows keep their order.
    """
    found = list(rows)
    for column, ascending in reversed(keys):  # sorting is stable
        found.sort(key=column.__getitem__, reverse=not ascending)
    return found


def sort_keys(values: list[Any]) -> list[Any]:
    """What the values of a column are sorted by; null and NaN are where SQL puts them."""
    return values if set(map(type, values)) in ({int}, {str}) else list(map(_sort_key, values))


_RANKS = {str: 0, int: 1, float: 1, bool: 3, list: 4, dict: 5}
"""The order of Json values of different types; as in PostgreSQL, but for null, which is last as in every column."""


def _sort_key(value: Any) -> tuple[int, Any]:
    kind = type(value)
    if value is None:
        return (9, 0)
    if value != value:
        return (2, 0)  # NaN, beyond all numbers
    if kind is datetime.datetime:
        value = instant(value)
    if kind is list:
        return (_RANKS[list], [_sort_key(item) for item in value])
    if kind is dict:
        return (_RANKS[dict], [(key, _sort_key(value[key])) for key in sorted(value)])
    return (_RANKS.get(kind, 0), value.bytes if kind is uuid.UUID else value)
