"""Filling a new heap for the rows a table has: in batches, resumable, with nothing held while user code runs.

From the moment a target is registered, writers fill it for the rows they touch; what is done here is the rest. Each
batch is read, computed and appended in a short transaction. If the table's version is then still the one that was read,
nothing needs checking; else only rows are appended whose inputs are still the entries that were read.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from pixeltable.catalog import jobs, store
from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import DatabaseUnavailable, InvalidState, SchemaChanged
from pixeltable.exec.ahead import WriteBehind, ahead
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import Goal, evaluate_batches
from pixeltable.exec.tally import Tally
from pixeltable.plan.bind import bind
from pixeltable.plan.planner import plan_rows
from pixeltable.session.change import FoundRows, read_rows
from pixeltable.session.compute import cell_failure, column_goal, index_goal
from pixeltable.session.entries import error_texts, vector_entries
from pixeltable.session.session import Session
from pixeltable.storage.cells import cell_texts
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries, copy_entries, next_op


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill did: rows computed, and cells among them that failed."""

    rows: int
    failed: int


@contextmanager
def owning(session: Session, job: JobRecord) -> Iterator[None]:
    """Hold a job for as long as the block runs; if this process dies, the database lets go of it.

    Raises:
        InvalidState: another process, or thread, is at work on it.
    """
    connection = _owner_connection(session, job)
    try:
        yield
    finally:
        connection.close()


def _owner_connection(session: Session, job: JobRecord) -> Connection:
    """A connection that holds the job; another one if the server is lost before it does."""
    for _ in range(session.settings.write_attempts):
        connection = session.database.dedicated()
        try:
            if jobs.try_own(connection, job.id):
                return connection
        except psycopg.OperationalError:
            connection.close()
            continue
        connection.close()
        raise InvalidState(f"{job.target!r} is being filled by another process", hint="Wait until it is done.")
    raise DatabaseUnavailable("the connection to the database was lost again and again", hint="Try again.")


def fill(session: Session, job: JobRecord, name: str, *, abort: bool, tally: Tally) -> Filled:
    """Compute the entries that are missing; the caller owns the job.

    While a batch is computed, the next one is read and the one before is written.

    Raises:
        CellFailure: a cell failed and `abort` is set; what was computed until then is kept.
    """
    pace = Pace(session.settings.batch_size)
    goal = _goal(session, job, name, tally)
    read: deque[_Batch] = deque()
    filled = Filled(0, 0)
    writing = WriteBehind()
    with writing:
        for batch in evaluate_batches(ahead(_batches(session, job, name, pace, read)), [goal]):
            part = read.popleft()
            cells = batch.column(goal.key)
            assert cells is not None
            writing.put(_append, session, job, name, part, cells, abort)
            if abort and cells.failures:
                writing.wait()
                raise cell_failure(job.target, cells)
            pace.done(batch.count, size_bytes=batch.size_bytes)
            tally.advance(batch.count, failed=len(cells.failures))
            filled = Filled(filled.rows + batch.count, filled.failed + len(cells.failures))
    return filled


def _goal(session: Session, job: JobRecord, name: str, tally: Tally) -> Goal:
    table = _table_with_target(session, job, name)
    context = session.context.counting(tally)
    if job.column is not None:
        return column_goal(table, job.column, context, abort=False)
    assert job.index is not None
    return index_goal(table, job.index, context)


def _batches(session: Session, job: JobRecord, name: str, pace: Pace, read: "deque[_Batch]") -> Iterator[Batch]:
    """The rows that lack an entry, as columns of what it is computed from; `read` gets what else there is to know."""
    after = None
    while True:
        try:
            part = _read(session, _table_with_target(session, job, name), job, after, pace.size)
        except SchemaChanged:
            session.refresh()
            continue
        if not part.found.rows:
            return
        after = part.found.rows[-1]
        read.append(part)
        pace.begin()
        yield part.found.batch


def _table_with_target(session: Session, job: JobRecord, name: str) -> TableRecord:
    """The table as last seen, or as it is now if that lacks the target.

    Raises:
        InvalidState: the target was taken out of the table.
    """
    table = session.table(job.table_id, name)
    if _target(table, job) is None:
        table = session.refresh().table(job.table_id, name=name)
    if _target(table, job) is not None:
        return table
    raise InvalidState(f"{job.target!r} was removed from table {name!r} while it was being filled")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows, and the operation that had made the table's version, at the latest when they were read."""

    found: FoundRows
    head_op: int


def _target(table: TableRecord, job: JobRecord) -> ColumnRecord | IndexRecord | None:
    if job.column is not None:
        return table.column_by_id(job.column.id)
    return next((index for index in table.indexes if job.index and index.id == job.index.id), None)


def _input_columns(table: TableRecord, job: JobRecord) -> set[int]:
    """The stored columns that a target is computed from."""
    if job.column is not None:
        assert job.column.expr is not None
        return referred_columns(bind(job.column.expr, table, role=f"column {job.column.name!r}"))
    assert job.index is not None
    return {job.index.column}


def _read(session: Session, table: TableRecord, job: JobRecord, after: int | None, size: int) -> _Batch:
    head_op = session.database.read(lambda connection: _head_op(connection, table))
    inputs = _input_columns(table, job)
    plan = plan_rows(
        table,
        [table.ref(column) for column in table.columns if column.id in inputs],
        lacking=job.heap,
        after=after,
        limit=size,
        pushdown=session.settings.sql_pushdown,
    )
    return _Batch(read_rows(session, table, plan), head_op)


# Not the version's number: after revert() the next write gets the same one again.
_HEAD_OP = (
    "SELECT v.op FROM pixeltable.heads h "
    "JOIN pixeltable.versions v ON v.table_id = h.table_id AND v.version = h.version "
    "WHERE h.table_id = %s AND h.schema_version = %s"
)


def _head_op(connection: Connection, table: TableRecord) -> int:
    row = connection.execute(_HEAD_OP, (table.id, table.schema_version)).fetchone()
    if row is None:
        raise SchemaChanged(table.path)
    return int(row[0])


def _append(session: Session, job: JobRecord, name: str, batch: _Batch, cells: Column, abort: bool) -> None:
    """Write a batch; under `abort` not the rows that failed, which the next run tries again.

    A schema that changed meanwhile costs another try, but no call.
    """
    kept = [row for row in range(len(cells.values)) if not abort or row not in cells.failures]
    if not kept:
        return
    rows = [batch.found.rows[place] for place in kept]
    entries = _entries(session, job, name, cells)
    if len(kept) < len(batch.found.rows):
        entries = replace(entries, texts=tuple([texts[i] for i in kept] for texts in entries.texts), errors=None)

    def write(connection: Connection, table: TableRecord) -> bool:
        with connection.transaction():
            if _locked_head_op(connection, table) == batch.head_op:
                copy_entries(connection, entries, rows, job.op)
            else:
                _append_checked(connection, job, batch.found, entries, kept)
        return True

    def attempt() -> bool:
        table = _table_with_target(session, job, name)
        return session.database.attempt(
            lambda connection: write(connection, table),
            recall=lambda connection: _is_written(connection, job.heap, rows[0]),
        )

    session.replanning(attempt)


def _entries(session: Session, job: JobRecord, name: str, cells: Column) -> Entries:
    if job.column is not None:
        names = (job.column.db_name,)
        texts = cell_texts(job.column.type, cells.values)
        return Entries(job.heap, names, (texts,), error_texts(names, [cells], len(cells.values)))
    assert job.index is not None
    return vector_entries(_table_with_target(session, job, name), job.index, cells)


def _is_written(connection: Connection, heap: Heap, row: int) -> bool | None:
    """After a lost connection: whether a batch that begins with `row` was committed."""
    found = connection.execute(f"SELECT 1 FROM {heap.current} WHERE row = %s", (row,)).fetchone()
    return True if found else None


def _locked_head_op(connection: Connection, table: TableRecord) -> int:
    """As `_head_op`; the head stays as it is until the caller's transaction ends."""
    connection.execute("SELECT 1 FROM pixeltable.heads WHERE table_id = %s FOR UPDATE", (table.id,))
    return _head_op(connection, table)


def _append_checked(
    connection: Connection, job: JobRecord, found: FoundRows, entries: Entries, kept: list[int]
) -> None:
    """Row by row: those whose inputs are what was read, and which have no entry by now."""
    rows = [found.rows[place] for place in kept]
    columns = [*entries.texts, *([entries.errors] if entries.errors is not None else [])]
    names = [*entries.columns, *(["errors"] if entries.errors is not None else [])]
    types = [entries.heap.column(name).sql_type for name in entries.columns] + ["jsonb"]
    inputs = [seen for seen in found.seen if seen.heap != job.heap]
    sources = [f"u{i}" for i in range(len(columns))] + [f"seen{i}" for i in range(len(inputs))]
    arrays = ["%s::text[]"] * len(columns) + ["%s::bigint[]"] * len(inputs)
    joins = " ".join(
        f"JOIN {seen.heap.current} h{i} ON h{i}.row = u.row AND h{i}.op_in = u.seen{i}" for i, seen in enumerate(inputs)
    )
    casts = "".join(f", u.u{i}::{types[i]}" for i in range(len(columns)))
    statement = (
        f"INSERT INTO {entries.heap.current} (row, op_in{''.join(f', {name}' for name in names)}) "
        f"SELECT u.row, %s{casts} "
        f"FROM unnest({', '.join(['%s::bigint[]', *arrays])}) AS u({', '.join(['row', *sources])}) "
        f"{joins} WHERE NOT EXISTS (SELECT 1 FROM {entries.heap.current} e WHERE e.row = u.row)"
    )
    seen_ops = [[seen.ops[place] for place in kept] for seen in inputs]
    connection.execute(statement, [job.op, rows, *columns, *seen_ops])


def finish(
    session: Session, job: JobRecord, name: str, *, change: str, filled: Filled, ready: Callable[..., Any]
) -> bool:
    """Make a filled target part of the table, if no row lacks its entry; False if some do.

    Another process may have done so: the job is not owned any more after the database was restarted.
    `ready(table)` is the table's record with the target in service.
    """

    def work(connection: Connection, catalog: Catalog) -> bool:
        table = catalog.table(job.table_id, name=name)
        if all(other.id != job.id for other in jobs.jobs_of(connection, table.id)):
            return True
        connection.execute("SELECT pixeltable.lock_head(%s, %s)", (table.id, table.schema_version))
        lacking = connection.execute(
            f"SELECT 1 FROM {table.row_heap.current} r LEFT JOIN {job.heap.current} e ON e.row = r.row "
            "WHERE e.row IS NULL LIMIT 1"
        ).fetchone()
        if lacking is not None:
            return False
        saved = store.save_schema(connection, ready(table))
        store.record_schema_version(
            connection, saved, op=job.op, change=change, updates=filled.rows, errors=filled.failed
        )
        jobs.delete_job(connection, job.id)
        return True

    finished = session.change_schema(work)
    if finished:
        session.database.read(lambda connection: connection.execute(f"ANALYZE {job.heap.current}"))
    return finished


def withdraw(session: Session, job: JobRecord, name: str, *, without: Callable[[TableRecord], TableRecord]) -> None:
    """After an abort: the target leaves the table, its heap waits for the same statement.

    `without(table)` is the table's record without the target.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(job.table_id, name=name)
        connection.execute("SELECT pixeltable.lock_head(%s, %s)", (table.id, table.schema_version))
        store.save_schema(connection, without(table))
        # Taken while the head is held: every later write, which will not fill the heap, has a greater one.
        aborted_op = next_op(connection)
        jobs.update_job(connection, replace(job, status="aborted", aborted_op=aborted_op))

    session.change_schema(work)


def drop_outdated(connection: Connection, table: TableRecord, job: JobRecord, inputs: set[Heap]) -> None:
    """When an aborted job is taken up: remove entries of rows that were changed or deleted since."""
    changed = " OR ".join(
        f"NOT EXISTS (SELECT 1 FROM {heap.current} i WHERE i.row = e.row AND i.op_in < %s)"
        for heap in sorted({table.row_heap, *inputs}, key=lambda heap: heap.id)
    )
    connection.execute(
        f"DELETE FROM {job.heap.current} e WHERE {changed}",
        [job.aborted_op] * len({table.row_heap, *inputs}),
    )


def drop_reverted(connection: Connection, table: TableRecord, job: JobRecord, op: int) -> None:
    """Before an operation is taken back: remove an aborted job's entries of the rows that it wrote.

    What comes back is older than the abort, so `drop_outdated` could not tell.
    """
    written = " UNION ".join(
        f"SELECT row FROM {heap.current} WHERE op_in = %s UNION SELECT row FROM {heap.history} WHERE op_out = %s"
        for heap in table.heaps
    )
    connection.execute(f"DELETE FROM {job.heap.current} e WHERE e.row IN ({written})", [op] * (2 * len(table.heaps)))
