"""Calling iterators again for rows of which they could make no list."""

import time
import uuid
from functools import partial

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument
from pixeltable.exec.pace import Pace
from pixeltable.exec.tally import Tally
from pixeltable.session.change import retrying
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.receipts import receipt
from pixeltable.session.recompute import Selection, recompute
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.session import Session
from pixeltable.session.transactions import Write, commit, read
from pixeltable.session.view_changes import Remaking, cascaded, growth, inputs_of_views
from pixeltable.storage.changes import change_views
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Committed, Counts, RowsChanged, Seen
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
    return retrying(session, table_id, name, _Remaking(session, tally).run)


class _Remaking:
    """Calling an iterator again, slice by slice, each written as soon as it is done; `run` goes on where it stopped."""

    def __init__(self, session: Session, tally: Tally) -> None:
        self._session = session
        self._tally = tally
        self._start = time.perf_counter()
        self._after = -1
        self._own = RowCountStats()
        self._cascaded = RowCountStats()

    def run(self, view: TableRecord) -> UpdateStatus:
        """Call it for all rows of the base that it failed for.

        Raises:
            InvalidArgument: the table has no iterator.
            RowsChanged: others write the same rows.
        """
        failures = view.failures_heap
        if failures is None:
            raise InvalidArgument(
                "recompute_columns(errors_only=True) without a column calls an iterator again, and "
                f"{view.path!r} has no iterator",
                hint="Pass the name of a column.",
            )
        pace = Pace(self._session.settings.batch_size)
        pace.begin()
        while known := read(self._session, partial(_failing, heap=failures, after=self._after, limit=pace.size)):
            rows, ops = zip(*known, strict=True)
            of_view, *of_others = _remade(self._session, view, Seen(failures, rows, ops), self._tally)
            self._own += RowCountStats(ins_rows=of_view.inserts, num_excs=of_view.errors)
            self._cascaded += cascaded(of_others)
            self._after = rows[-1]
            self._tally.advance(len(rows), failed=of_view.errors)
            pace.done(len(rows))
        return receipt(self._tally, self._start, self._own, cascade=self._cascaded)


def _failing(connection: Connection, *, heap: Heap, after: int, limit: int) -> list[tuple[int, int]]:
    """Rows of the base that an iterator failed for, and the operations that this was in."""
    statement = f"SELECT row, op_in FROM {heap.current} WHERE row > %s ORDER BY row LIMIT %s"
    return connection.execute(statement, (after, limit)).fetchall()


def _remade(session: Session, view: TableRecord, failed: Seen, tally: Tally) -> list[Counts]:
    """Call the iterator for rows of the base that it failed for; what was done to the view, and to those over it."""
    base = view.base
    assert base is not None
    inputs = inputs_of_views(session.catalog, base)
    refs = [base.ref(column) for column in base.known_columns if column.id in inputs]
    found = matching_rows(session, base, refs, rows=failed.rows)
    if len(found.rows) < len(failed.rows):
        raise RowsChanged
    remaking = Remaking(session, view, session.context.counting(tally))
    remaking.call_again(found.rows, found.batch)
    changes = remaking.changes()
    token = uuid.uuid4()
    bases = [table.target for table in reversed(view.live_lineage[1:])]

    def once(connection: Connection) -> Committed:
        with refusals_explained(view, session.catalog.views_of(view.id)):
            return change_views(connection, bases, [*found.seen, failed], changes, token=token)

    grown = growth(session.catalog, changes)
    return list(commit(session, Write(view, once, token, grown)).views) or [Counts()]
