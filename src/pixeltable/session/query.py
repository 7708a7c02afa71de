"""Answering queries: one statement on one snapshot, then what Python has to add, with no connection held."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pixeltable.catalog.loading import read_epoch
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidExpression, Unsupported
from pixeltable.exec.aggregate import group_batch
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.evaluate import column_of
from pixeltable.exec.filter import filter_batch
from pixeltable.exec.order import ordered, sort_keys
from pixeltable.exprs.expr import Expr
from pixeltable.lazy import psycopg
from pixeltable.plan.grouping import is_grouped, plan_group_count, plan_select
from pixeltable.plan.planner import QueryPlan, Scan, plan_count
from pixeltable.plan.query import QuerySpec
from pixeltable.plan.scope import Pushdown
from pixeltable.session.session import Session
from pixeltable.session.similarity import resolve_similarities
from pixeltable.storage.cells import decoder
from pixeltable.storage.database import Connection
from pixeltable.types.column_type import ColumnType

Result = TypeVar("Result")

NO_INDEX_SCAN = "SET LOCAL enable_indexscan = off"
"""Leaves the planner only plans that look at every vector."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query, by column."""

    columns: dict[str, list[Any]]
    types: dict[str, ColumnType]


def collect(session: Session, spec: QuerySpec, name: str) -> Answer:
    """Run a query; `name` is what the caller knew the table by.

    Raises:
        Unsupported: it has parameters, so it is the query of a function.
    """
    _check_closed(spec)

    def run(table: TableRecord, pushdown: Pushdown | bool) -> Answer:
        resolved = resolve_similarities(session, spec, table)
        plan = plan_select(resolved, table, pushdown=pushdown)
        rows = _fetch(session, table, plan)
        return _finish(session, plan, rows)

    return on_current_schema(session, spec.table, name, run)


def count(session: Session, spec: QuerySpec, name: str) -> int:
    """How many rows a query yields."""
    _check_closed(spec)

    def run(table: TableRecord, pushdown: Pushdown | bool) -> int:
        resolved = resolve_similarities(session, spec, table)
        grouped = is_grouped(resolved)
        if resolved.group_by or not grouped:
            resolved = replace(resolved, select=(), order_by=())
        scan = (plan_group_count if grouped else plan_count)(resolved, table, pushdown=pushdown)
        if scan is not None:
            ((found,),) = validated(session, table, lambda connection: execute(connection, scan))
            return int(found)
        plan = plan_select(resolved, table, pushdown=pushdown)
        return len(_surviving(session, plan, _fetch(session, table, plan))[1])

    return on_current_schema(session, spec.table, name, run)


def _check_closed(spec: QuerySpec) -> None:
    if spec.variables:
        raise Unsupported(
            f"a query over the parameters {', '.join(spec.variables)} cannot be run by itself",
            hint="Return it from a function declared with @pxt.query, and call that in an expression.",
        )


class _Stale(Exception):
    """The schema a statement was planned against is not the one it ran on."""


def on_current_schema(
    session: Session, table_id: int, name: str, run: Callable[[TableRecord, Pushdown | bool], Result]
) -> Result:
    """`run` on the table as last seen; on the newest one if that turns out to be another.

    Its second argument says whether to give to SQL what SQL can do.
    """
    pushdown: Pushdown | bool = session.pushdown
    for _ in range(session.settings.write_attempts):
        table = session.table(table_id, name)
        try:
            return run(table, pushdown)
        except (_Stale, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            session.refresh().table(table_id, name=name)
        except psycopg.DataError:
            if not pushdown:
                raise
            pushdown = False  # a number out of SQL's range, say: Python has the wider one, or the clearer error
    raise InvalidExpression(f"the schema of table {name!r} kept changing while the query ran", hint="Try again.")


def _fetch(session: Session, table: TableRecord, plan: QueryPlan) -> list[tuple[Any, ...]]:
    def run(connection: Connection) -> list[tuple[Any, ...]]:
        rows = execute(connection, plan.scan)
        if plan.exact is None or plan.wanted is None or len(rows) >= plan.wanted:
            return rows
        with connection.transaction():
            connection.execute(NO_INDEX_SCAN)
            return execute(connection, plan.exact)

    return validated(session, table, run)


def validated(
    session: Session, table: TableRecord, work: Callable[[Connection], list[tuple[Any, ...]]]
) -> list[tuple[Any, ...]]:
    """The rows of a statement, and in the same visit the proof that the schema it relied on was still in force."""

    def run(connection: Connection) -> tuple[list[tuple[Any, ...]], int]:
        return work(connection), read_epoch(connection)  # the epoch last: it can only be newer than the rows

    rows, epoch = session.database.read(run)
    if epoch != session.catalog.epoch:
        known = session.refresh().tables.get(table.id)
        if known is None or known.schema_version != table.schema_version:
            raise _Stale
    return rows


def execute(connection: Connection, scan: Scan) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    return connection.execute(scan.sql, scan.parameters).fetchall()


def scanned(scan: Scan, rows: Sequence[tuple[Any, ...]]) -> Batch:
    """The rows of a statement as a batch in which its slots are known."""
    batch = Batch(len(rows))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(scan.slots)
    for slot, values in zip(scan.slots, columns, strict=False):
        decode = decoder(slot.type)
        cells = list(values) if decode is None else [None if value is None else decode(value) for value in values]
        batch.put(slot, Column(cells))
    return batch


def _surviving(session: Session, plan: QueryPlan, rows: list[tuple[Any, ...]]) -> tuple[Batch, Sequence[int]]:
    """The rows as a batch, and the numbers of those that pass the filter that runs in Python, in their final order."""
    batch = scanned(plan.scan, rows)
    evaluated = partial(_values, session)
    if plan.where is not None:
        batch, _ = filter_batch(plan.where, batch, evaluated)
    if plan.grouping is not None:
        batch = group_batch(plan.grouping, batch, session.context, evaluated)
    for window in plan.windows:
        evaluated(window, batch)  # known to the batch from now on, whichever rows are taken out of it
    kept: Sequence[int] = range(batch.count)[:: -1 if plan.newest_first else 1]
    if plan.order_by:
        kept = ordered(kept, [(sort_keys(evaluated(item.expr, batch)), item.ascending) for item in plan.order_by])
    start = plan.offset or 0
    stop = None if plan.limit is None else start + plan.limit
    return batch, kept[start:stop]


def _finish(session: Session, plan: QueryPlan, rows: list[tuple[Any, ...]]) -> Answer:
    batch, kept = _surviving(session, plan, rows)
    if len(kept) < batch.count or plan.order_by or plan.newest_first:
        batch = batch.take(kept)
    return Answer(
        {name: _values(session, expr, batch) for name, expr in plan.outputs},
        {name: expr.type for name, expr in plan.outputs},
    )


def _values(session: Session, expr: Expr, batch: Batch) -> list[Any]:
    """The values of an expression; a failed cell fails the query."""
    column = column_of(expr, batch, session.context)
    if column.failures:
        row = min(column.failures)
        raise failed_query(expr, row, column.failures[row])
    return column.values


def failed_query(expr: Expr, row: int, failure: Failure) -> InvalidExpression:
    """The error for a cell that failed in a query, caused by the user's exception."""
    error = InvalidExpression(
        f"`{expr}` failed in row {row}: {failure.error.type}: {failure.error.message}. Inputs: {failure.inputs}"
    )
    error.__cause__ = failure.exception
    return error
