"""Heads: what tells whether anything was written to a table, or taken back, between two looks at it."""

from dataclasses import dataclass

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import SchemaChanged
from pixeltable.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Head:
    """A table's newest version, the operation that made it, and its schema. Two that are equal mean the same contents.

    The version alone would not do: after `revert()` the next write gets the same number again. What `revert()` takes
    back counts as a change of schema too.
    """

    version: int
    op: int
    schema_version: int


_HEAD = (
    "SELECT v.version, v.op, h.schema_version FROM pixeltable.heads h "
    "JOIN pixeltable.versions v ON v.table_id = h.table_id AND v.version = h.version "
    "WHERE h.table_id = %s AND h.schema_version = %s"
)


def read_head(connection: Connection, table: TableRecord) -> Head:
    """The table's head.

    Raises:
        SchemaChanged: the table has another schema by now.
    """
    row = connection.execute(_HEAD, (table.id, table.schema_version)).fetchone()
    if row is None:
        raise SchemaChanged(table.path)
    return Head(*row)


def lock_head(connection: Connection, table: TableRecord) -> Head:
    """As `read_head`; the head stays as it is until the caller's transaction ends."""
    connection.execute("SELECT 1 FROM pixeltable.heads WHERE table_id = %s FOR UPDATE", (table.id,))
    return read_head(connection, table)


def lock_lineage(connection: Connection, table: TableRecord) -> None:
    """Hold the heads of a table and its bases until the transaction ends; the oldest first, as all take them.

    Raises:
        SchemaChanged: one has another schema by now.
    """
    for record in reversed(table.live_lineage):
        lock_head(connection, record)


def keep_from(connection: Connection, table: TableRecord, version: int) -> None:
    """Have the versions before one of the table read no more."""
    connection.execute("UPDATE pixeltable.heads SET oldest = %s WHERE table_id = %s", (version, table.id))


def ops_since(connection: Connection, table: TableRecord, head: Head) -> list[int] | None:
    """The operations committed since `head` was the table's; None if that version was taken back meanwhile."""
    rows = connection.execute(
        "SELECT version, op FROM pixeltable.versions WHERE table_id = %s AND version >= %s ORDER BY version",
        (table.id, head.version),
    ).fetchall()
    return [op for _, op in rows[1:]] if rows and rows[0] == (head.version, head.op) else None
