"""The life of a job that fills a heap: who owns it, and how it ends; filling is in `backfill`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog import jobs, store
from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import BeingAdded, DatabaseUnavailable
from pixeltable.lazy import psycopg
from pixeltable.session.btrees import follow
from pixeltable.session.heads import Head, lock_head
from pixeltable.session.session import Session
from pixeltable.session.upkeep import BULK, analyse_soon
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, without_history
from pixeltable.storage.numbers import next_op


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill did: rows computed, and cells among them that failed.

    `head` is the table's head all the while it read, None if there were several.
    """

    rows: int
    failed: int
    head: Head | None = None


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
        session.database.release(connection)


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
        raise BeingAdded("column" if job.column else "index", job.target)
    raise DatabaseUnavailable("the connection to the database was lost again and again", hint="Try again.")


def finish(
    session: Session,
    job: JobRecord,
    name: str,
    *,
    change: str,
    filled: Filled,
    ready: Callable[..., Any],
    stamp: int | None,
) -> bool:
    """Make a filled target part of the table, if no row lacks its entry; False if some do.

    Another process may have done so: the job is not owned any more after the database was restarted.
    `ready(table)` is the table's record with the target in service; `stamp` says what computed it.
    """

    def work(connection: Connection, catalog: Catalog) -> bool:
        table = catalog.table(job.table_id, name=name)
        if all(other.id != job.id for other in jobs.jobs_of(connection, table.id)):
            return True
        if lock_head(connection, table) != filled.head and some_lack_an_entry(connection, table, job):
            return False
        saved = store.save_schema(connection, ready(table))
        follow(connection, table, saved)
        store.record_schema_version(
            connection, saved, op=job.op, change=change, updates=filled.rows, errors=filled.failed, stamp=stamp
        )
        jobs.delete_job(connection, job.id)
        return True

    finished = session.change_schema(work)
    if finished and filled.rows >= BULK:
        analyse_soon(session, job.heap)
    return finished


def some_lack_an_entry(connection: Connection, table: TableRecord, job: JobRecord) -> bool:
    """Whether there is a row without an entry in the heap of a job."""
    lacking = connection.execute(
        f"SELECT 1 FROM {table.row_heap.current} r LEFT JOIN {job.heap.current} e ON e.row = r.row "
        "WHERE e.row IS NULL LIMIT 1"
    ).fetchone()
    return lacking is not None


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
    others = sorted(inputs - {table.row_heap}, key=lambda heap: heap.id)  # which need not have an entry for each row
    changed = "".join(
        f" OR EXISTS (SELECT 1 FROM {heap.current} i WHERE i.row = e.row AND i.op_in >= %s)" for heap in others
    )
    connection.execute(
        f"DELETE FROM {job.heap.current} e WHERE NOT EXISTS "
        f"(SELECT 1 FROM {table.row_heap.current} r WHERE r.row = e.row AND r.op_in < %s){changed}",
        [job.aborted_op] * (1 + len(others)),
    )


def drop_reverted(connection: Connection, table: TableRecord, job: JobRecord, op: int) -> None:
    """Before an operation is taken back: remove an aborted job's entries of the rows that it wrote.

    What comes back is older than the abort, so `drop_outdated` could not tell.
    """
    missing = without_history(connection, table.heaps)
    parts = [f"SELECT row FROM {heap.current} WHERE op_in = %s" for heap in table.heaps]
    parts += [f"SELECT row FROM {heap.history} WHERE op_out = %s" for heap in table.heaps if heap not in missing]
    connection.execute(f"DELETE FROM {job.heap.current} e WHERE e.row IN ({' UNION '.join(parts)})", [op] * len(parts))
