"""Updates and deletions that are statements alone: rows are found, kept in the history and changed in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.alchemy import Sql, postgresql, sa
from pixeltable.plan.bind import bind
from pixeltable.plan.planner import Pusher, Scan, compile_scan, split_predicate
from pixeltable.plan.scope import Pushdown
from pixeltable.storage.heaps import Heap
from pixeltable.types.column_type import BoolType, DateType, FloatType, IntType, StringType, TimestampType, UUIDType

_SCALARS = (BoolType, DateType, FloatType, IntType, StringType, TimestampType, UUIDType)
_MOST_DEPENDENTS = 4
"""Definitions are put into one another: of more of them, a statement may be of any length."""


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Statements over the same rows of a table's heap of rows, which both take one more parameter, the operation `op`.

    `keep` copies them to the history, `change` gives them their new cells or deletes them.
    """

    keep: Scan
    change: Scan


def plan_update(
    table: TableRecord,
    setting: Mapping[ColumnRecord, Expr],
    dependents: Sequence[ColumnRecord],
    *,
    where: Expr | None,
    pushdown: Pushdown | None,
) -> ChangePlan | None:
    """How SQL updates the rows that a filter keeps; None if Python has to have a part in it.

    It has where something is not in the heap of rows, has no SQL, or has to be checked on its way in.
    """
    new = _new_values(table, setting, dependents)
    if new is None or not all(_fits(column, expr, table.row_heap) for column, expr in new.items()):
        return None
    push = Pusher(table, pushdown=pushdown)
    conditions, rest = split_predicate(where, push)
    assigned: dict[str, Sql] = {}
    for column, expr in new.items():
        sql = push.sql(expr)
        if sql is None:
            return None
        assigned[column.db_name] = sql
    if rest is not None or list(push.scope.used) != [table.row_heap]:
        return None
    rows = push.scope.rows
    assert isinstance(rows, sa.TableClause)
    changed = {"op_in": _op(), **assigned, **_errors_without(rows, [column.db_name for column in dependents])}
    change = sa.update(rows).where(*conditions).values(changed)
    return ChangePlan(_keep(rows, table.row_heap, conditions), compile_scan(change, ()))


def plan_delete(table: TableRecord, *, where: Expr | None, pushdown: Pushdown | None) -> ChangePlan | None:
    """How SQL deletes the rows that a filter keeps, of a table of one heap; None if Python has to filter."""
    push = Pusher(table, pushdown=pushdown)
    conditions, rest = split_predicate(where, push)
    rows = push.scope.rows
    if rest is not None or list(push.scope.used) != [table.row_heap]:
        return None
    assert isinstance(rows, sa.TableClause)
    change = sa.delete(rows).where(*conditions)
    return ChangePlan(_keep(rows, table.row_heap, conditions), compile_scan(change, ()))


def _new_values(
    table: TableRecord, setting: Mapping[ColumnRecord, Expr], dependents: Sequence[ColumnRecord]
) -> dict[ColumnRecord, Expr] | None:
    """What every column becomes, over the columns as they are; None if that is over computed ones, or over too many.

    A cell of a computed column may have failed, which is more than a null for Python.
    """
    if len(dependents) > _MOST_DEPENDENTS:
        return None
    new = dict(setting)
    for column in dependents:
        assert column.expr is not None
        new[column] = _after(bind(column.expr, table, role=column.name), new)
    computed = {column.id for column in table.columns if column.is_computed}
    return None if any(referred_columns(expr) & computed for expr in new.values()) else new


def _after(expr: Expr, new: Mapping[ColumnRecord, Expr]) -> Expr:
    """An expression over columns as they become, as one over columns as they are."""
    became = {column.id: value for column, value in new.items()}
    return rebuild(expr, lambda node: became.get(node.ref_column) if isinstance(node, ColumnRef) else None)


def _fits(column: ColumnRecord, expr: Expr, heap: Heap) -> bool:
    """Whether a column of the heap can take whatever the expression gives, as it is."""
    alike = isinstance(column.type, _SCALARS) and type(column.type) is type(expr.col_type)
    return alike and column.heap == heap.id and (column.type.nullable or not expr.col_type.nullable)


def _op() -> Sql:
    return sa.bindparam("op", type_=sa.BigInteger)


def _keep(rows: sa.TableClause, heap: Heap, conditions: Sequence[Sql]) -> Scan:
    copied = ["row", "op_in", *(column.name for column in heap.columns), "errors"]
    schema, name = heap.history.split(".")
    history = sa.table(name, *map(sa.column, [*copied, "op_out"]), schema=schema)
    closed = sa.select(*(rows.c[name] for name in copied), _op()).where(*conditions)
    return compile_scan(sa.insert(history).from_select([*copied, "op_out"], closed), ())


def _errors_without(rows: sa.TableClause, recomputed: Sequence[str]) -> dict[str, Sql]:
    """The assignment that forgets errors of columns; none if there are no such columns."""
    if not recomputed:
        return {}
    errors = sa.type_coerce(rows.c.errors, postgresql.JSONB)
    names = sa.literal(list(recomputed), postgresql.ARRAY(sa.Text))
    nothing: Sql = sa.literal_column("'{}'::jsonb", postgresql.JSONB)
    return {"errors": sa.func.nullif(sa.func.coalesce(errors, nothing).op("-")(names), nothing)}
