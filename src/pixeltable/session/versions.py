"""A table's versions: their list, and taking the last one back."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltable.catalog import jobs, store
from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidState
from pixeltable.exprs.leaves import by_ids
from pixeltable.session.btrees import create_new, drop_gone
from pixeltable.session.column_changes import renew_views, with_present_refs
from pixeltable.session.freezing import refuse_pinned
from pixeltable.session.heads import lock_lineage
from pixeltable.session.past import decoded_version
from pixeltable.session.running import refuse_in_transaction
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
        ).fetchall(),
    )
    return [Version(*row) for row in rows]


def current_version(session: Session, table_id: int, name: str) -> int:
    """The number of the newest version."""
    session.refresh().table(table_id, name=name)
    row = session.database.read(
        lambda connection: connection.execute(
            "SELECT version FROM pixeltable.heads WHERE table_id = %s", (table_id,)
        ).fetchone(),
    )
    assert row is not None
    return int(row[0])


def annotate(session: Session, table_id: int, name: str, note: str | None) -> None:
    """Leave a note on the newest version, in the place of one that is there."""
    refuse_in_transaction("annotate()")
    session.refresh().table(table_id, name=name)
    session.database.read(
        lambda connection: connection.execute(
            "UPDATE pixeltable.versions v SET note = %s FROM pixeltable.heads h "
            "WHERE h.table_id = %s AND v.table_id = h.table_id AND v.version = h.version",
            (note, table_id),
        )
    )


def revert(session: Session, table_id: int, name: str, *, only: int | None = None) -> None:
    """Take back the last operation on a table, of data or schema, for good; with `only`, if it made that version.

    Raises:
        InvalidState: the table is at version 0, a tag or a snapshot needs the version, or it is not `only`.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        lock_lineage(connection, table)
        last = connection.execute(
            "SELECT version, op, kind, at FROM pixeltable.versions WHERE table_id = %s ORDER BY version DESC LIMIT 1",
            (table.id,),
        ).fetchone()
        assert last is not None
        version, op, kind, at = last
        if version == 0:
            raise InvalidState(f"table {table.path!r} is at version 0, there is nothing to revert")
        if only not in (None, version):
            raise InvalidState(f"table {table.path!r} is at version {version}, not {only}")
        views = catalog.views_of(table.id)
        _check_views(connection, table, views, op, at)
        along = [view for view in views if _newest(connection, view)[0] == op]
        _refuse_kept(connection, catalog, [table, *along])
        for job in jobs.jobs_of(connection, table.id):
            if job.status == "aborted":
                drop_reverted(connection, table, job, op)
        _forget_version(connection, table)
        if kind == "schema":
            _refuse_filling(connection, table)
        restored = _recorded_schema(connection, table) if kind == "schema" else table
        _check_bases(connection, table, restored, at)
        drop_gone(connection, table, restored)
        for heap in table.heaps:
            undo_operation(connection, heap, op)
        for view in along:
            _undo(connection, view, op)
        _renew_bases(connection, table, restored)
        saved = store.save_schema(connection, restored)  # even if it is the same: what is gone may have been read
        if kind == "schema":
            renew_views(connection, catalog, saved)
        create_new(connection, table, restored)
        _drop_unknown(connection, table, restored)

    session.change_schema(work)


def _refuse_filling(connection: Connection, table: TableRecord) -> None:
    """Refuse to take back a change of schema under a column or an index that is being filled."""
    running = [job.target for job in jobs.jobs_of(connection, table.id) if job.status == "running"]
    if running:
        raise InvalidState(
            f"table {table.path!r} cannot be reverted while {', '.join(map(repr, running))} is being filled",
            hint="Wait until it is done, or drop it.",
        )


def _refuse_kept(connection: Connection, catalog: Catalog, tables: Sequence[TableRecord]) -> None:
    """Refuse to take back versions that something needs, or of which the one before is not known any more."""
    for table in tables:
        newest = _newest_version(connection, table)
        _check_known(connection, table, newest - 1)
        refuse_tagged(connection, table, newest)
        refuse_pinned(connection, catalog, table, newest)


def _renew_bases(connection: Connection, table: TableRecord, restored: TableRecord) -> None:
    """Have whoever inserts into the bases of a view plan with what decides its rows from now on."""
    if not _is_alike_view(table, restored):
        for base in reversed(table.live_lineage[1:]):
            store.save_schema(connection, base)


def _check_known(connection: Connection, table: TableRecord, version: int) -> None:
    row = connection.execute("SELECT oldest FROM pixeltable.heads WHERE table_id = %s", (table.id,)).fetchone()
    if row is None or row[0] > version:
        raise InvalidState(
            f"version {version} of table {table.path!r} cannot come back: it was forgotten by vacuum(), or was mixed, "
            "of a view that was made while others wrote"
        )


def _check_views(
    connection: Connection, table: TableRecord, views: Sequence[TableRecord], op: int, at: datetime.datetime
) -> None:
    """Refuse to take back what rows of views were made of since, or what came with an operation on a base."""
    bases = {base.id: base for base in table.live_lineage[1:]}
    found = connection.execute(
        "SELECT table_id FROM pixeltable.versions WHERE table_id = ANY(%s) AND op = %s LIMIT 1", (list(bases), op)
    ).fetchone()
    if found is not None:
        raise InvalidState(
            f"the last operation on view {table.path!r} was one on its base", hint=f"Revert {bases[found[0]].path!r}."
        )
    for view in views:
        if view.view is not None and view.view.status == "filling":  # what it has got so far has no version to go by
            raise InvalidState(
                f"table {table.path!r} cannot be reverted while its view {view.path!r} is being made",
                hint="Wait until it is done; if the process that makes it died, call create_view() again.",
            )
        newest, changed_at = _newest(connection, view)
        row = connection.execute(
            "SELECT bool_or(v.op = %s), min(v.at) FILTER (WHERE v.version >= h.oldest) > %s "
            "FROM pixeltable.versions v JOIN pixeltable.heads h USING (table_id) WHERE table_id = %s",
            (op, at, view.id),
        ).fetchone()
        assert row is not None
        has_it, is_younger = row
        if newest != op and (has_it or changed_at > at):  # ops are taken when writes begin, times when they commit
            since, way_out = ("made", "Drop") if is_younger else ("changed", "Revert or drop")
            raise InvalidState(
                f"table {table.path!r} cannot be reverted: its view {view.path!r} was {since} since",
                hint=f"{way_out} that first.",
            )


def _check_bases(connection: Connection, table: TableRecord, restored: TableRecord, at: datetime.datetime) -> None:
    """Refuse to bring back what is computed of a view if a base changed since: it is of what that was."""
    known = {column.id: column for column in table.columns}
    back = [
        column.name
        for column in restored.columns
        if column.expr is not None and (column.id not in known or not _is_alike(column, known[column.id]))
    ]
    what = ", ".join(map(repr, back))
    if not _is_alike_view(table, restored):
        what = "what decides which rows it has"
    for base in table.live_lineage[1:] if what else ():
        if _newest(connection, base)[1] > at:
            raise InvalidState(
                f"view {table.path!r} cannot be reverted: {what} would come back as computed "
                f"before its base {base.path!r} was changed",
                hint="Define it anew.",
            )


def _is_alike_view(a: TableRecord, b: TableRecord) -> bool:
    """Whether the same decides which rows a view has; both may be no view."""
    if a.view is None or b.view is None:
        return a.view is b.view
    pairs = ((a.view.where, b.view.where), (a.view.explode, b.view.explode))
    return all((x is None) == (y is None) and (x is None or y is None or by_ids(x) == by_ids(y)) for x, y in pairs)


def _is_alike(a: ColumnRecord, b: ColumnRecord) -> bool:
    return a.expr is not None and b.expr is not None and by_ids(a.expr) == by_ids(b.expr)


def _newest(connection: Connection, table: TableRecord) -> tuple[int, datetime.datetime]:
    """The operation that made the newest version, and when."""
    row = connection.execute(
        "SELECT op, at FROM pixeltable.versions WHERE table_id = %s ORDER BY version DESC LIMIT 1", (table.id,)
    ).fetchone()
    assert row is not None
    return row


def _newest_version(connection: Connection, table: TableRecord) -> int:
    row = connection.execute("SELECT version FROM pixeltable.heads WHERE table_id = %s", (table.id,)).fetchone()
    assert row is not None
    return int(row[0])


def _undo(connection: Connection, view: TableRecord, op: int) -> None:
    """Take back the newest version of a view, which an operation on its base made."""
    _forget_version(connection, view)
    for heap in view.heaps:
        undo_operation(connection, heap, op)
    store.save_schema(connection, view)


def _forget_version(connection: Connection, table: TableRecord) -> None:
    connection.execute(
        "DELETE FROM pixeltable.versions WHERE table_id = %s AND version = "
        "(SELECT version FROM pixeltable.heads WHERE table_id = %s)",
        (table.id, table.id),
    )
    connection.execute("UPDATE pixeltable.heads SET version = version - 1 WHERE table_id = %s", (table.id,))


def _recorded_schema(connection: Connection, table: TableRecord) -> TableRecord:
    """The newest schema on record."""
    row = connection.execute(
        "SELECT record FROM pixeltable.versions WHERE table_id = %s AND record IS NOT NULL "
        "ORDER BY version DESC LIMIT 1",
        (table.id,),
    ).fetchone()
    assert row is not None
    found = decoded_version(row[0], table, table.path)
    return with_present_refs(replace(found, base=table.base))


def _drop_unknown(connection: Connection, table: TableRecord, restored: TableRecord) -> None:
    """Drop the heaps that came with what was taken back."""
    known = {heap.id for heap in restored.heaps}
    for heap in table.heaps:
        if heap.id not in known:
            drop_heap(connection, heap)
