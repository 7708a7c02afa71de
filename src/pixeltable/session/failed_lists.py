"""Calling iterators again for rows of which they could make no list."""

import time
import uuid

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument
from pixeltable.exec.tally import Tally
from pixeltable.session.change import retrying
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.receipts import receipt
from pixeltable.session.recompute import Selection, recompute
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.session import Session
from pixeltable.session.upkeep import with_room
from pixeltable.session.view_changes import cascaded, growth, inputs_of_views, made_anew
from pixeltable.storage.changes import change_views
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Committed, Counts, RowsChanged, Seen, recall_write
from pixeltable.types.status import RowCountStats, UpdateStatus


def recompute_failed(session: Session, table_id: int, name: str, selection: Selection, *, tally: Tally) -> UpdateStatus:
    """As `recompute`, for cells that failed; without a column, or for the place in a list, lists that failed instead.

    Raises:
        InvalidArgument: the table has no iterator; or a filter is to choose among lists.
    """
    table = session.table(table_id, name)
    place = None if table.failures_heap is None else table.columns[0].name
    if selection.columns not in ((), (place,)):
        return recompute(session, table_id, name, selection, tally=tally)
    if selection.where is not None:
        raise InvalidArgument("recompute_columns(): `where` cannot choose among rows that an iterator failed for")
    start = time.perf_counter()

    def work(view: TableRecord) -> UpdateStatus:
        if view.failures_heap is None:
            raise InvalidArgument(
                "recompute_columns(errors_only=True) without a column calls an iterator again, and "
                f"{view.path!r} has no iterator",
                hint="Pass the name of a column.",
            )
        view_counts, *others = _remade(session, view, view.failures_heap, tally)
        stats = RowCountStats(ins_rows=view_counts.inserts, num_excs=view_counts.errors)
        return receipt(tally, start, stats, cascade=cascaded(others))

    return retrying(session, table_id, name, work)


def _remade(session: Session, view: TableRecord, failures: Heap, tally: Tally) -> list[Counts]:
    """Call the iterator for rows of the base that it failed for; what was done to the view, and to those over it."""
    base = view.base
    assert base is not None
    known = session.database.read(lambda c: c.execute(f"SELECT row, op_in FROM {failures.current}").fetchall())
    if not known:
        return [Counts()]
    rows, ops = zip(*sorted(known), strict=True)
    inputs = inputs_of_views(session.catalog, base)
    refs = [base.ref(column) for column in base.known_columns if column.id in inputs]
    found = matching_rows(session, base, refs, rows=rows)
    if len(found.rows) < len(rows):
        raise RowsChanged
    changes = made_anew(session, view, found.rows, found.batch, session.context.counting(tally))
    token = uuid.uuid4()
    bases = [table.target for table in reversed(view.live_lineage[1:])]
    seen = [*found.seen, Seen(failures, rows, ops)]

    def once(connection: Connection) -> Committed:
        with refusals_explained(view, session.catalog.views_of(view.id)):
            return change_views(connection, bases, seen, changes, token=token)

    def write() -> Committed:
        return session.database.attempt(once, recall=lambda connection: recall_write(connection, view.id, token))

    return list(with_room(session, view, 0, write, views=growth(session.catalog, changes)).views) or [Counts()]
