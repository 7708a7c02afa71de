"""Columns that are made together and computed from one another: a reference names its sibling, which has no id yet."""

from collections.abc import Sequence
from dataclasses import replace

from pixeltable.catalog.records import ColumnRecord
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.types.column_type import ColumnType

SIBLINGS = -3
"""In place of a table's id: the column is one that is made along, known by its name."""


def sibling(name: str, column_type: ColumnType) -> ColumnRef:
    """A reference to a column that is made by the same call."""
    return ColumnRef(0, SIBLINGS, name, column_type)


def with_ids(columns: Sequence[ColumnRecord], table_id: int) -> tuple[ColumnRecord, ...]:
    """The columns of a new table, now that they have ids: what refers to a sibling refers to its id."""
    by_name = {column.name: column for column in columns}

    def known(node: Expr) -> Expr | None:
        if not isinstance(node, ColumnRef) or node.ref_table != SIBLINGS:
            return None
        column = by_name[node.ref_name]
        return ColumnRef(column.id, table_id, column.name, column.type)

    return tuple(
        column if column.expr is None else replace(column, expr=rebuild(column.expr, known)) for column in columns
    )
