"""Tables as they were: which version is meant, and the record of it, whose heaps are read as of that version."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog.codec import decode_table
from pixeltable.catalog.loading import read_epoch
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import SchemaChanged, UnknownVersion
from pixeltable.plan.query import Moment, past_alias
from pixeltable.session.heads import lock_lineage
from pixeltable.session.running import outside
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import AsOf, Heap, create_history, without_history

BaseMoment = Callable[[Connection, TableRecord], Moment]

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
            "AND version >= (SELECT oldest FROM pixeltable.heads WHERE table_id = %s) ORDER BY version DESC LIMIT 1",
            (table_id, value, table_id),
        ).fetchone()
        if row is None:
            raise UnknownVersion(asked, table=name, known=known_versions(connection, table_id))
        return Moment(*row)

    return session.database.read(find)


def known_versions(connection: Connection, table_id: int) -> str:
    """The versions of a table, for people to read."""
    rows = connection.execute(
        "SELECT v.version, v.at FROM pixeltable.versions v JOIN pixeltable.heads h USING (table_id) "
        "WHERE v.table_id = %s AND v.version >= h.oldest ORDER BY v.version",
        (table_id,),
    ).fetchall()
    if len(rows) == 1:
        return f"version {rows[0][0]}, of {rows[0][1]}"
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
            missing = bool(without_history(connection, past_heaps(record)))
            # The epoch last: it can only be newer than the record.
            return without_btrees(record), read_epoch(connection), missing

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
        lock_lineage(connection, table)
        for heap in without_history(connection, past_heaps(past_record(connection, table, moment))):
            create_history(connection, heap)

    with outside():  # the tables are there for good, and empty
        session.change_schema(work)


def without_btrees(record: TableRecord) -> TableRecord:
    """A version as it is read: b-trees hold present entries only."""
    return replace(record, btrees=(), base=None if record.base is None else without_btrees(record.base))


def past_heaps(record: TableRecord) -> list[Heap]:
    """The heaps that are read as of a version."""
    return [heap for table in record.lineage for heap in table.heaps if heap.as_of is not None]


def past_record(
    connection: Connection, table: TableRecord, moment: Moment, *, base_moment: BaseMoment | None = None
) -> TableRecord:
    """The record of a version of a table that is `table` now, of a view with its base as that was then.

    `base_moment` says which version of a base that is, if not the one there was when the view got its version.

    Raises:
        UnknownVersion: it was taken back.
    """
    if table.is_snapshot:
        return table
    row = connection.execute(
        "SELECT s.record FROM pixeltable.versions v JOIN pixeltable.versions s ON s.table_id = v.table_id "
        "AND s.version <= v.version AND s.record IS NOT NULL "
        "JOIN pixeltable.heads h ON h.table_id = v.table_id AND h.oldest <= v.version "
        "WHERE v.table_id = %s AND v.version = %s AND v.op = %s ORDER BY s.version DESC LIMIT 1",
        (table.id, moment.version, moment.op),
    ).fetchone()
    if row is None:
        asked = f"version {moment.version} any more, it was taken back by revert() or forgotten by vacuum()"
        raise UnknownVersion(asked, table=table.path, known=known_versions(connection, table.id))
    record = _in_service(decoded_version(row[0], table, past_alias(table.path, moment)))
    as_of = AsOf(table.id, moment.version)
    record = replace(record, heaps=tuple(replace(heap, as_of=as_of) for heap in record.heaps))
    if table.base is None:
        return record
    then = base_moment(connection, table.base) if base_moment else _base_moment(connection, table.base, table, moment)
    return replace(record, base=past_record(connection, table.base, then, base_moment=base_moment))


def _base_moment(connection: Connection, base: TableRecord, view: TableRecord, moment: Moment) -> Moment:
    """The version of a base that there was when a view got one: from the same operation, or the newest one then.

    Raises:
        UnknownVersion: it was forgotten.
    """
    row = connection.execute(
        "SELECT b.version, b.op FROM pixeltable.versions b, pixeltable.versions v "
        "WHERE b.table_id = %s AND v.table_id = %s AND v.version = %s "
        "AND b.version >= (SELECT oldest FROM pixeltable.heads WHERE table_id = b.table_id) "
        "AND (b.op = v.op OR b.at <= v.at) ORDER BY b.op = v.op DESC, b.version DESC LIMIT 1",
        (base.id, view.id, moment.version),
    ).fetchone()
    if row is None:
        asked = f"version {moment.version} any more, that of its base was forgotten by vacuum()"
        raise UnknownVersion(asked, table=view.path, known=known_versions(connection, view.id))
    return Moment(*row)


def decoded_version(data: dict[str, Any], table: TableRecord, path: str) -> TableRecord:
    """The record of a version of a table that is `table` now."""
    return decode_table(
        data, table_id=table.id, dir_id=table.dir, name=table.name, path=path, schema_version=table.schema_version,
        created_at=table.created_at,
    )  # fmt: skip


def _in_service(record: TableRecord) -> TableRecord:
    """The record without what was still being built then."""
    columns = record.ready_columns
    indexes = tuple(index for index in record.indexes if index.status == "ready")
    btrees = tuple(index for index in record.btrees if index.status == "ready")
    record = replace(record, columns=columns, indexes=indexes, btrees=btrees)
    return replace(record, heaps=tuple(heap for heap in record.heaps if heap.id in record.used_heaps))
