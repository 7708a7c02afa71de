"""Forgetting versions: what only they show leaves the disk."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pixeltable.catalog import store
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ConstraintViolation, InvalidArgument
from pixeltable.session.freezing import who_needs
from pixeltable.session.heads import keep_from, lock_head, lock_lineage
from pixeltable.session.past import decoded_version
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, drop_heap, without_history

_MOST_VERSIONS = 2**62
"""No table has as many, and the database can still count with it."""


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
    lock_lineage(connection, table)
    for view in views:  # younger than those
        lock_head(connection, view)
    oldest = _oldest_kept(connection, table, keep)
    cuts = [_cut(connection, table, oldest)]
    cuts += [_cut(connection, view, _version_at(connection, view, table, oldest)) for view in views]
    for cut in cuts:
        _refuse_needed(connection, catalog, cut)
    for cut in cuts:
        keep_from(connection, cut.table, cut.oldest)
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
    rows = connection.execute(
        "SELECT version, record FROM pixeltable.versions WHERE table_id = %s AND record IS NOT NULL ORDER BY version",
        (table.id,),
    ).fetchall()
    records = [(version, decoded_version(record, table, str(version))) for version, record in rows]
    in_force = max(version for version, _ in records if version <= oldest)
    used = table.used_heaps.union(*(record.used_heaps for version, record in records if version >= in_force))
    heaps = {heap.id: heap for _, record in records for heap in record.heaps} | {heap.id: heap for heap in table.heaps}
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


def _refuse_needed(connection: Connection, catalog: Catalog, cut: _Cut) -> None:
    found: tuple[str | None, int, int | None] | None = connection.execute(
        "SELECT name, version, NULL FROM pixeltable.tags WHERE table_id = %(id)s AND version < %(v)s "
        "UNION ALL SELECT NULL, version, snapshot FROM pixeltable.pins WHERE table_id = %(id)s AND version < %(v)s "
        "ORDER BY 2 LIMIT 1",
        {"id": cut.table.id, "v": cut.oldest},
    ).fetchone()
    if found is not None:
        tag, version, snapshot = found
        who = f"tag {tag!r} names" if snapshot is None else who_needs(catalog, snapshot)
        raise ConstraintViolation(
            f"version {version} of table {cut.table.path!r} cannot be forgotten: it is what {who}",
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
        return Keep(versions=min(keep_versions, _MOST_VERSIONS))
    if isinstance(older_than, datetime.timedelta):
        return Keep(since=_so_long_before(now, older_than))
    if not isinstance(older_than, datetime.datetime):
        raise InvalidArgument(f"vacuum(): older_than is a datetime or a timedelta, got {older_than!r}")
    return Keep(since=older_than if older_than.tzinfo is not None else older_than.replace(tzinfo=now.tzinfo))


def _so_long_before(now: datetime.datetime, age: datetime.timedelta) -> datetime.datetime:
    if age < datetime.timedelta():
        raise InvalidArgument(f"vacuum(): older_than is how long ago, got {age!r}, which is yet to come")
    try:
        return now - age
    except OverflowError:  # before the calendar begins, there was nothing
        return datetime.datetime.min.replace(tzinfo=now.tzinfo)
