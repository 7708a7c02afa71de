"""The order of values in Python, which is the one they have in SQL."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from pixeltable.exec.evaluate import instant


def ordered(rows: Iterable[int], keys: Sequence[tuple[list[Any], bool]]) -> list[int]:
    """Rows sorted by columns, each ascending or not, the first one counting most; equal rows keep their order."""
    found = list(rows)
    for values, ascending in reversed(keys):  # sorting is stable
        found.sort(key=lambda row: sort_key(values[row]), reverse=not ascending)
    return found


_RANKS = {str: 0, int: 1, float: 1, bool: 3, list: 4, dict: 5}
"""The order of Json values of different types; as in PostgreSQL, but for null, which is last as in every column."""


def sort_key(value: Any) -> tuple[int, Any]:
    """What the value is sorted by; null and NaN are where SQL puts them."""
    kind = type(value)
    if value is None:
        return (9, 0)
    if value != value:
        return (2, 0)  # NaN, beyond all numbers
    if kind is datetime.datetime:
        value = instant(value)
    if kind is list:
        return (_RANKS[list], [sort_key(item) for item in value])
    if kind is dict:
        return (_RANKS[dict], [(key, sort_key(value[key])) for key in sorted(value)])
    return (_RANKS.get(kind, 0), value.bytes if kind is uuid.UUID else value)
