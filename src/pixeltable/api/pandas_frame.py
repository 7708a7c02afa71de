"""Columns as a pandas frame."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType

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
        {name: pd.Series(columns[name], dtype=_dtype(types[name], columns[name])) for name in types},
        columns=list(types),
        index=range(len(next(iter(columns.values()), []))),
    )


def _dtype(column_type: ColumnType, values: list[Any]) -> Any:
    """The dtype pandas cannot infer for want of values; None where it can."""
    if isinstance(column_type, IntType | FloatType | BoolType) and not values:
        return _EMPTY[type(column_type)]
    if isinstance(column_type, IntType | FloatType) and all(value is None for value in values):
        return "float64"
    return None if values else "object"


_EMPTY: dict[type[ColumnType], str] = {IntType: "int64", FloatType: "float64", BoolType: "bool"}
