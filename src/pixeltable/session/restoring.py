"""Going back to a version by a new one: rows, cells, vectors and schema are what they were, and nothing is computed."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltable.catalog import jobs, store
from pixeltable.catalog.codec import encode_table
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ConstraintViolation, InvalidState, SchemaChanged, Unsupported
from pixeltable.exec.tally import Tally
from pixeltable.index import vectors
from pixeltable.plan.query import Moment
from pixeltable.session.btrees import create_new, drop_gone
from pixeltable.session.change import retrying
from pixeltable.session.column_changes import renew_views
from pixeltable.session.past import past_record, record_at
from pixeltable.session.receipts import receipt
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.restored_views import RestoredViews, restored_views
from pixeltable.session.session import Session
from pixeltable.session.upkeep import BULK, look_after, with_room
from pixeltable.session.view_changes import cascaded, growth
from pixeltable.storage.changes import bring_along, lock_views
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, create_history, without_history
from pixeltable.storage.numbers import next_op
from pixeltable.storage.past import later_ops
from pixeltable.storage.writes import Counts, commit_change
from pixeltable.types.status import RowCountStats, UpdateStatus


@dataclass(frozen=True, slots=True)
class _Restored:
    """How many rows came back, changed and went."""

    inserts: int = 0
    updates: int = 0
    deletes: int = 0


def restore(session: Session, table_id: int, name: str, moment: Moment, *, tally: Tally) -> UpdateStatus:
    """Make the contents and the schema of a version those of a new one, which `revert()` takes back as any other.

    There is none where nothing differs. Views over the table follow; what they compute is computed before.

    Raises:
        UnknownVersion: the version was taken back.
        InvalidState: a column or an index is being filled.
        ConstraintViolation: cells of that version are not there any more; or views need what it does not have.
    """
    start = time.perf_counter()

    def work(table: TableRecord) -> UpdateStatus:
        if table.view is not None:
            raise Unsupported(f"{table.path!r} is a view: its rows are those of its base", hint="Restore that.")
        views = _views(session, table, moment, tally)

        def write() -> tuple[_Restored, Sequence[Counts]]:
            with refusals_explained(table, session.catalog.views_of(table.id)):
                return session.change_schema(
                    lambda connection, catalog: _restored(connection, catalog, table, moment, views)
                )

        done, cascade = with_room(session, growth(session.catalog, views.changes), write)
        written = done.inserts + done.updates
        if written >= BULK:
            look_after(session, session.table(table_id, name), written=written)
        stats = RowCountStats(ins_rows=done.inserts, upd_rows=done.updates, del_rows=done.deletes)
        return receipt(tally, start, stats, cascade=cascaded(cascade))

    return retrying(session, table_id, name, work)


def _views(session: Session, table: TableRecord, moment: Moment, tally: Tally) -> RestoredViews:
    """What becomes of views over the table; their functions run here, with nothing held."""
    target = record_at(session, table.id, table.path, moment)
    catalog = session.refresh()
    table = catalog.table(table.id, name=table.path)
    if table.schema_version != target.schema_version:
        raise SchemaChanged(table.path)
    if not catalog.views_of(table.id):
        return RestoredViews(table)
    session.database.read(lambda connection: _check(connection, table, target))
    after = _schema(table, target)
    return restored_views(session, catalog, after, target, moment.version, session.context.counting(tally))


def _restored(
    connection: Connection, catalog: Catalog, known: TableRecord, moment: Moment, views: RestoredViews
) -> tuple[_Restored, Sequence[Counts]]:
    table = catalog.table(known.id, name=known.path)
    connection.execute("SELECT pixeltable.lock_head(%s, %s)", (table.id, table.schema_version))
    lock_views(connection, views.changes)
    target = past_record(connection, table, moment)
    _check(connection, table, target)
    left = views.expect_as_found(connection, table, target)
    op = next_op(connection)
    done = _restore(connection, table, target, moment.version, op)
    cascade = bring_along(connection, views.changes, left=left, come=[views.come], op=op, token=uuid.uuid4())
    if {(c.id, c.name) for c in table.columns} != {(c.id, c.name) for c in target.columns}:
        # Only now: what was written to the views was planned with their schema as it was.
        renew_views(connection, catalog, _schema(table, target))
    return done, cascade


def _check(connection: Connection, table: TableRecord, target: TableRecord) -> None:
    """Check that everything of a version can be carried over."""
    running = [job.target for job in jobs.jobs_of(connection, table.id) if job.status == "running"]
    running += [index.name for index in table.btrees if index.status == "building"]
    if running:
        raise InvalidState(
            f"table {table.path!r} cannot be restored while {', '.join(map(repr, running))} is being filled",
            hint="Wait until it is done, or drop it.",
        )
    lost = lost_parts(table, target)
    if lost:
        raise ConstraintViolation(
            f"{target.path!r} cannot be restored: cells of {', '.join(map(repr, lost))} are stored in another way now"
        )


def lost_parts(table: TableRecord, target: TableRecord) -> list[str]:
    """Columns and indexes of a version whose cells are not stored as they were, or not at all."""
    present = {(heap.id, column) for heap in table.heaps for column in heap.columns}
    stored = [(column.name, column.heap, column.db_name) for column in target.columns if column.heap is not None]
    stored += [(index.name, index.id, "vector") for index in target.indexes]
    return [name for name, heap, cells in stored if (heap, target.heap(heap).column(cells)) not in present]


def _restore(connection: Connection, table: TableRecord, target: TableRecord, version: int, op: int) -> _Restored:
    restored = {heap.id for heap in target.heaps}
    heaps = [heap for heap in table.heaps if heap.id in restored]
    after = _schema(table, target)
    drop_gone(connection, table, after)
    for heap in heaps:
        _restore_entries(connection, heap, next(past for past in target.heaps if past.id == heap.id), op)
    create_new(connection, table, after)
    done = _counted(connection, table.row_heap, heaps, op)
    if encode_table(after) != encode_table(table):
        saved = store.save_schema(connection, after)
        store.record_schema_version(
            connection, saved, op=op, change=f"Restored: version {version}",
            inserts=done.inserts, updates=done.updates, deletes=done.deletes,
        )  # fmt: skip
    elif done != _Restored():
        commit_change(connection, table.target, op, Counts(done.inserts, done.updates, done.deletes), uuid.uuid4())
    note = f"restored from version {version}"
    connection.execute("UPDATE pixeltable.versions SET note = %s WHERE table_id = %s AND op = %s", (note, table.id, op))
    return done


def _schema(table: TableRecord, target: TableRecord) -> TableRecord:
    """The table with the schema of a version; the heaps of all versions stay."""
    return replace(
        table, columns=target.columns, indexes=target.indexes, btrees=target.btrees,
        default_indexes=target.default_indexes, comment=target.comment, custom_metadata=target.custom_metadata,
        media_validation=target.media_validation,
    )  # fmt: skip


def _restore_entries(connection: Connection, heap: Heap, past: Heap, op: int) -> None:
    """Close the entries that came later, and write those again that were closed later; others stay untouched."""
    assert past.as_of is not None
    later = later_ops(past.as_of)
    names = "".join(f", {column.name}" for column in heap.columns)
    for missing in without_history(connection, [heap]):
        create_history(connection, missing)
    back = f"FROM {heap.history} WHERE op_out IN ({later}) AND op_in NOT IN ({later})"
    if heap.vectors:
        row = connection.execute(f"SELECT count(*) {back}").fetchone()
        if row is not None and row[0]:
            vectors.make_room(connection, heap, row[0])
    connection.execute(
        f"WITH gone AS (DELETE FROM {heap.current} WHERE op_in IN ({later}) RETURNING *) "
        f"INSERT INTO {heap.history} (row, op_in, op_out{names}, errors) "
        f"SELECT row, op_in, %s{names}, errors FROM gone",
        (op,),
    )
    connection.execute(
        f"INSERT INTO {heap.current} (row, op_in{names}, errors) SELECT row, %s{names}, errors {back}", (op,)
    )


def _counted(connection: Connection, rows: Heap, heaps: list[Heap], op: int) -> _Restored:
    """What an operation did, told by the entries that it wrote and closed."""
    written = " UNION ".join(f"SELECT row FROM {heap.current} WHERE op_in = %(op)s" for heap in heaps)
    closed = f"SELECT row FROM {rows.history} WHERE op_out = %(op)s"
    row = connection.execute(
        f"WITH written AS ({written}), closed AS ({closed}), "
        f"back AS (SELECT row FROM {rows.current} WHERE op_in = %(op)s AND row NOT IN (SELECT row FROM closed)) "
        "SELECT (SELECT count(*) FROM back), "
        "(SELECT count(*) FROM written WHERE row NOT IN (SELECT row FROM back)), "
        f"(SELECT count(*) FROM closed WHERE row NOT IN (SELECT row FROM {rows.current} WHERE op_in = %(op)s))",
        {"op": op},
    ).fetchone()
    assert row is not None
    return _Restored(*row)
