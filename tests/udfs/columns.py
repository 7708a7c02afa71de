"""Columns that stand in for those of a table."""

from pixeltable.exprs.leaves import ColumnRef
from pixeltable.types.column_type import ColumnType


def column(name: str, column_type: ColumnType) -> ColumnRef:
    return ColumnRef(1, 1, name, column_type)
