"""Writing the catalog's records, within a transaction of the caller's; reading them is in `loading`."""

import uuid
from dataclasses import replace
from typing import Any

from pixeltable.catalog.codec import encode_table
from pixeltable.catalog.records import DirRecord, TableRecord
from pixeltable.exceptions import UnknownTable
from pixeltable.storage.database import Connection, jsonb


def new_ids(connection: Connection, count: int) -> list[int]:
    """Fresh ids, ascending."""
    rows = connection.execute("SELECT nextval('pixeltable.id_seq') FROM generate_series(1, %s)", (count,)).fetchall()
    return sorted(row[0] for row in rows)


def bump_epoch(connection: Connection) -> int:
    """Tell every process that the schema changes with this transaction."""
    return _one(connection.execute("UPDATE pixeltable.state SET epoch = epoch + 1 RETURNING epoch").fetchone())


def record_change(connection: Connection, token: uuid.UUID) -> None:
    """Note a schema change under its author's name for it, in its transaction."""
    connection.execute(
        "WITH old AS (DELETE FROM pixeltable.changes WHERE at < clock_timestamp() - interval '1 hour') "
        "INSERT INTO pixeltable.changes (token) VALUES (%s)",
        (token,),
    )


def was_recorded(connection: Connection, token: uuid.UUID) -> bool:
    """Whether the schema change with that token was committed, within the last hour."""
    return connection.execute("SELECT 1 FROM pixeltable.changes WHERE token = %s", (token,)).fetchone() is not None


def insert_dir(connection: Connection, directory: DirRecord) -> None:
    """Add a directory."""
    connection.execute(
        "INSERT INTO pixeltable.dirs (id, parent, name, changed) VALUES (%s, %s, %s, %s)",
        (directory.id, directory.parent, directory.name, bump_epoch(connection)),
    )


def delete_dir(connection: Connection, dir_id: int) -> None:
    """Remove a directory, which must be empty."""
    connection.execute("DELETE FROM pixeltable.dirs WHERE id = %s", (dir_id,))
    _note_removal(connection, dir_id)


def move_dir(connection: Connection, dir_id: int, *, parent: int | None, name: str) -> None:
    """Give a directory another name, or another parent."""
    connection.execute(
        "UPDATE pixeltable.dirs SET parent = %s, name = %s, changed = %s WHERE id = %s",
        (parent, name, bump_epoch(connection), dir_id),
    )


def move_table(connection: Connection, table_id: int, *, dir_id: int | None, name: str) -> None:
    """Give a table another name, or another directory."""
    connection.execute(
        "UPDATE pixeltable.tables SET dir = %s, name = %s, changed = %s WHERE id = %s",
        (dir_id, name, bump_epoch(connection), table_id),
    )


def insert_table(connection: Connection, table: TableRecord, *, op: int) -> None:
    """Add a table, at version 0."""
    data = jsonb(encode_table(table))
    connection.execute(
        "INSERT INTO pixeltable.tables (id, dir, name, record, changed) VALUES (%s, %s, %s, %s, %s)",
        (table.id, table.dir, table.name, data, bump_epoch(connection)),
    )
    connection.execute("INSERT INTO pixeltable.heads VALUES (%s, 0, 0)", (table.id,))
    connection.execute(
        "INSERT INTO pixeltable.versions (table_id, version, op, kind, schema_change, record, token) "
        "VALUES (%s, 0, %s, 'schema', 'Initial Version', %s, %s)",
        (table.id, op, data, uuid.uuid4()),
    )


def restate_first_version(connection: Connection, table: TableRecord, *, inserts: int = 0, errors: int = 0) -> None:
    """Have version 0 say that the table began as it is now, with so many rows and errors."""
    connection.execute(
        "UPDATE pixeltable.versions SET record = %s, inserts = %s, errors = %s WHERE table_id = %s AND version = 0",
        (jsonb(encode_table(table)), inserts, errors, table.id),
    )


def delete_table(connection: Connection, table_id: int) -> None:
    """Remove a table's records; its heaps are the caller's to drop."""
    connection.execute("DELETE FROM pixeltable.pins WHERE table_id = %s", (table_id,))  # of a branch, its own
    connection.execute("DELETE FROM pixeltable.tables WHERE id = %s", (table_id,))
    _note_removal(connection, table_id)


def _note_removal(connection: Connection, removed_id: int) -> None:
    """Leave word of what is not there any more, for processes that still know it."""
    connection.execute(
        "INSERT INTO pixeltable.removed (id, epoch) VALUES (%s, %s)", (removed_id, bump_epoch(connection))
    )


def save_schema(connection: Connection, table: TableRecord) -> TableRecord:
    """Store a table's changed record; writes that were planned against the old one will plan again."""
    row = connection.execute(
        "WITH head AS (UPDATE pixeltable.heads SET schema_version = schema_version + 1 WHERE table_id = %(id)s "
        "RETURNING schema_version), bumped AS (UPDATE pixeltable.state SET epoch = epoch + 1 RETURNING epoch) "
        "UPDATE pixeltable.tables SET record = %(record)s, changed = (SELECT epoch FROM bumped) WHERE id = %(id)s "
        "RETURNING (SELECT schema_version FROM head)",
        {"id": table.id, "record": jsonb(encode_table(table))},
    ).fetchone()
    if row is None:
        raise UnknownTable(table.path)
    return replace(table, schema_version=row[0])


def record_schema_version(
    connection: Connection,
    table: TableRecord,
    *,
    op: int,
    change: str,
    inserts: int = 0,
    updates: int = 0,
    deletes: int = 0,
    errors: int = 0,
    stamp: int | None = None,
) -> int:
    """Give a table a version whose record says how the schema changed; after `save_schema`."""
    return _one(
        connection.execute(
            "WITH head AS (UPDATE pixeltable.heads SET version = version + 1 WHERE table_id = %s RETURNING version) "
            "INSERT INTO pixeltable.versions (table_id, version, op, kind, inserts, updates, deletes, errors, "
            "schema_change, record, token, stamp) "
            "SELECT t.id, head.version, %s, 'schema', %s, %s, %s, %s, %s, t.record, %s, %s "
            "FROM head, pixeltable.tables t WHERE t.id = %s RETURNING version",
            (table.id, op, inserts, updates, deletes, errors, change, uuid.uuid4(), stamp, table.id),
        ).fetchone()
    )


def note_schema(connection: Connection, table: TableRecord, *, op: int, change: str) -> None:
    """Have the version that an operation made of rows say how it changed the schema; a new one, if it made none.

    After `save_schema`.
    """
    noted = connection.execute(
        "UPDATE pixeltable.versions v SET kind = 'schema', schema_change = %s, record = t.record "
        "FROM pixeltable.tables t WHERE t.id = %s AND v.table_id = t.id AND v.op = %s",
        (change, table.id, op),
    ).rowcount
    if not noted:
        record_schema_version(connection, table, op=op, change=change)


def _one(row: tuple[Any, ...] | None) -> int:
    assert row is not None
    return int(row[0])
