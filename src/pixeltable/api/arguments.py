"""What callers pass: columns by their name or as a reference, one of several words."""

from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import ForeignColumn, InvalidArgument, UnknownColumn
from pixeltable.exprs.leaves import ColumnRef


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """`value`, if it is one of the known ones.

    Raises:
        InvalidArgument: it is none.
    """
    if value not in known:
        raise InvalidArgument(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return str(value)


def name_of(column: Any, record: TableRecord) -> str:
    """The name of a column that a user names or refers to.

    Raises:
        ForeignColumn: it is a reference to a column of another table.
        InvalidArgument: it is neither a name nor a reference.
    """
    if isinstance(column, ColumnRef):
        if column.ref_table != record.id:
            raise ForeignColumn([column.ref_name], table=record.path, role="the call")
        found = record.column_by_id(column.ref_column)
        if found is None:
            raise UnknownColumn(
                column.ref_name, table=record.path, known=[other.name for other in record.ready_columns]
            )
        return found.name
    if not isinstance(column, str):
        raise InvalidArgument(f"a column is given by its name or as table.name, got {column!r}")
    return column
