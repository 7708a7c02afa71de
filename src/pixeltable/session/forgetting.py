"""Erasing rows from all versions of a table: from what is there, from the past, from views and snapshots."""

import time
from collections.abc import Iterable
from typing import Any

from pixeltable.catalog import jobs, store
from pixeltable.catalog.codec import decode_heap
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import UnknownColumn, Unsupported
from pixeltable.plan.query import Moment
from pixeltable.session.change import resolved_filter, retrying, write_change
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.past import record_at
from pixeltable.session.session import Session
from pixeltable.session.view_changes import views_alone
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import BASE_ROW, Heap, without_history
from pixeltable.storage.writes import Change, Counts
from pixeltable.types.status import RowCountStats, UpdateStatus


def forget(session: Session, table_id: int, name: str, where: Any) -> UpdateStatus:
    """Erase the rows that match a filter, or did at any version; done again after an interruption, it does the rest.

    Raises:
        Unsupported: the table is a view.
    """
    start = time.perf_counter()
    table = session.refresh().table(table_id, name=name)
    if table.view is not None:
        raise Unsupported(f"{table.path!r} is a view: its rows go with those of its base", hint="Forget them there.")
    rows = _rows_that_ever_match(session, table, where)
    deleted = retrying(session, table_id, name, lambda table: _delete(session, table, rows)) if rows else UpdateStatus()
    if rows:
        session.change_schema(
            lambda connection, catalog: _erase(connection, catalog, catalog.table(table_id, name=name), rows)
        )
    stats = RowCountStats(del_rows=len(rows))
    cascade = deleted.cascade_row_count_stats
    return UpdateStatus(row_count_stats=stats, cascade_row_count_stats=cascade, seconds=time.perf_counter() - start)


def _rows_that_ever_match(session: Session, table: TableRecord, where: Any) -> list[int]:
    """Rows that match now, or did before an operation that may have changed that."""

    def moments(connection: Connection) -> list[Moment]:
        found = connection.execute(
            "SELECT v.version, v.op FROM pixeltable.versions v JOIN pixeltable.heads h USING (table_id) "
            "JOIN pixeltable.versions n ON n.table_id = v.table_id AND n.version = v.version + 1 "
            "WHERE v.table_id = %s AND v.version >= h.oldest AND (n.updates > 0 OR n.deletes > 0 OR n.kind = 'schema')",
            (table.id,),
        ).fetchall()
        return [Moment(*row) for row in found]

    rows: set[int] = set()
    for moment in [None, *session.database.read(moments)]:
        record = record_at(session, table.id, table.path, moment)
        try:
            predicate = resolved_filter(session, record, where)
        except UnknownColumn:
            if moment is None:
                raise
            continue  # it had no such column then
        rows |= set(matching_rows(session, record, [], where=predicate).rows)
    return sorted(rows)


def _delete(session: Session, table: TableRecord, rows: list[int]) -> UpdateStatus:
    """Delete those of the rows that are there."""
    found = matching_rows(session, table, [], rows=rows)
    if not found.rows:
        return UpdateStatus()
    change = Change(found.rows, found.seen, closed=table.heaps)
    done = write_change(session, table, change, Counts(deletes=len(found.rows)), views_alone(session, table)).views
    return UpdateStatus(cascade_row_count_stats=RowCountStats(del_rows=sum(counts.deletes for counts in done)))


def _erase(connection: Connection, catalog: Catalog, table: TableRecord, rows: list[int]) -> None:
    """Remove all entries of rows that are not there any more, and those of views and snapshots that are of them."""
    of_table = {table.id: rows}
    for reached in [table, *catalog.dependents_of(table.id)]:
        of_base = rows if reached.view is None else of_table[reached.view.base]
        own = of_table[reached.id] = _items_of(connection, reached, of_base) if reached.is_exploded else of_base
        if reached.id != table.id:  # who is at work on it, and has read what goes, has to read again
            store.save_schema(connection, reached)
        for heap in _all_heaps(connection, reached):
            gone = of_base if heap == reached.failures_heap else own  # an iterator fails for a row of the base
            for name in _tables_of(connection, heap):
                connection.execute(f"DELETE FROM {name} WHERE row = ANY(%s)", (gone,))


def _items_of(connection: Connection, view: TableRecord, rows: list[int]) -> list[int]:
    """The rows that an exploded view has, or had, of rows of its base."""
    found: set[int] = set()
    for name in _tables_of(connection, view.heaps[0]):
        found |= {
            row
            for (row,) in connection.execute(f"SELECT row FROM {name} WHERE {BASE_ROW} = ANY(%s)", (rows,)).fetchall()
        }
    return sorted(found)


def _tables_of(connection: Connection, heap: Heap) -> Iterable[str]:
    return (heap.current,) if without_history(connection, [heap]) else (heap.current, heap.history)


def _all_heaps(connection: Connection, table: TableRecord) -> list[Heap]:
    """Its heaps, those of columns that were dropped, and those that aborted jobs left."""
    records = connection.execute(
        "SELECT record -> 'heaps' FROM pixeltable.versions WHERE table_id = %s AND record IS NOT NULL", (table.id,)
    ).fetchall()
    heaps = {heap.id: heap for (record,) in records for heap in map(decode_heap, record)}
    heaps |= {job.heap.id: job.heap for job in jobs.jobs_of(connection, table.id)}
    heaps |= {heap.id: heap for heap in table.heaps}
    there = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
        ([heap.current for heap in heaps.values()],),
    ).fetchall()
    names = {name for (name,) in there}
    return [heap for heap in heaps.values() if heap.current in names]
