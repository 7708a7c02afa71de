"""Adding and dropping columns of a table that may have rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog import jobs, store
from pixeltable.catalog.codec import encode_column
from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import (
    BeingAdded,
    CellFailure,
    ColumnTaken,
    ConstraintViolation,
    Error,
    InvalidExpression,
    InvalidSchema,
    InvalidState,
    JobCancelled,
    Unsupported,
)
from pixeltable.exec.tally import Tally
from pixeltable.exprs.codec import encode
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.properties import CellProperty, Similarity
from pixeltable.exprs.queries import InQuery
from pixeltable.plan.bind import bind, refuse_pending
from pixeltable.session.at_once import add_at_once
from pixeltable.session.backfill import fill
from pixeltable.session.btrees import follow, without_column_indexes
from pixeltable.session.codes import stamp_of, take_up
from pixeltable.session.heads import lock_head
from pixeltable.session.pages import Begun
from pixeltable.session.receipts import receipt
from pixeltable.session.session import Session
from pixeltable.session.stored_functions import refuse_applied, store_functions
from pixeltable.session.target_jobs import Filled, drop_outdated, finish, owning, withdraw
from pixeltable.session.turns import after_others
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, HeapColumn, create_heap, drop_heap, sql_type
from pixeltable.storage.numbers import next_op
from pixeltable.types.column_type import MediaType
from pixeltable.types.status import RowCountStats, UpdateStatus
from pixeltable.udfs.retry import Policy


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A computed column to add."""

    name: str
    expr: Expr
    stored: bool = True
    comment: str | None = None
    custom_metadata: Any = None
    policy: Policy | None = None


def add_computed_column(
    session: Session, table_id: int, name: str, new: NewColumn, *, on_error: str, if_exists: str, tally: Tally
) -> UpdateStatus:
    """Add a column and compute it for the rows there are; readers and writers go on meanwhile.

    Raises:
        CellFailure: a cell failed and `on_error` is 'abort'. The column is not added; the same call later computes only
            what is missing.
        ColumnTaken, ForeignColumn, InvalidState, ...: see `Table.add_computed_column`.
    """

    def work() -> UpdateStatus:
        return _add(session, table_id, name, new, abort=on_error == "abort", if_exists=if_exists, tally=tally)

    return after_others(work, if_exists=if_exists)


def _add(
    session: Session, table_id: int, name: str, new: NewColumn, *, abort: bool, if_exists: str, tally: Tally
) -> UpdateStatus:
    start = time.perf_counter()
    filled = _try_at_once(session, session.table(table_id, name), new, abort=abort, tally=tally)
    if not isinstance(filled, Filled):
        job = session.change_schema(
            lambda connection, catalog: _register(
                session, connection, catalog.table(table_id, name=name), new, if_exists
            )
        )
        if job is None:
            return receipt(tally, start)
        with owning(session, job):
            filled = _run(session, job, name, filled, abort=abort, tally=tally)
    table = session.table(table_id, name)
    return receipt(
        tally, start,
        RowCountStats(upd_rows=filled.rows, num_excs=filled.failed, computed_values=filled.rows),
        updated_cols=[f"{table.name}.{new.name}"],
        cols_with_excs=[f"{table.name}.{new.name}"] if filled.failed else [],
    )  # fmt: skip


def _try_at_once(
    session: Session, table: TableRecord, new: NewColumn, *, abort: bool, tally: Tally
) -> Filled | Begun | None:
    if tally.on_prepared is not None:
        return None  # somebody waits for the call to be beyond that
    if not new.stored or any(column.name.lower() == new.name.lower() for column in table.columns):
        return None
    try:
        check_computed(table, new)
    except Error:
        return None  # of the table as last seen
    return add_at_once(session, table, column_of(new, 0, version_added=0), abort=abort, tally=tally)


def column_of(new: NewColumn, column_id: int, *, version_added: int) -> ColumnRecord:
    """The record of a column to add, which has no place yet."""
    return ColumnRecord(
        column_id, new.name, new.expr.col_type, None, new.expr,
        comment=new.comment, custom_metadata=new.custom_metadata, version_added=version_added, policy=new.policy,
    )  # fmt: skip


def _run(session: Session, job: JobRecord, name: str, begun: Begun | None, *, abort: bool, tally: Tally) -> Filled:
    assert job.column is not None
    column = job.column
    total = Filled(0, 0)

    def in_service(table: TableRecord) -> TableRecord:
        replaced = namesake(table, column.name)  # stayed in service until now
        rest = table if replaced is None else without_column(table, replaced)
        known = table.column_by_id(column.id) or column  # what it refers to may have got other names
        return rest.with_column(replace(known, status="ready"))

    try:
        while True:
            part = fill(session, job, name, abort=abort, tally=tally, begun=begun)
            begun = None
            total = Filled(total.rows + part.rows, total.failed + part.failed, part.head)
            stamp = stamp_of(session, session.table(job.table_id, name), [column], [])
            change = f"Added: {column.name}"
            if finish(session, job, name, change=change, filled=total, ready=in_service, stamp=stamp):
                return total
    except (CellFailure, ConstraintViolation, JobCancelled, KeyboardInterrupt):
        withdraw(session, job, name, without=lambda table: without_unfinished(table, column.id))
        raise


def namesake(table: TableRecord, name: str) -> ColumnRecord | None:
    """The column that users call so, in upper or lower case."""
    return next((column for column in table.ready_columns if column.name.lower() == name.lower()), None)


def refuse_unfinished(table: TableRecord, name: str) -> None:
    """Check that nobody is adding a column of that name.

    Raises:
        InvalidState: somebody is, or was when its process died.
    """
    if any(column.status != "ready" and column.name.lower() == name.lower() for column in table.columns):
        raise InvalidState(
            f"column {name!r} of table {table.path!r} is being computed, or was left unfinished",
            hint=f"Wait until it is done, or give it up with drop_column({name!r}).",
        )


def without_unfinished(table: TableRecord, column_id: int) -> TableRecord:
    """The table without a column that nobody has seen, and its heap."""
    column = table.column_by_id(column_id)
    heap = column.heap if column is not None else None
    return replace(
        table,
        columns=tuple(column for column in table.columns if column.id != column_id),
        heaps=tuple(kept for kept in table.heaps if kept.id != heap),
    )


def _register(
    session: Session, connection: Connection, table: TableRecord, new: NewColumn, if_exists: str
) -> JobRecord | None:
    """Make the column part of the table, to be filled; None if nothing is left to do."""
    check_computed(table, new)
    existing, rest = namesake(table, new.name), table
    if existing is not None:
        if if_exists == "ignore":
            return None
        if if_exists not in ("replace", "replace_force"):
            raise ColumnTaken(new.name, table=table.path)
        if existing.id in referred_columns(new.expr):
            raise InvalidExpression(f"column {new.name!r} cannot be replaced by an expression over itself")
        rest = without_column(table, existing)
    job = _take_up(session, connection, table, new)
    if job is not None:
        return job
    column = _new_record(session, connection, table, new)
    if not new.stored:
        saved = store.save_schema(connection, rest.with_column(column))
        follow(connection, table, saved)
        store.record_schema_version(connection, saved, op=next_op(connection), change=f"Added: {new.name}")
        return None
    if _add_to_empty(connection, rest, column):
        follow(connection, table, rest)
        return None
    return _add_with_heap(connection, table, column)


def begin_job(session: Session, connection: Connection, table: TableRecord, new: NewColumn) -> JobRecord:
    """A job that computes a column for the rows there are: a new one, or one that was left unfinished."""
    found = _take_up(session, connection, table, new)
    return found or _add_with_heap(connection, table, _new_record(session, connection, table, new))


def _new_record(session: Session, connection: Connection, table: TableRecord, new: NewColumn) -> ColumnRecord:
    store_functions(session, connection, new.expr)
    (column_id,) = store.new_ids(connection, 1)
    return column_of(new, column_id, version_added=next_version(connection, table))


def check_computed(table: TableRecord, new: NewColumn) -> None:
    """Check that a table can have a column with that definition.

    Raises:
        ForeignColumn, UnknownColumn, InvalidExpression, Unsupported: it cannot.
    """
    bind(new.expr, table, role=f"column {new.name!r}")
    refuse_pending(new.expr, table, role=f"column {new.name!r}")
    refuse_applied(new.expr)
    if any(isinstance(node, Similarity | CellProperty) for node in nodes_in(new.expr)):
        raise Unsupported(f"column {new.name!r}: similarities and error properties cannot be used in computed columns")
    if any(isinstance(node, InQuery) for node in nodes_in(new.expr)):
        raise Unsupported(
            f"column {new.name!r}: isin(query) depends on what other rows hold, so it cannot be stored",
            hint="Use it in select() or where(), or look the value up with a @pxt.query.",
        )
    if isinstance(new.expr.col_type, MediaType):
        raise Unsupported(f"column {new.name!r}: {new.expr.col_type.name} columns are not supported yet")


def next_version(connection: Connection, table: TableRecord) -> int:
    """The number of the version that a table gets next."""
    row = connection.execute("SELECT version + 1 FROM pixeltable.heads WHERE table_id = %s", (table.id,)).fetchone()
    assert row is not None
    return int(row[0])


def _add_to_empty(connection: Connection, table: TableRecord, column: ColumnRecord) -> bool:
    """Put the column into heap 0 if the table has no row, nor had one; False if that is not so."""
    if not lock_unused(connection, table):
        return False
    saved = store.save_schema(connection, with_columns_in_heap_0(connection, table, [column]))
    store.record_schema_version(connection, saved, op=next_op(connection), change=f"Added: {column.name}")
    return True


def lock_unused(connection: Connection, table: TableRecord) -> bool:
    """Whether a table has no row, nor had one; if so, it gets none until the transaction ends."""
    heap = table.row_heap
    used = f"SELECT EXISTS (SELECT 1 FROM {heap.current}) OR EXISTS (SELECT 1 FROM {heap.history})"
    if _answer(connection, used):
        return False
    connection.execute(f"LOCK TABLE {heap.current} IN ACCESS EXCLUSIVE MODE")
    return not _answer(connection, used)  # a writer may have been quicker


def with_columns_in_heap_0(connection: Connection, table: TableRecord, columns: Sequence[ColumnRecord]) -> TableRecord:
    """An unused table with more columns, stored with those it was created with."""
    if not columns:
        return table
    heap = table.row_heap
    added = tuple(HeapColumn(column.db_name, sql_type(column.type)) for column in columns)
    for name in (heap.current, heap.history):
        parts = ", ".join(f"ADD COLUMN {column.definition}" for column in added)
        connection.execute(f"ALTER TABLE {name} {parts}")
    wider = replace(heap, columns=(*heap.columns, *added))
    table = replace(table, heaps=tuple(wider if other.id == heap.id else other for other in table.heaps))
    for column in columns:
        table = table.with_column(replace(column, heap=heap.id))
    return table


def _answer(connection: Connection, question: str) -> bool:
    row = connection.execute(question).fetchone()
    return bool(row and row[0])


def _add_with_heap(connection: Connection, table: TableRecord, column: ColumnRecord) -> JobRecord:
    heap_id, job_id = store.new_ids(connection, 2)
    heap = Heap(heap_id, (HeapColumn(column.db_name, sql_type(column.type)),))
    create_heap(connection, heap)
    pending = replace(column, heap=heap_id, status="backfilling")
    store.save_schema(connection, replace(table.with_column(pending), heaps=(*table.heaps, heap)))
    job = JobRecord(job_id, table.id, "running", next_op(connection), heap, pending, None)
    jobs.insert_job(connection, job)
    return job


def _take_up(session: Session, connection: Connection, table: TableRecord, new: NewColumn) -> JobRecord | None:
    """An unfinished job for the same column: continued if it has the same definition, else cleared away."""
    for job in jobs.jobs_of(connection, table.id):
        if job.column is None or job.column.name != new.name:
            continue
        if job.status == "running" and not _is_abandoned(connection, job):
            raise BeingAdded("column", new.name)
        assert job.column.expr is not None
        if new.stored and same_definition(job.column.expr, new.expr):
            store_functions(session, connection, new.expr)
            return _continue(connection, table, job, replace(job.column, expr=new.expr, policy=new.policy))
        _discard(connection, job)
    return None


def _is_abandoned(connection: Connection, job: JobRecord) -> bool:
    """Whether nobody holds the job; the lock this takes to find out goes with the transaction."""
    return jobs.try_own_until_commit(connection, job.id)


def _continue(connection: Connection, table: TableRecord, job: JobRecord, column: ColumnRecord) -> JobRecord:
    """The job, running; `column` is its column as defined now, maybe by a mended function."""
    if job.status == "running":
        assert job.column is not None
        if encode_column(column) == encode_column(job.column):
            return job
        store.save_schema(connection, table.with_column(column))
    else:
        assert column.expr is not None
        inputs = referred_columns(bind(column.expr, table, role=f"column {column.name!r}"))
        heaps = {
            table.heap(other.heap) for other in table.known_columns if other.id in inputs and other.heap is not None
        }
        drop_outdated(connection, table, job, heaps)
        store.save_schema(connection, replace(table.with_column(column), heaps=(*table.heaps, job.heap)))
    running = replace(take_up(connection, table, job, column=column, index=None), status="running", aborted_op=None)
    jobs.update_job(connection, running)
    return running


def _discard(connection: Connection, job: JobRecord) -> None:
    assert job.column is not None
    if job.status == "running":
        raise InvalidState(
            f"column {job.column.name!r} was left unfinished with another definition: {job.column.expr}",
            hint=f"Drop it first with drop_column({job.column.name!r}), or finish it with that definition.",
        )
    jobs.delete_job(connection, job.id)
    drop_heap(connection, job.heap)


def same_definition(a: Expr, b: Expr) -> bool:
    """Whether two expressions are alike but for the code of their functions: a mended function counts as the same."""
    return bool(_without_code(encode(a)) == _without_code(encode(b)))


def _without_code(data: Any) -> Any:
    """What `encode` wrote, also of what is within queries and tools, without what tells one code from another."""
    if isinstance(data, dict):
        return {key: _without_code(value) for key, value in data.items()}
    if not isinstance(data, list):
        return data
    if data[:2] == ["node", "ColumnRef"]:
        return [*data[:4], *data[5:]]  # its name may be another by now
    if data[:1] == ["FunctionSpec"]:
        path = data[1]["path"]
        stem = path.rpartition(":")[0] if path.startswith("local:") else path
        return [*data[:1], {**_without_code(data[1]), "path": stem, "code": ""}]
    return [_without_code(item) for item in data]


def drop_column(session: Session, table_id: int, name: str, column_name: str, *, if_not_exists: str) -> None:
    """Take a column out of the table; its cells stay for older versions.

    Raises:
        UnknownColumn, ConstraintViolation: see `Table.drop_column`.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        if _drop_unfinished(connection, table, column_name):
            return
        if if_not_exists == "ignore" and all(column.name != column_name for column in table.ready_columns):
            return
        _drop(connection, table, table.column(column_name))

    session.change_schema(work)


def _drop(connection: Connection, table: TableRecord, column: ColumnRecord) -> None:
    saved = store.save_schema(connection, without_column(table, column))
    follow(connection, table, saved)
    store.record_schema_version(connection, saved, op=next_op(connection), change=f"Deleted: {column.name}")


def drop_unwritten(session: Session, table_id: int, name: str, column_name: str) -> bool:
    """Drop a column that was added to a table, unless somebody has written into it since; whether it is gone.

    Raises:
        UnknownColumn, ConstraintViolation: see `Table.drop_column`.
    """

    def work(connection: Connection, catalog: Catalog) -> bool:
        table = catalog.table(table_id, name=name)
        column = table.own_column(column_name)
        lock_head(connection, table)
        if column.expr is None and _is_written(connection, table, column):
            return False
        _drop(connection, table, column)
        return True

    return session.change_schema(work)


def _is_written(connection: Connection, table: TableRecord, column: ColumnRecord) -> bool:
    """Whether a plain column has cells that did not come with it."""
    assert column.heap is not None
    added = "SELECT op FROM pixeltable.versions WHERE table_id = %s AND version = %s"
    written = (
        f"SELECT EXISTS (SELECT 1 FROM {table.heap(column.heap).current} "
        f"WHERE {column.db_name} IS NOT NULL AND op_in NOT IN ({added}))"
    )
    row = connection.execute(written, (table.id, column.version_added)).fetchone()
    return bool(row and row[0])


def _drop_unfinished(connection: Connection, table: TableRecord, column_name: str) -> bool:
    """Give up a column that a process died over; nobody has seen it, so nothing of it stays."""
    for job in jobs.jobs_of(connection, table.id):
        if job.column is None or job.column.name != column_name or job.status != "running":
            continue
        if not _is_abandoned(connection, job):
            raise InvalidState(f"column {column_name!r} is being computed by another process")
        store.save_schema(connection, without_unfinished(table, job.column.id))
        jobs.delete_job(connection, job.id)
        drop_heap(connection, job.heap)
        return True
    return False


def without_column(table: TableRecord, column: ColumnRecord) -> TableRecord:
    """The table without a column and its indexes, the heaps staying for the history.

    Raises:
        ConstraintViolation: something else depends on the column.
        Unsupported: it is one of the base of the view.
    """
    table.check_own(column)
    of_items = {made.id for made in table.unstored_outputs.values()}
    if table.view is not None and (table.view.makes(column.id) or column.id in of_items):
        raise ConstraintViolation(f"column {column.name!r} is made by the iterator of the view and cannot be dropped")
    users = [
        other.name for other in table.columns if other.expr is not None and column.id in referred_columns(other.expr)
    ]
    if users:
        raise ConstraintViolation(
            f"column {column.name!r} cannot be dropped: {', '.join(users)} depend on it", hint="Drop them first."
        )
    if column.primary_key:
        raise ConstraintViolation(f"column {column.name!r} is part of the primary key and cannot be dropped")
    rest = tuple(other for other in table.columns if other.id != column.id)
    if not rest and (table.view is None or not table.view.inherits):
        raise InvalidSchema(f"column {column.name!r} is the last one of table {table.path!r}", hint="Drop the table.")
    indexes = tuple(index for index in table.indexes if index.column != column.id)
    return replace(without_column_indexes(table, column), columns=rest, indexes=indexes)
