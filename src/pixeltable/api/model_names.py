"""From columns of models to columns of tables, and back: both are known by their names."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pixeltable.api.model_definition import ModelDefinition
from pixeltable.catalog.records import TableRecord
from pixeltable.exprs.expr import Expr, rebuild, rebuild_record
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.queries import InQuery
from pixeltable.plan.query import QuerySpec
from pixeltable.session.siblings import sibling

Tables = Mapping[int, TableRecord | None]
"""Where the columns of records are to be found: from an id to the record, None where there is none."""


def lineage_tables(definition: ModelDefinition, record: TableRecord) -> dict[int, TableRecord]:
    """A table that a model is bound to, and those it is a view of, by the provisional ids."""
    return {own.id: table for own, table in zip(definition.record.lineage, record.lineage, strict=True)}


def moved(expr: Expr, tables: Mapping[int, TableRecord]) -> Expr:
    """An expression with the columns of the same names in other tables.

    Raises:
        UnknownColumn: a table has no such column.
    """

    def found(ref: ColumnRef) -> ColumnRef | None:
        table = tables.get(ref.ref_table)
        if table is None:
            return None
        column = table.ref(table.column(ref.ref_name))
        return replace(column, ref_alias=ref.ref_alias)

    return _replaced(expr, found, tables)


def planned(expr: Expr, tables: Tables) -> Expr:
    """As `moved`; what a table lacks, or a table that is not there yet, is a sibling: it is to be made along."""

    def found(ref: ColumnRef) -> ColumnRef | None:
        if ref.ref_table not in tables:
            return None
        table = tables[ref.ref_table]
        known = {} if table is None else {column.name: column for column in table.ready_columns}
        if table is None or ref.ref_name not in known:
            return sibling(ref.ref_name, ref.ref_type)
        return table.ref(known[ref.ref_name])

    return _replaced(expr, found, tables)


def _replaced(expr: Expr, found: Callable[[ColumnRef], ColumnRef | None], tables: Tables) -> Expr:
    def change(node: Expr) -> Expr | None:
        if isinstance(node, ColumnRef):
            return found(node)
        if isinstance(node, InQuery):
            return replace(node, operand=rebuild(node.operand, change), query=moved_query(node.query, tables))
        return None

    return rebuild(expr, change)


def moved_query(spec: QuerySpec, tables: Tables) -> QuerySpec:
    """A query over one table, over another with columns of the same names."""
    there = {table_id: table for table_id, table in tables.items() if table is not None}
    table = there.get(spec.table)
    moved_spec: QuerySpec = rebuild_record(
        spec, lambda node: moved(node, there) if isinstance(node, ColumnRef | InQuery) else None
    )
    return moved_spec if table is None else replace(moved_spec, table=table.id)


def within(value: Any, change: Callable[[Any], Any]) -> Any:
    """What `change` makes of a value and of the values in it; it answers the value itself for what stays."""
    changed = change(value)
    if changed is not value:
        return changed
    if type(value) in (list, tuple):
        return type(value)(within(item, change) for item in value)
    if type(value) is dict:
        return {key: within(item, change) for key, item in value.items()}
    return value
