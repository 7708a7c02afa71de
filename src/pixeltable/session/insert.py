"""Inserting rows: check, compute with nothing held, then write everything in one short transaction."""

import time
import uuid
from collections.abc import Iterable
from typing import Any

import psycopg

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import DuplicateKey
from pixeltable.exec.batch import Batch, Column
from pixeltable.session.compute import compute_columns, embed_indexes, failure_count, heap_entries, vector_entries
from pixeltable.session.rows import as_rows, gather, texts_of
from pixeltable.session.session import Session
from pixeltable.session.upkeep import with_room
from pixeltable.storage.cells import Texts
from pixeltable.storage.writes import Committed, Entries, insert_rows, recall_write
from pixeltable.types.status import RowCountStats, UpdateStatus


def insert(
    session: Session, table_id: int, name: str, source: Iterable[Any], *, on_error: str, return_rows: bool
) -> UpdateStatus:
    """Insert rows with their computed cells and vectors; what returns is durable.

    Raises:
        RequestError: the rows do not fit the table, or a cell failed and `on_error` is 'abort'; nothing was written.
    """
    start = time.perf_counter()
    rows = as_rows(source)
    batch = Batch(len(rows))  # outlives a try that met a schema change: what is in it is not computed again

    def attempt() -> UpdateStatus:
        table = session.table(table_id, name)
        values = gather(session, table, rows)
        texts = {column_id: texts_of(_column(table, column_id), cells) for column_id, cells in values.items()}
        _check_batch_keys(table, values)
        for column_id, cells in values.items():
            batch.put(table.ref(_column(table, column_id)), Column(cells))
        left = compute_columns(batch, table, table.columns, session.context, abort=on_error == "abort")
        entries, failed = _entries(session, table, batch, texts, left)
        _write(session, table, entries, len(rows), failed)
        return _status(table, batch, start, failed, return_rows=return_rows)

    return session.replanning(attempt)


def _column(table: TableRecord, column_id: int) -> Any:
    found = table.column_by_id(column_id)
    assert found is not None
    return found


def _check_batch_keys(table: TableRecord, values: dict[int, list[Any]]) -> None:
    """Duplicates within the rows, before anything is computed; those against the table are the database's to find."""
    key = [values[column.id] for column in table.primary_key if column.id in values]
    if len(key) != len(table.primary_key) or not key:
        return
    seen: set[tuple[Any, ...]] = set()
    for cells in zip(*key, strict=True):
        if cells in seen:
            names = zip((column.name for column in table.primary_key), cells, strict=True)
            raise DuplicateKey(", ".join(f"{name}={cell!r}" for name, cell in names), table=table.path)
        seen.add(cells)


def _entries(
    session: Session, table: TableRecord, batch: Batch, texts: dict[int, Texts], left: frozenset[int]
) -> tuple[list[Entries], int]:
    stored = [column for column in table.columns if column.heap is not None and column.id not in left]
    entries = heap_entries(table, stored, batch, known=texts)
    present = {entry.heap.id for entry in entries}
    if table.row_heap.id not in present:  # it says which rows there are, even when it has no column of its own
        entries.insert(0, Entries(table.row_heap, (), ()))
    failed = failure_count(batch, table, stored)
    for vectors in embed_indexes(batch, table, table.indexes, session.context):
        failed += len(vectors.column.failures)
        entries.append(vector_entries(table, vectors.index, vectors.column))
    return entries, failed


def _write(session: Session, table: TableRecord, entries: list[Entries], count: int, failed: int) -> Committed:
    token = uuid.uuid4()

    def write() -> Committed:
        return session.database.attempt(
            lambda connection: insert_rows(connection, table.target, entries, count, errors=failed, token=token),
            recall=lambda connection: recall_write(connection, table.id, token),
        )

    try:
        return with_room(session, table, count, write)
    except psycopg.errors.UniqueViolation as error:
        raise duplicate_key(table, error) from None


def duplicate_key(table: TableRecord, error: psycopg.errors.UniqueViolation) -> DuplicateKey:
    """The user's error for a key that exists; columns are shown by the user's names."""
    detail = error.diag.message_detail or ""
    values = detail.partition("=(")[2].rpartition(")")[0]
    names = ", ".join(column.name for column in table.primary_key)
    return DuplicateKey(f"({names})=({values})", table=table.path)


def _status(table: TableRecord, batch: Batch, start: float, failed: int, *, return_rows: bool) -> UpdateStatus:
    stored = [column for column in table.ready_columns if column.heap is not None]
    computed = [column for column in stored if column.is_computed]
    failing = [column for column in computed if _cells(batch, table, column).failures]
    rows = None
    if return_rows:
        cells = {column.name: _cells(batch, table, column).values for column in stored}
        rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    return UpdateStatus(
        cols_with_excs=[f"{table.name}.{column.name}" for column in failing],
        rows=rows,
        row_count_stats=RowCountStats(
            ins_rows=batch.count, num_excs=failed, computed_values=batch.count * len(computed)
        ),
        seconds=time.perf_counter() - start,
    )


def _cells(batch: Batch, table: TableRecord, column: Any) -> Column:
    found = batch.get(table.ref(column))
    assert found is not None
    return found
