"""Freezing a table: its record, and those of its bases, as they are at a version and stay; what snapshots are over."""

from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidState
from pixeltable.plan.query import Moment
from pixeltable.session.heads import lock_lineage
from pixeltable.session.past import past_heaps, past_record, without_btrees
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import create_history, without_history


def frozen(connection: Connection, table: TableRecord, moment: Moment | None) -> TableRecord:
    """The table as it was at a version, the newest if none is given; it has no other until the transaction ends.

    Raises:
        UnknownVersion: the version was taken back.
    """
    if table.is_snapshot:
        return table
    lock_lineage(connection, table)
    then = moment or _newest(connection, table)
    base_moment = _newest if moment is None else None  # a version of a view is over that of its base there was then
    found = without_btrees(past_record(connection, table, then, base_moment=base_moment))
    for heap in without_history(connection, past_heaps(found)):
        create_history(connection, heap)
    return found


def _newest(connection: Connection, table: TableRecord) -> Moment:
    row = connection.execute(
        "SELECT version, op FROM pixeltable.versions WHERE table_id = %s ORDER BY version DESC LIMIT 1", (table.id,)
    ).fetchone()
    assert row is not None
    return Moment(*row)


def pin(connection: Connection, snapshot: TableRecord) -> None:
    """Have the versions stay that a snapshot shows."""
    shown = {heap.as_of for record in snapshot.lineage[1:] for heap in record.heaps if heap.as_of is not None}
    for as_of in sorted(shown, key=lambda as_of: as_of.table_id):
        connection.execute(
            "INSERT INTO pixeltable.pins (snapshot, table_id, version) VALUES (%s, %s, %s)",
            (snapshot.id, as_of.table_id, as_of.version),
        )


def refuse_pinned(connection: Connection, catalog: Catalog, table: TableRecord, version: int) -> None:
    """Check that a version may go.

    Raises:
        InvalidState: a snapshot shows it.
    """
    row = connection.execute(
        "SELECT snapshot FROM pixeltable.pins WHERE table_id = %s AND version = %s ORDER BY snapshot LIMIT 1",
        (table.id, version),
    ).fetchone()
    if row is not None:
        raise InvalidState(
            f"version {version} of table {table.path!r} is what {who_needs(catalog, row[0])}, so it cannot be reverted",
            hint="Drop that first.",
        )


def who_needs(catalog: Catalog, table_id: int) -> str:
    """What a snapshot or a branch needs a version for."""
    table = catalog.tables[table_id]
    return f"snapshot {table.path!r} shows" if table.branch is None else f"branch {table.path!r} began with"
