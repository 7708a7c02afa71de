"""Jobs: backfills that outlive a call, and who is at work on them."""

from dataclasses import dataclass
from typing import Any, Literal

from pixeltable.catalog.codec import decode_column, decode_heap, decode_index, encode_column, encode_heap, encode_index
from pixeltable.catalog.records import ColumnRecord, IndexRecord
from pixeltable.storage.database import Connection, jsonb
from pixeltable.storage.heaps import Heap

_LOCK_SPACE = 1_785_686_899
"""First number of the advisory lock that a job's owner holds; any constant of ours does."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The filling of a heap: that of a column, or of an index. `op` stamps the entries.

    An aborted job's target is not in the table any more; its heap waits for the same statement. Entries whose inputs
    were written by operations after `aborted_op` are out of date by then.
    """

    id: int
    table_id: int
    status: Literal["running", "aborted"]
    op: int
    heap: Heap
    column: ColumnRecord | None
    index: IndexRecord | None
    aborted_op: int | None = None

    @property
    def target(self) -> str:
        """The user's name for what is filled."""
        found = self.column or self.index
        assert found is not None
        return found.name


def insert_job(connection: Connection, job: JobRecord) -> None:
    """Record a new job."""
    connection.execute(
        "INSERT INTO pixeltable.jobs (id, table_id, kind, target, status, op, record) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (job.id, job.table_id, "index" if job.index else "column", job.target, job.status, job.op, jsonb(_encode(job))),
    )


def update_job(connection: Connection, job: JobRecord) -> None:
    """Record a job's new state."""
    connection.execute(
        "UPDATE pixeltable.jobs SET status = %s, op = %s, record = %s WHERE id = %s",
        (job.status, job.op, jsonb(_encode(job)), job.id),
    )


def delete_job(connection: Connection, job_id: int) -> None:
    """Forget a job."""
    connection.execute("DELETE FROM pixeltable.jobs WHERE id = %s", (job_id,))


def jobs_of(connection: Connection, table_id: int) -> list[JobRecord]:
    """The jobs of a table."""
    rows = connection.execute(
        "SELECT id, table_id, status, op, record FROM pixeltable.jobs WHERE table_id = %s AND kind <> %s ORDER BY id",
        (table_id, _VIEW),
    ).fetchall()
    return [_decode(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ViewJob:
    """The making of a view: the operation `op` gives it what its base had in rows `below` a certain one.

    It has got those up to `after`, and `inserted` rows of its own from them; `errors` of its cells and lists failed.
    """

    view_id: int
    op: int
    below: int
    after: int = -1
    inserted: int = 0
    errors: int = 0


_VIEW = "view"


def insert_view_job(connection: Connection, job: ViewJob, *, name: str) -> None:
    """Record that a view is being made."""
    connection.execute(
        "INSERT INTO pixeltable.jobs (id, table_id, kind, target, status, op, record) "
        "VALUES (%s, %s, %s, %s, 'running', %s, %s)",
        (job.view_id, job.view_id, _VIEW, name, job.op, jsonb({"below": job.below, "after": -1, "inserted": 0})),
    )


def advance_view_job(connection: Connection, view_id: int, *, after: int, inserted: int, errors: int) -> None:
    """Record up to which row of its base a view has got its own, and that it has so many more, and so many errors."""
    connection.execute(
        "UPDATE pixeltable.jobs SET record = record || jsonb_build_object('after', %s::bigint, "
        "'inserted', (record ->> 'inserted')::bigint + %s, "
        "'errors', coalesce((record ->> 'errors')::bigint, 0) + %s) WHERE id = %s",
        (after, inserted, errors, view_id),
    )


def view_job(connection: Connection, view_id: int) -> ViewJob | None:
    """The making of a view; None if that is done."""
    row = connection.execute(
        "SELECT id, op, record FROM pixeltable.jobs WHERE id = %s AND kind = %s", (view_id, _VIEW)
    ).fetchone()
    return None if row is None else ViewJob(row[0], row[1], **row[2])


def _encode(job: JobRecord) -> dict[str, Any]:
    return {
        "heap": encode_heap(job.heap),
        "column": job.column and encode_column(job.column),
        "index": job.index and encode_index(job.index),
        "aborted_op": job.aborted_op,
    }


def _decode(
    job_id: int, table_id: int, status: Literal["running", "aborted"], op: int, data: dict[str, Any]
) -> JobRecord:
    return JobRecord(
        job_id,
        table_id,
        status,
        op,
        heap=decode_heap(data["heap"]),
        column=data["column"] and decode_column(data["column"]),
        index=data["index"] and decode_index(data["index"]),
        aborted_op=data["aborted_op"],
    )


def try_own(connection: Connection, job_id: int) -> bool:
    """Become the owner of a job, for as long as the connection lives; False if another process is."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_SPACE, job_id)).fetchone()
    return bool(row and row[0])


def try_own_until_commit(connection: Connection, job_id: int) -> bool:
    """Whether nobody owns a job; nobody else can until the caller's transaction ends."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (_LOCK_SPACE, job_id)).fetchone()
    return bool(row and row[0])
