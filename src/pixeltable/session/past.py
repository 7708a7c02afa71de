"""Tables as they were: which version is meant, and the record of it, whose heaps are read as of that version."""

import datetime
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog.codec import decode_table
from pixeltable.catalog.loading import read_epoch
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import SchemaChanged, UnknownVersion, Unsupported
from pixeltable.plan.query import Moment, past_alias
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import AsOf, create_history, without_history

_MOST_KEPT = 1000
"""Records of versions that a session keeps."""


@dataclass(frozen=True, slots=True)
class _Past:
    """The record of a version, which was there at that epoch of the catalog; only `revert()` takes one away."""

    record: TableRecord
    epoch: int


def moment_of_version(session: Session, table_id: int, name: str, version: int) -> Moment:
    """The version of that number.

    Raises:
        UnknownVersion: there is none.
    """
    return _moment(session, table_id, name, "version = %s", version, asked=f"version {version}")


def moment_of_time(session: Session, table_id: int, name: str, time: datetime.datetime) -> Moment:
    """The newest version there was at that time; one without a zone is in the session's.

    Raises:
        UnknownVersion: the table was created later.
    """
    at = time if time.tzinfo is not None else time.replace(tzinfo=session.settings.zone)
    return _moment(session, table_id, name, "at <= %s", at, asked=f"version as of {time.isoformat(sep=' ')}")


def newest_moment(session: Session, table_id: int, name: str) -> Moment:
    """The newest version."""
    return _moment(session, table_id, name, "version >= %s", 0, asked="version")


def _moment(session: Session, table_id: int, name: str, condition: str, value: object, *, asked: str) -> Moment:
    session.refresh().table(table_id, name=name)

    def find(connection: Connection) -> Moment:
        row = connection.execute(
            f"SELECT version, op FROM pixeltable.versions WHERE table_id = %s AND {condition} "
            "ORDER BY version DESC LIMIT 1",
            (table_id, value),
        ).fetchone()
        if row is None:
            raise UnknownVersion(asked, table=name, known=known_versions(connection, table_id))
        return Moment(*row)

    return session.database.read(find)


def known_versions(connection: Connection, table_id: int) -> str:
    """The versions of a table, for people to read."""
    rows = connection.execute(
        "SELECT version, at FROM pixeltable.versions WHERE table_id = %s ORDER BY version", (table_id,)
    ).fetchall()
    if len(rows) == 1:
        return f"version 0, of {rows[0][1]}"
    return f"versions {rows[0][0]} to {rows[-1][0]}, of {rows[0][1]} to {rows[-1][1]}"


def record_at(session: Session, table_id: int, name: str, moment: Moment | None) -> TableRecord:
    """A table as last seen, or, with a moment, as it was then: the columns and indexes that were in service.

    Its schema version is the present one, so that whatever may have taken the version away is noticed.

    Raises:
        UnknownVersion: the version was taken back.
        UnknownTable: the table was dropped.
    """
    if moment is None:
        return session.table(table_id, name)
    known = session.pasts.get((table_id, moment.op))
    if known is None or known.epoch != session.catalog.epoch:
        known = _load(session, table_id, name, moment)
        if len(session.pasts) >= _MOST_KEPT:
            session.pasts.clear()
        session.pasts[table_id, moment.op] = known
    record: TableRecord = known.record
    return record


def _load(session: Session, table_id: int, name: str, moment: Moment) -> _Past:
    for _ in range(session.settings.write_attempts):
        catalog = session.refresh()
        table = catalog.table(table_id, name=name)

        def read(connection: Connection, table: TableRecord = table) -> tuple[TableRecord, int, bool]:
            record = past_record(connection, table, moment)
            missing = bool(without_history(connection, record.heaps))
            # The epoch last: it can only be newer than the record. B-trees hold present entries only.
            return replace(record, btrees=()), read_epoch(connection), missing

        record, epoch, missing = session.database.read(read)
        if missing:
            _create_histories(session, table, moment)
        present = table if epoch == catalog.epoch else session.refresh().table(table_id, name=name)
        if present.schema_version == table.schema_version:
            return _Past(record, epoch)
    raise SchemaChanged(name)


def _create_histories(session: Session, present: TableRecord, moment: Moment) -> None:
    """Have tables for closed entries, which are read from now on; nobody else creates or drops any meanwhile."""

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(present.id, name=present.path)
        connection.execute("SELECT pixeltable.lock_head(%s, %s)", (table.id, table.schema_version))
        for heap in without_history(connection, past_record(connection, table, moment).heaps):
            create_history(connection, heap)

    session.change_schema(work)


def past_record(connection: Connection, table: TableRecord, moment: Moment) -> TableRecord:
    """The record of a version of a table that is `table` now.

    Raises:
        UnknownVersion: it was taken back.
        Unsupported: the table is a view.
    """
    if table.view is not None:
        raise Unsupported(f"versions of views cannot be read yet, and {table.path!r} is one", hint="Read its base.")
    row = connection.execute(
        "SELECT s.record FROM pixeltable.versions v JOIN pixeltable.versions s ON s.table_id = v.table_id "
        "AND s.version <= v.version AND s.record IS NOT NULL "
        "WHERE v.table_id = %s AND v.version = %s AND v.op = %s ORDER BY s.version DESC LIMIT 1",
        (table.id, moment.version, moment.op),
    ).fetchone()
    if row is None:
        asked = f"version {moment.version} any more, it was taken back by revert()"
        raise UnknownVersion(asked, table=table.path, known=known_versions(connection, table.id))
    record = _in_service(_decoded(row[0], table, moment))
    as_of = AsOf(table.id, moment.version)
    return replace(record, heaps=tuple(replace(heap, as_of=as_of) for heap in record.heaps))


def _decoded(data: dict[str, Any], table: TableRecord, moment: Moment) -> TableRecord:
    return decode_table(
        data, table_id=table.id, dir_id=table.dir, name=table.name, path=past_alias(table.path, moment),
        schema_version=table.schema_version, created_at=table.created_at,
    )  # fmt: skip


def _in_service(record: TableRecord) -> TableRecord:
    """The record without what was still being built then."""
    columns = record.ready_columns
    indexes = tuple(index for index in record.indexes if index.status == "ready")
    btrees = tuple(index for index in record.btrees if index.status == "ready")
    used = {record.row_heap.id, *(column.heap for column in columns), *(index.id for index in indexes)}
    if record.view is not None:
        used.add(record.view.failures)
    heaps = tuple(heap for heap in record.heaps if heap.id in used)
    return replace(record, columns=columns, indexes=indexes, btrees=btrees, heaps=heaps)
