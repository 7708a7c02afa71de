"""Forgetting versions: what only they show leaves the disk."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pixeltable.catalog import store
from pixeltable.catalog.codec import decode_heap
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ConstraintViolation, InvalidArgument
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, drop_heap, without_history


@dataclass(frozen=True, slots=True)
class Keep:
    """The newest `versions` that stay, or those there were at a time and since."""

    versions: int | None = None
    since: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A table, the oldest version of it that stays, the heaps that those since use, and those that none does."""

    table: TableRecord
    oldest: int
    heaps: tuple[Heap, ...]
    gone: tuple[Heap, ...]


def vacuum(session: Session, table_id: int, name: str, keep: Keep) -> int:
    """Forget old versions of a table, and those of its views that are older still; how many entries are gone.

    Readers and writers go on. If it is interrupted, the next call removes the rest.

    Raises:
        ConstraintViolation: a tag or a snapshot needs one of them.
    """
    cuts = session.change_schema(
        lambda connection, catalog: _forget(connection, catalog, catalog.table(table_id, name=name), keep)
    )
    return sum(_remove(session, cut) for cut in cuts)


def _forget(connection: Connection, catalog: Catalog, table: TableRecord, keep: Keep) -> list[_Cut]:
    """Have the versions read no more; what they alone show is nobody's from now on."""
    views = catalog.views_of(table.id)
    for record in [*reversed(table.live_lineage), *views]:  # the oldest first, as all take them
        connection.execute("SELECT pixeltable.lock_head(%s, %s)", (record.id, record.schema_version))
    oldest = _oldest_kept(connection, table, keep)
    cuts = [_cut(connection, table, oldest)]
    cuts += [_cut(connection, view, _version_at(connection, view, table, oldest)) for view in views]
    for cut in cuts:
        _refuse_needed(connection, cut)
    for cut in cuts:
        connection.execute("UPDATE pixeltable.heads SET oldest = %s WHERE table_id = %s", (cut.oldest, cut.table.id))
        kept = tuple(heap for heap in cut.table.heaps if heap not in cut.gone)
        store.save_schema(connection, replace(cut.table, heaps=kept))  # who reads one of them has to plan again
        _leave_out(connection, cut)
    return [cut for cut in cuts if cut.oldest]


def _oldest_kept(connection: Connection, table: TableRecord, keep: Keep) -> int:
    row = connection.execute(
        "SELECT greatest(h.oldest, h.version - %(keep)s::bigint + 1, "
        "(SELECT max(version) FROM pixeltable.versions v WHERE v.table_id = h.table_id AND v.at <= %(since)s)) "
        "FROM pixeltable.heads h WHERE h.table_id = %(table)s",
        {"table": table.id, "keep": keep.versions, "since": keep.since},
    ).fetchone()
    assert row is not None
    return int(row[0])


def _version_at(connection: Connection, view: TableRecord, base: TableRecord, version: int) -> int:
    """The version that a view had when its base got one; the oldest it has, if it is younger."""
    row = connection.execute(
        "SELECT greatest(h.oldest, (SELECT max(v.version) FROM pixeltable.versions v, pixeltable.versions b "
        "WHERE v.table_id = h.table_id AND b.table_id = %s AND b.version = %s AND (v.op = b.op OR v.at <= b.at))) "
        "FROM pixeltable.heads h WHERE h.table_id = %s",
        (base.id, version, view.id),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _cut(connection: Connection, table: TableRecord, oldest: int) -> _Cut:
    records = connection.execute(
        "SELECT version, record FROM pixeltable.versions WHERE table_id = %s AND record IS NOT NULL ORDER BY version",
        (table.id,),
    ).fetchall()
    in_force = max(version for version, _ in records if version <= oldest)
    used = {column.heap for column in table.columns} | {index.id for index in table.indexes} | {table.row_heap.id}
    used |= {None if table.view is None else table.view.failures}
    for _, record in (found for found in records if found[0] >= in_force):
        used |= {record["heaps"][0]["id"], *(index["id"] for index in record["indexes"])}
        used |= {column["heap"] for column in record["columns"]} | {(record.get("view") or {}).get("failures")}
    heaps = {heap.id: heap for _, record in records for heap in map(decode_heap, record["heaps"])}
    heaps |= {heap.id: heap for heap in table.heaps}
    gone = tuple(heap for heap in heaps.values() if heap.id not in used)
    return _Cut(table, oldest, tuple(heap for heap in heaps.values() if heap.id in used), gone)


def _leave_out(connection: Connection, cut: _Cut) -> None:
    """Have no record of a version that stays, to which `revert()` may go back, name a heap that goes."""
    connection.execute(
        "UPDATE pixeltable.versions SET record = jsonb_set(record, '{heaps}', (SELECT jsonb_agg(heap ORDER BY place) "
        "FROM jsonb_array_elements(record -> 'heaps') WITH ORDINALITY AS h (heap, place) "
        "WHERE (heap ->> 'id')::bigint <> ALL(%(gone)s))) "
        "WHERE table_id = %(id)s AND record IS NOT NULL AND version >= (SELECT max(version) FROM pixeltable.versions "
        "WHERE table_id = %(id)s AND record IS NOT NULL AND version <= %(oldest)s)",
        {"id": cut.table.id, "gone": [heap.id for heap in cut.gone], "oldest": cut.oldest},
    )


def _refuse_needed(connection: Connection, cut: _Cut) -> None:
    row = connection.execute(
        "SELECT 'tag ' || quote_literal(name), version FROM pixeltable.tags "
        "WHERE table_id = %(id)s AND version < %(v)s "
        "UNION ALL SELECT 'snapshot ' || quote_literal(t.name), p.version FROM pixeltable.pins p "
        "JOIN pixeltable.tables t ON t.id = p.snapshot WHERE p.table_id = %(id)s AND p.version < %(v)s "
        "ORDER BY 2 LIMIT 1",
        {"id": cut.table.id, "v": cut.oldest},
    ).fetchone()
    if row is not None:
        raise ConstraintViolation(
            f"version {row[1]} of table {cut.table.path!r} cannot be forgotten: {row[0]} needs it",
            hint="Drop that first, or keep more versions.",
        )


def _remove(session: Session, cut: _Cut) -> int:
    """Remove what no version shows any more, heap by heap; how many entries that were closed."""
    removed = sum(
        session.database.read(partial(_remove_closed, table_id=cut.table.id, oldest=cut.oldest, heap=heap))
        for heap in cut.heaps
    )
    if cut.gone:
        session.change_schema(lambda connection, _: _drop(connection, cut.gone))
    return removed


def _remove_closed(connection: Connection, *, table_id: int, oldest: int, heap: Heap) -> int:
    if without_history(connection, [heap]):
        return 0
    removed = connection.execute(
        f"DELETE FROM {heap.history} WHERE op_out IN "
        "(SELECT op FROM pixeltable.versions WHERE table_id = %s AND version <= %s)",
        (table_id, oldest),
    ).rowcount
    if removed:
        connection.execute(f"VACUUM {heap.history}")  # their room is for what comes
    return removed


def _drop(connection: Connection, heaps: Sequence[Heap]) -> None:
    for heap in sorted(heaps, key=lambda heap: heap.id):
        drop_heap(connection, heap)


def check_keep(keep_versions: object, older_than: object, now: datetime.datetime) -> Keep:
    """What a call says that stays.

    Raises:
        InvalidArgument: it says neither, both, or nonsense.
    """
    if (keep_versions is None) == (older_than is None):
        raise InvalidArgument(
            "vacuum() takes either `keep_versions` or `older_than`",
            hint="vacuum(keep_versions=10), or vacuum(older_than=datetime.timedelta(days=30)).",
        )
    if keep_versions is not None:
        if type(keep_versions) is not int or keep_versions < 1:
            raise InvalidArgument(f"vacuum(): keep_versions is a positive int, got {keep_versions!r}")
        return Keep(versions=keep_versions)
    if isinstance(older_than, datetime.timedelta):
        return Keep(since=now - older_than)
    if not isinstance(older_than, datetime.datetime):
        raise InvalidArgument(f"vacuum(): older_than is a datetime or a timedelta, got {older_than!r}")
    return Keep(since=older_than if older_than.tzinfo is not None else older_than.replace(tzinfo=now.tzinfo))
