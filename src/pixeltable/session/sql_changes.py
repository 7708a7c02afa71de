"""Updates and deletions that the database does by itself, where no code of users and no view has a part in them."""

import uuid
from collections.abc import Callable, Mapping, Sequence

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exprs.expr import Expr
from pixeltable.lazy import psycopg
from pixeltable.plan.sql_changes import ChangePlan, plan_delete, plan_update
from pixeltable.session.batch_rows import BatchRows
from pixeltable.session.codes import stamp_of
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.rows import cells_to_store, texts_of
from pixeltable.session.running import running
from pixeltable.session.session import Session
from pixeltable.storage.cells import Texts
from pixeltable.storage.database import Connection
from pixeltable.storage.set_changes import RowsMissing, SetChange, by_keys, change_set
from pixeltable.storage.writes import Counts, Entries, recall_counts


def updated_in_sql(
    session: Session,
    table: TableRecord,
    setting: Mapping[ColumnRecord, Expr],
    dependents: Sequence[ColumnRecord],
    *,
    where: Expr | None,
) -> int | None:
    """Update the rows that a filter keeps, by SQL alone: how many; None, and nothing is done, where that cannot be.

    Raises:
        SchemaChanged: plan again.
    """
    if not _is_alone(session, table) or _are_indexed(table, [*setting, *dependents]):
        return None
    plan = plan_update(table, setting, dependents, where=where, pushdown=session.pushdown)
    if plan is None:
        return None
    stamp = stamp_of(session, table, dependents, ())
    return _done(session, table, _set_change(table, plan, lambda count: Counts(updates=count, stamp=stamp)))


def deleted_in_sql(session: Session, table: TableRecord, *, where: Expr | None) -> int | None:
    """Delete the rows that a filter keeps, as `updated_in_sql`."""
    if not _is_alone(session, table) or len(table.heaps) > 1:
        return None
    plan = plan_delete(table, where=where, pushdown=session.pushdown)
    return None if plan is None else _done(session, table, _set_change(table, plan, lambda n: Counts(deletes=n)))


def set_in_sql(session: Session, table: TableRecord, given: BatchRows, *, cascade: bool) -> int | None:
    """Set cells of rows that are known by their keys, as `updated_in_sql`; all of the rows, or None of them."""
    columns = [column for column in table.columns if column.id in given.cells]
    whole = all(len(cells) == len(given.rows) for cells in given.cells.values())
    if not columns or not whole or not _is_alone(session, table) or _are_indexed(table, columns):
        return None
    needed = cascade and any(c.heap is not None for c in table.dependents(frozenset(given.cells)))
    if needed or any(column.heap != table.row_heap.id for column in columns):
        return None
    cells = [cells_to_store(column, list(given.cells[column.id].values())) for column in columns]
    entry = Entries(table.row_heap, tuple(column.db_name for column in columns), tuple(cells))
    keys: dict[str, Texts] = {
        column.db_name: texts_of(column, [key[place] for key in given.keys]) for place, column in enumerate(given.key)
    }
    if not given.key:
        keys["row"] = [str(row) for (row,) in given.keys]
    return _done(session, table, by_keys(keys, entry), wanted=len(given.rows))


def _is_alone(session: Session, table: TableRecord) -> bool:
    """Whether nobody has to know which rows are changed: a view, or a transaction that does it again."""
    return table.view is None and not session.catalog.views_of(table.id) and running() is None


def _are_indexed(table: TableRecord, columns: Sequence[ColumnRecord]) -> bool:
    """Whether one of the columns has vectors that go with it."""
    changed = {column.id for column in columns}
    return any(index.column in changed for index in table.indexes)


def _set_change(table: TableRecord, plan: ChangePlan, counts_of: Callable[[int], Counts]) -> SetChange:
    keep, change = plan.keep, plan.change
    return SetChange(table.row_heap, keep.sql, change.sql, keep.parameters, change.parameters, counts_of)


def _done(session: Session, table: TableRecord, change: SetChange, *, wanted: int | None = None) -> int | None:
    token = uuid.uuid4()

    def once(connection: Connection) -> int:
        with refusals_explained(table, []):
            return change_set(connection, table.target, change, token=token, wanted=wanted)

    def recall(connection: Connection) -> int | None:
        counts = recall_counts(connection, table.id, token)
        return None if counts is None else counts.updates + counts.deletes

    try:
        return session.database.attempt(once, recall=recall)
    except (RowsMissing, psycopg.DataError):  # as for a number out of its range: Python may have it, or knows why not
        return None
