"""Computing the stored cells that depend on others: computed columns and the vectors of indexes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import CellFailure, ForeignPickle, UnknownFunction
from pixeltable.exec.batch import Batch, Column, Failure, failure_of
from pixeltable.exec.evaluate import Context, column_of
from pixeltable.exprs.expr import Expr
from pixeltable.plan.bind import bind
from pixeltable.storage.cells import Texts, cell_texts, vector_texts
from pixeltable.storage.writes import Entries
from pixeltable.types.column_type import JsonType
from pixeltable.types.conform import CellRejected, conform, json_texts


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of an index for the rows of a batch."""

    index: IndexRecord
    column: Column


def compute_columns(
    batch: Batch, table: TableRecord, columns: Iterable[ColumnRecord], context: Context, *, abort: bool
) -> frozenset[int]:
    """Evaluate stored computed columns into `batch`, which holds what they depend on.

    Returns:
        The ids of columns to leave to their backfill, which may be another program's: its function is not to be had
        here, or fails, and a column nobody can see yet is no reason to refuse a write.

    Raises:
        CellFailure: a cell of a column in service failed, and `abort` is set.
    """
    left = set()
    for column in columns:
        if column.expr is None or column.heap is None:
            continue
        if column.status == "backfilling":
            if not _computed_early(batch, table, column, context):
                left.add(column.id)
            continue
        cells = compute_column(batch, table, column, context)
        if abort and cells.failures:
            raise cell_failure(column.name, cells)
    return frozenset(left)


def _computed_early(batch: Batch, table: TableRecord, column: ColumnRecord, context: Context) -> bool:
    try:
        return not compute_column(batch, table, column, context).failures
    except (UnknownFunction, ForeignPickle):
        return False


def compute_column(batch: Batch, table: TableRecord, column: ColumnRecord, context: Context) -> Column:
    """The cells of one stored computed column, which `batch` holds from then on."""
    assert column.expr is not None
    computed = column_of(bind(column.expr, table, role=f"column {column.name!r}"), batch, context)
    cells = _storable(column, computed, context)
    batch.put(table.ref(column), cells)
    return cells


def _storable(column: ColumnRecord, computed: Column, context: Context) -> Column:
    """Cells the database can hold; the others failed."""
    accepting = column.type.with_nullable(True)

    def check(values: list[Any]) -> list[Any]:
        conformed = conform(accepting, values, zone=context.zone)
        if isinstance(accepting, JsonType):
            json_texts(conformed)
        return conformed

    try:
        return Column(check(computed.values), computed.failures)
    except CellRejected:
        pass  # which cells are at fault is found below
    values, failures = list(computed.values), dict(computed.failures)
    for row, value in enumerate(values):
        try:
            (values[row],) = check([value])
        except CellRejected as error:
            values[row], failures[row] = None, failure_of(ValueError(f"the value {error.reason}"))
    return Column(values, failures)


def cell_failure(name: str, column: Column) -> CellFailure:
    """The error for the first failed cell of a column, caused by the user's exception."""
    row = min(column.failures)
    failure = column.failures[row]
    error = CellFailure(
        name, row=row, error_type=failure.error.type, message=failure.error.message, inputs=failure.inputs or "none"
    )
    error.__cause__ = failure.exception
    return error


def embed(batch: Batch, table: TableRecord, index: IndexRecord, context: Context) -> Column:
    """The vectors of an index for the rows of a batch; null where the value is, or where embedding failed."""
    source = table.column_by_id(index.column)
    assert source is not None
    expr: Expr = table.ref(source) if not index.embeddings else index.embeddings[0][1]
    computed = column_of(bind(expr, table, role=f"index {index.name!r}"), batch, context)
    values, failures = list(computed.values), dict(computed.failures)
    for row, vector in enumerate(values):
        if vector is not None and not is_vector(vector, index.dimensions):
            fact = f"expected a vector of {index.dimensions} finite numbers, got shape {np.shape(vector)}"
            values[row], failures[row] = None, failure_of(ValueError(fact))
    return Column(values, failures)


def embed_indexes(batch: Batch, table: TableRecord, indexes: Iterable[IndexRecord], context: Context) -> list[Vectors]:
    """The vectors of indexes; one being built whose function is not to be had here is left to its backfill."""
    found = []
    for index in indexes:
        try:
            found.append(Vectors(index, embed(batch, table, index, context)))
        except (UnknownFunction, ForeignPickle):
            if index.status == "ready":
                raise
    return found


def is_vector(value: Any, dimensions: int) -> bool:
    """Whether an index of that many dimensions can hold the value."""
    numeric = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    return numeric and value.shape == (dimensions,) and bool(np.isfinite(value).all())


def error_texts(names: Sequence[str], columns: Sequence[Column], count: int) -> Texts | None:
    """The `errors` cells of a heap: for every row an object from column name to error, null where none failed."""
    failed = sorted({row for column in columns for row in column.failures})
    if not failed:
        return None
    texts: Texts = [None] * count
    for row in failed:
        errors = {
            name: error_data(column.failures[row])
            for name, column in zip(names, columns, strict=True)
            if row in column.failures
        }
        texts[row] = json.dumps(errors)
    return texts


def error_data(failure: Failure) -> dict[str, Any]:
    """An error as it is stored."""
    error = failure.error
    return {
        "type": error.type,
        "message": error.message.replace("\0", " ").encode(errors="replace").decode(),
        "attempts": error.attempts,
        "at": error.at.isoformat() if error.at else None,
    }


def heap_entries(
    table: TableRecord, columns: Sequence[ColumnRecord], batch: Batch, *, known: dict[int, Texts] | None = None
) -> list[Entries]:
    """The cells of stored columns as entries of their heaps; `known` holds texts that were made before."""
    entries = []
    for heap in table.heaps:
        members = [column for column in columns if column.heap == heap.id]
        if not members or heap.vectors:
            continue
        cells = [_known(batch, table, column) for column in members]
        texts = [
            known[column.id] if known and column.id in known else cell_texts(column.type, cell.values)
            for column, cell in zip(members, cells, strict=True)
        ]
        names = tuple(column.db_name for column in members)
        entries.append(Entries(heap, names, tuple(texts), error_texts(names, cells, batch.count)))
    return entries


def _known(batch: Batch, table: TableRecord, column: ColumnRecord) -> Column:
    found = batch.get(table.ref(column))
    assert found is not None, column.name
    return found


def vector_entries(table: TableRecord, index: IndexRecord, vectors: Column) -> Entries:
    """The vectors of an index as entries of its heap."""
    heap = table.heap(index.id)
    errors = error_texts(["vector"], [vectors], len(vectors.values))
    return Entries(heap, ("vector",), (vector_texts(vectors.values),), errors)


def failure_count(batch: Batch, table: TableRecord, columns: Iterable[ColumnRecord]) -> int:
    """How many cells of these columns failed."""
    return sum(len(_known(batch, table, column).failures) for column in columns)
