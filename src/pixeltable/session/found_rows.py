"""Reading the rows that are to be changed, with the operations that wrote what is read of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import SchemaChanged
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.evaluate import column_of
from pixeltable.exec.filter import filter_batch
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.lazy import psycopg
from pixeltable.plan.planner import RowPlan, plan_rows
from pixeltable.plan.scope import Pushdown
from pixeltable.session.compute import cell_failure
from pixeltable.session.session import Session
from pixeltable.session.transactions import read
from pixeltable.storage.cells import decoder
from pixeltable.storage.fetching import fetch_columns
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Seen
from pixeltable.types.cell_error import CellError


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Rows as they were read: their ids, the operations that wrote their entries, and their cells."""

    rows: list[int]
    seen: tuple[Seen, ...]
    batch: Batch
    last: int | None = None
    """The last row that was looked at, also if Python's filter did not keep it."""

    bases: list[int] | None = None
    """Of an exploded view, the rows of its base that the rows are of."""


def read_rows(session: Session, table: TableRecord, plan: RowPlan) -> FoundRows:
    """Run a row plan: one statement, then the part of the filter that runs in Python.

    Raises:
        SchemaChanged: a heap of the plan was dropped meanwhile.
    """
    start = 1 + len(plan.heaps) + len(plan.keys) + plan.bases
    width = start + len(plan.columns) + len(plan.failing) + len(plan.properties)
    types = [ref.col_type for ref in plan.columns]
    try:
        columns = read(
            session,
            lambda connection: fetch_columns(connection, plan.scan.sql, plan.scan.parameters, width=width, types=types),
            over=table.lineage,
        )
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        raise SchemaChanged(table.path) from None
    batch = Batch(len(columns[0]))
    stored_columns(batch, plan.columns, plan.failing, columns[start:])
    for node, values in zip(plan.properties, columns[start + len(plan.columns) + len(plan.failing) :], strict=True):
        batch.put(node, Column(values))
    kept = list(range(batch.count))
    if plan.where is not None:
        batch, kept = filter_batch(plan.where, batch, lambda condition, rest: _truth(session, condition, rest))
    rows = [columns[0][row] for row in kept]
    keys = dict(zip(plan.keys, columns[1 + len(plan.heaps) : start], strict=False))
    bases = [columns[start - 1][row] for row in kept] if plan.bases else None
    seen = tuple(
        Seen(heap, _among(keys[heap], kept) if heap in keys else rows, _among(ops, kept))
        for heap, ops in zip(plan.heaps, columns[1 : 1 + len(plan.heaps)], strict=True)
        if heap.as_of is None  # what is read as of a version does not change
    )
    return FoundRows(rows, seen, batch, columns[0][-1] if columns[0] else None, bases)


def _among(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [values[place] for place in places]


def _truth(session: Session, condition: Expr, batch: Batch) -> list[bool | None]:
    passed = column_of(condition, batch, session.context)
    if passed.failures:
        raise cell_failure("where", passed)
    return passed.values


def matching_rows(
    session: Session,
    table: TableRecord,
    columns: Sequence[ColumnRef],
    *,
    where: Expr | None = None,
    heaps: Sequence[Heap] = (),
    after: int | None = None,
    rows: Sequence[int] | None = None,
    base_rows: Sequence[int] | None = None,
    limit: int | None = None,
) -> FoundRows:
    """The rows a filter keeps, beyond row `after`, of `rows` if these are given; at most `limit` are looked at.

    Of an exploded view, `base_rows` are rows of the base, and those of the view that are of them are found.

    Where SQL meets a number out of its range, Python filters.
    """

    def found(*, pushdown: Pushdown | None) -> FoundRows:
        plan = plan_rows(
            table, columns, where=where, heaps=heaps, after=after, rows=rows, base_rows=base_rows, limit=limit,
            pushdown=pushdown,
        )  # fmt: skip
        return read_rows(session, table, plan)

    try:
        return found(pushdown=session.pushdown)
    except psycopg.DataError:
        return found(pushdown=None)


def stored_columns(
    batch: Batch, refs: Sequence[ColumnRef], failing: Sequence[ColumnRef], fetched: Sequence[Sequence[Any]]
) -> None:
    """Put columns into a batch as they were fetched: the cells of `refs`, then the errors of those `failing`."""
    errors = dict(zip((ref.ref_column for ref in failing), fetched[len(refs) :], strict=False))
    for ref, values in zip(refs, fetched, strict=False):
        batch.put(ref, _stored_column(ref, values, errors.get(ref.ref_column)))


def _stored_column(ref: ColumnRef, values: Sequence[Any], errors: Sequence[Any] | None) -> Column:
    decode = decoder(ref.col_type)
    cells = list(values) if decode is None else [None if value is None else decode(value) for value in values]
    failed = {
        row: Failure(CellError(error["type"], error["message"], error["attempts"]))
        for row, error in enumerate(errors or ())
        if error is not None
    }
    return Column(cells, failed)


def written_heaps(table: TableRecord, columns: Sequence[ColumnRecord]) -> list[Heap]:
    """The heaps of these columns."""
    written = {column.heap for column in columns}
    return [heap for heap in table.heaps if heap.id in written]
