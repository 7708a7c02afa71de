"""The types of what a statement yields that is no column of a table, by PostgreSQL's numbers for types."""

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pixeltable.lazy import psycopg
from pixeltable.types.column_type import (
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

_TIMESTAMP_WITHOUT_ZONE = 1114
_LISTS = (1000, 1005, 1007, 1016, 1021, 1022, 1231, 1009, 1014, 1015, 199, 3807)
"""Arrays of bool, int2, int4, int8, float4, float8, numeric, text, bpchar, varchar, json and jsonb."""

_TYPES: dict[int, ColumnType] = {
    16: BoolType(True),
    **dict.fromkeys((20, 21, 23), IntType(True)),
    **dict.fromkeys((700, 701, 1700), FloatType(True)),
    **dict.fromkeys((25, 1042, 1043), StringType(True)),
    1082: DateType(True),
    1184: TimestampType(True),
    _TIMESTAMP_WITHOUT_ZONE: TimestampType(True),
    2950: UUIDType(True),
    17: BinaryType(True),
    **dict.fromkeys((114, 3802, *_LISTS), JsonType(True)),
}
"""Source: the `oid`s in PostgreSQL's src/include/catalog/pg_type.dat; those of built-in types never change."""


def result_type(oid: int) -> ColumnType | None:
    """The type of a computed result, or None where there is none that holds it. Any of them may be null."""
    return _TYPES.get(oid)


def result_reader(oid: int, zone: datetime.tzinfo) -> Callable[[Any], Any] | None:
    """What turns a result as the driver returns it into its Python form; None where it is that already.

    A timestamp without a zone is one of the session's, as it is where PostgreSQL makes it one with a zone.
    """
    return (lambda value: value.replace(tzinfo=zone)) if oid == _TIMESTAMP_WITHOUT_ZONE else None


def numbered_cursor(connection: "psycopg.Connection[TupleRow]") -> "psycopg.RawCursor[TupleRow]":
    """A cursor for statements with `$1` in the place of values, which reads numeric as float, in arrays too."""
    cursor = psycopg.RawCursor(connection)
    cursor.adapters.register_loader("numeric", psycopg.types.numeric.FloatLoader)
    return cursor
