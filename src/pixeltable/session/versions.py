"""A table's versions: their list, and taking the last one back."""

import datetime
from dataclasses import dataclass

from pixeltable.catalog import jobs, store
from pixeltable.catalog.codec import decode_table
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidState
from pixeltable.session.btrees import create_new, drop_gone
from pixeltable.session.session import Session
from pixeltable.session.tags import refuse_tagged
from pixeltable.session.target_jobs import drop_reverted
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import drop_heap
from pixeltable.storage.writes import undo_operation


@dataclass(frozen=True, slots=True)
class Version:
    """What one operation did to a table; `kind` is data or schema."""

    version: int
    created_at: datetime.datetime
    kind: str
    inserts: int
    updates: int
    deletes: int
    errors: int
    schema_change: str | None
    note: str | None


def list_versions(
    session: Session, table_id: int, name: str, *, limit: int | None, upto: int | None = None
) -> list[Version]:
    """The versions of a table, none after `upto`, newest first."""
    session.refresh().table(table_id, name=name)
    rows = session.database.read(
        lambda connection: connection.execute(
            "SELECT version, at, kind, inserts, updates, deletes, errors, schema_change, note "
            "FROM pixeltable.versions WHERE table_id = %(table)s AND version <= coalesce(%(upto)s::bigint, version) "
            "ORDER BY version DESC LIMIT %(limit)s",
            {"table": table_id, "upto": upto, "limit": limit},
        ).fetchall()
    )
    return [Version(*row) for row in rows]


def current_version(session: Session, table_id: int, name: str) -> int:
    """The number of the newest version."""
    session.refresh().table(table_id, name=name)
    row = session.database.read(
        lambda connection: connection.execute(
            "SELECT version FROM pixeltable.heads WHERE table_id = %s", (table_id,)
        ).fetchone()
    )
    assert row is not None
    return int(row[0])


def annotate(session: Session, table_id: int, name: str, note: str | None) -> None:
    """Leave a note on the newest version, in the place of one that is there."""
    session.refresh().table(table_id, name=name)
    session.database.read(
        lambda connection: connection.execute(
            "UPDATE pixeltable.versions v SET note = %s FROM pixeltable.heads h "
            "WHERE h.table_id = %s AND v.table_id = h.table_id AND v.version = h.version",
            (note, table_id),
        )
    )


def revert(session: Session, table_id: int, name: str) -> None:
    """Take back the last operation on a table, of data or schema, for good.

    Raises:
        InvalidState: the table is at version 0, or the version has a tag.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        connection.execute("SELECT pixeltable.lock_head(%s, %s)", (table.id, table.schema_version))
        last = connection.execute(
            "SELECT version, op, kind FROM pixeltable.versions WHERE table_id = %s ORDER BY version DESC LIMIT 1",
            (table.id,),
        ).fetchone()
        assert last is not None
        version, op, kind = last
        if version == 0:
            raise InvalidState(f"table {table.path!r} is at version 0, there is nothing to revert")
        refuse_tagged(connection, table, version)
        for job in jobs.jobs_of(connection, table.id):
            if job.status == "aborted":
                drop_reverted(connection, table, job, op)
        connection.execute("DELETE FROM pixeltable.versions WHERE table_id = %s AND version = %s", (table.id, version))
        connection.execute("UPDATE pixeltable.heads SET version = version - 1 WHERE table_id = %s", (table.id,))
        restored = _recorded_schema(connection, table) if kind == "schema" else table
        drop_gone(connection, table, restored)
        for heap in table.heaps:
            undo_operation(connection, heap, op)
        store.save_schema(connection, restored)  # also without a change: who read what is gone now has to plan again
        create_new(connection, table, restored)
        _drop_unknown(connection, table, restored)

    session.change_schema(work)


def _recorded_schema(connection: Connection, table: TableRecord) -> TableRecord:
    """The newest schema on record."""
    row = connection.execute(
        "SELECT record FROM pixeltable.versions WHERE table_id = %s AND record IS NOT NULL "
        "ORDER BY version DESC LIMIT 1",
        (table.id,),
    ).fetchone()
    assert row is not None
    return decode_table(
        row[0],
        table_id=table.id,
        dir_id=table.dir,
        name=table.name,
        path=table.path,
        schema_version=table.schema_version,
        created_at=table.created_at,
    )


def _drop_unknown(connection: Connection, table: TableRecord, restored: TableRecord) -> None:
    """Drop the heaps that came with what was taken back."""
    known = {heap.id for heap in restored.heaps}
    for heap in table.heaps:
        if heap.id not in known:
            drop_heap(connection, heap)
