"""Columns as a pandas frame."""

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pixeltable.lazy import np
from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType, TimestampType

if TYPE_CHECKING:
    import pandas as pd


def pandas_frame(columns: Mapping[str, list[Any]], types: Mapping[str, ColumnType]) -> "pd.DataFrame":
    """The columns as a pandas frame, each with the dtype pandas infers from its values.

    Without nulls: Int int64, Float float64, Bool bool, String pandas' own text dtype, Timestamp datetime64[us] in its
    zone, all others object. With nulls: Int becomes float64 with NaN (exact up to 2**53), Bool object with None, Float
    and String hold NaN, Timestamp NaT, all others None. Numeric columns that are empty or hold only nulls have
    their dtype all the same (Bool only if empty), where inference would say object.
    """
    import pandas as pd

    return pd.DataFrame(
        {name: _series(types[name], columns[name]) for name in types},
        columns=list(types),
        index=range(len(next(iter(columns.values()), []))),
        copy=False,
    )


def _series(column_type: ColumnType, values: list[Any]) -> Any:
    import pandas as pd

    convert = _CONVERT.get(type(column_type))
    converted = convert(values) if convert and values else None
    if converted is not None:
        return pd.Series(converted)
    return pd.Series(values, dtype=_dtype(column_type, values))


def _ints(values: list[Any]) -> Any:
    if set(map(type, values)) != {int}:
        return None
    try:
        return np.fromiter(values, dtype="int64", count=len(values))
    except OverflowError:  # a result may be beyond what a column holds
        return None


def _floats(values: list[Any]) -> Any:
    try:
        return np.array(values, dtype="float64")
    except (TypeError, ValueError, OverflowError):
        return None


def _timestamps(values: list[Any]) -> Any:
    """As pandas would make of them, if all are of one zone: there it takes its time over each."""
    import pandas as pd

    zones = {value.tzinfo for value in values if value is not None}
    if len(zones) != 1 or None in zones:
        return None
    try:
        in_utc = [value and value.astimezone(datetime.UTC) for value in values]
    except OverflowError:  # at one of the two ends of time
        return None
    return pd.DatetimeIndex(in_utc, dtype="datetime64[us, UTC]").tz_convert(zones.pop())


_CONVERT: dict[type[ColumnType], Callable[[list[Any]], Any]] = {
    IntType: _ints,
    FloatType: _floats,
    TimestampType: _timestamps,
}
"""What is faster than pandas' looking at every value; each gives None where that has to be done after all."""


def _dtype(column_type: ColumnType, values: list[Any]) -> Any:
    """The dtype pandas cannot infer for want of values; None where it can."""
    if isinstance(column_type, IntType | FloatType | BoolType) and not values:
        return _EMPTY[type(column_type)]
    if isinstance(column_type, IntType | FloatType) and all(value is None for value in values):
        return "float64"
    return None if values else "object"


_EMPTY: dict[type[ColumnType], str] = {IntType: "int64", FloatType: "float64", BoolType: "bool"}
