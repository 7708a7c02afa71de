"""What has to be computed for the rows of a write, as goals: computed columns, and the vectors of indexes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import CellFailure, ForeignPickle, InvalidColumn, UnknownFunction
from pixeltable.exec.batch import Batch, Column, failure_of
from pixeltable.exec.context import Context
from pixeltable.exec.schedule import Goal
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, structure
from pixeltable.index.vectors import BEYOND
from pixeltable.lazy import np
from pixeltable.plan.bind import bind
from pixeltable.session.codes import called
from pixeltable.session.entries import cells_of, column_entries, heap_entries, vector_entries, vectors_key
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries
from pixeltable.types.conform import CellRejected, conform


@dataclass(frozen=True, slots=True)
class Computation:
    """The columns and indexes that a write fills beside those it is given values for, and the goals that do so.

    Those still being backfilled are filled as far as that works: their function may not be to be had here, or may fail,
    and what nobody can see yet is no reason to refuse a write. What is left out is left to their backfill.
    """

    table: TableRecord
    columns: tuple[ColumnRecord, ...]
    indexes: tuple[IndexRecord, ...]
    goals: tuple[Goal, ...]

    def filled_columns(self, batch: Batch) -> list[ColumnRecord]:
        """The columns whose cells for these rows can be written."""
        return [
            column
            for column in self.columns
            if column.status == "ready" or not cells_of(batch, self.table, column).failures
        ]

    def vectors(self, batch: Batch) -> list[tuple[IndexRecord, Column]]:
        """The vectors of every index."""
        found = [(index, batch.column(vectors_key(index))) for index in self.indexes]
        return [(index, vectors) for index, vectors in found if vectors is not None]

    def entries(self, batch: Batch, given: Sequence[ColumnRecord]) -> list[Entries]:
        """What is written of a batch: the columns it was `given`, those computed, and vectors."""
        found = column_entries(self.table, [*given, *self.filled_columns(batch)], batch)
        return found + [vector_entries(self.table, index, vectors) for index, vectors in self.vectors(batch)]

    def row_entries(self, batch: Batch, heap: Heap, given: Sequence[ColumnRecord]) -> Entries | None:
        """What is written of new rows into one of the table's heaps; None if that is nothing."""
        for index, vectors in self.vectors(batch):
            if index.id == heap.id:
                return vector_entries(self.table, index, vectors)
        entries = heap_entries(self.table, heap, [*given, *self.filled_columns(batch)], batch)
        if entries is None and heap.id == self.table.row_heap.id:
            return Entries(heap, (), ())  # it says which rows there are, even when it has no column of its own
        return entries

    def cells(self, batch: Batch) -> list[Column]:
        """All that was computed for a batch and is written."""
        columns = [cells_of(batch, self.table, column) for column in self.filled_columns(batch)]
        return columns + [vectors for _, vectors in self.vectors(batch)]


def plan_computation(
    table: TableRecord,
    columns: Iterable[ColumnRecord],
    indexes: Iterable[IndexRecord],
    context: Context,
    *,
    abort: bool,
    anew: Sequence[ColumnRecord] = (),
) -> Computation:
    """What is computed for a write that touches these columns and indexes; with `abort`, a failed cell ends it.

    For the columns `anew` no call is left out because its result is remembered.

    Raises:
        InvalidColumn, ForeignPickle: a column or an index in service needs a function that is not to be had here.
    """
    chosen = [
        column
        for column in columns
        if column.expr is not None and column.heap is not None and _can_compute(table, column, column.expr, context)
    ]
    embedding = [index for index in indexes if _can_compute(table, index, _vector_expr(table, index), context)]
    goals = [
        column_goal(
            table, column, replace(context, recall=column not in anew), abort=abort and column.status == "ready"
        )
        for column in chosen
    ]
    goals += [index_goal(table, index, context) for index in embedding]
    return Computation(table, tuple(chosen), tuple(embedding), tuple(goals))


def _can_compute(table: TableRecord, target: ColumnRecord | IndexRecord, expr: Expr, context: Context) -> bool:
    try:
        for spec in called(expr, table):
            context.find(spec)
    except (UnknownFunction, ForeignPickle) as error:
        if target.status != "ready":
            return False
        if isinstance(error, ForeignPickle):
            raise
        kind = "column" if isinstance(target, ColumnRecord) else "index"
        raise InvalidColumn(f"{kind} {target.name!r}", table=table.path, reason=error.message) from error
    return True


def column_goal(table: TableRecord, column: ColumnRecord, context: Context, *, abort: bool) -> Goal:
    """The cells of a stored computed column, which the batch then holds under a reference to it."""
    assert column.expr is not None
    expr = bind(column.expr, table, role=f"column {column.name!r}")
    within = replace(context, policy=column.policy) if column.policy is not None else context
    storable = _is_storable(expr, column, context)
    finish = partial(_finish, column, context, abort, storable)
    return Goal(expr, structure(table.ref(column)), within, finish, column.name)


def _is_storable(expr: Expr, column: ColumnRecord, context: Context) -> bool:
    """Whether what an expression gives has been checked against the column's type already, as results of calls are."""
    if not isinstance(expr, Call) or context.find(expr.call_function).options.keeps_zone:
        return False
    return expr.call_result.with_nullable(True) == column.type.with_nullable(True)


def _finish(
    column: ColumnRecord, context: Context, abort: bool, storable: bool, computed: Column, batch: Batch
) -> Column:
    cells = computed if storable else _storable(column, computed, context)
    if abort and cells.failures:
        raise cell_failure(column.name, cells, first=batch.first)
    return cells


def _storable(column: ColumnRecord, computed: Column, context: Context) -> Column:
    """Cells the database can hold; the others failed."""
    accepting = column.type.with_nullable(True)
    try:
        return Column(conform(accepting, computed.values, zone=context.zone), computed.failures)
    except CellRejected:
        pass  # which cells are at fault is found below
    values, failures = list(computed.values), dict(computed.failures)
    for row, value in enumerate(values):
        try:
            (values[row],) = conform(accepting, [value], zone=context.zone)
        except CellRejected as error:
            values[row], failures[row] = None, failure_of(ValueError(f"the value {error.reason}"))
    return Column(values, failures)


def cell_failure(name: str, column: Column, *, first: int = 0) -> CellFailure:
    """The error for the first failed cell of a column, caused by the user's exception."""
    row = min(column.failures)
    failure = column.failures[row]
    error = CellFailure(
        name,
        row=first + row,
        error_type=failure.error.type,
        message=failure.error.message,
        inputs=failure.inputs or "none",
    )
    error.__cause__ = failure.exception
    return error


def index_goal(table: TableRecord, index: IndexRecord, context: Context) -> Goal:
    """The vectors of an index; null where the value is, or where embedding failed."""
    expr = bind(_vector_expr(table, index), table, role=f"index {index.name!r}")
    return Goal(expr, vectors_key(index), context, partial(_checked_vectors, index), index.name)


def _vector_expr(table: TableRecord, index: IndexRecord) -> Expr:
    if index.embeddings:
        return index.embeddings[0][1]
    source = table.column_by_id(index.column)
    assert source is not None
    return table.ref(source)


def _checked_vectors(index: IndexRecord, computed: Column, batch: Batch) -> Column:  # noqa: ARG001  # as goals call it
    values, failures = list(computed.values), dict(computed.failures)
    for row, vector in enumerate(values):
        if vector is None:
            continue
        if not is_vector(vector, index.dimensions):
            fact = f"expected a vector of {index.dimensions} finite numbers, got shape {np.shape(vector)}"
        elif float(np.abs(vector).max()) >= (most := BEYOND[index.precision]):
            fact = f"precision={index.precision!r} holds numbers below {most:.5g}, got {np.abs(vector).max():.5g}"
        else:
            continue
        values[row], failures[row] = None, failure_of(ValueError(fact))
    return Column(values, failures)


def is_vector(value: Any, dimensions: int) -> bool:
    """Whether an index of that many dimensions can hold the value."""
    numeric = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    return numeric and value.shape == (dimensions,) and bool(np.isfinite(value).all())
