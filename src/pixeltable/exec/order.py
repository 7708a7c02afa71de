"""The order of values in Python, which is the one they have in SQL."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from pixeltable.types.instants import at_fixed_offset


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


_RANKS = {type(None): -1, str: 0, int: 1, float: 1, bool: 3, list: 4, dict: 5}
"""The order of Json values of different types, as in PostgreSQL; null is last, but within a value."""


def _sort_key(value: Any) -> tuple[int, Any]:
    return (9, 0) if value is None else part_key(value)


def part_key(value: Any) -> tuple[int, Any]:
    """What a value that is not null, or is part of a Json value, is ordered by."""
    kind = type(value)
    if value is None:
        return (_RANKS[kind], 0)
    if kind is list:
        return (_RANKS[kind], (len(value), list(map(part_key, value))))
    if kind is dict:
        return (_RANKS[kind], (len(value), [(key, part_key(value[key])) for key in sorted(value, key=_key_order)]))
    if value != value:
        return (2, 0)  # NaN, beyond all numbers
    if kind is datetime.datetime:
        value = at_fixed_offset(value)
    return (_RANKS.get(kind, 0), value.bytes if kind is uuid.UUID else value)


def _key_order(key: str) -> tuple[int, bytes]:
    """The order in which the database keeps the keys of an object."""
    encoded = key.encode(errors="surrogatepass")
    return len(encoded), encoded
