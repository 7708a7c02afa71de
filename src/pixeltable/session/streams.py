"""`RowStream`: the rows of a query page by page, with bounded memory and no connection waiting for who takes them."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from queue import SimpleQueue
from typing import Any

from pixeltable.catalog.loading import read_epoch
from pixeltable.exceptions import DatabaseUnavailable
from pixeltable.exec.aside import aside
from pixeltable.exec.filter import filter_batch
from pixeltable.lazy import psycopg
from pixeltable.plan.grouping import plan_select
from pixeltable.plan.planner import QueryPlan
from pixeltable.plan.query import QuerySpec
from pixeltable.session.query import Answer, collect, finished, refused, resolved_spec, scanned, values_of
from pixeltable.session.relations import Relation, relation_of
from pixeltable.session.running import running
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.fetching import has_bytes
from pixeltable.storage.spool import Spool

_PAGE_ROWS = 2000
_MEMORY_BYTES = 32 * 2**20

Columns = list[list[Any]]


@dataclass(frozen=True, slots=True)
class _Page:
    """Rows as the statement of a plan yields them."""

    plan: QueryPlan
    load: Callable[[], Columns]


class RowStream:
    """A thread reads all rows of one snapshot as fast as they come: into memory, and beyond a bound into a file.

    So whoever takes them can be as slow as they like: nothing of the database is held meanwhile. What Python
    computes of a page is computed when it is taken. A query whose rows Python orders, groups, chooses or unites needs
    all at once.
    """

    def __init__(self, session: Session, spec: QuerySpec, name: str) -> None:
        self._session = session
        self._spec = spec
        self._name = name

    def pages(self) -> Iterator[Answer]:
        """The rows, some thousand at a time; closing the iterator ends the thread.

        Raises:
            RequestError: a cell failed, or the query cannot be run.
        """
        if self._spec.union is not None or running() is not None:
            yield collect(self._session, self._spec, self._name)
            return
        relation = relation_of(self._session, self._spec, self._name)
        resolved = resolved_spec(self._session, self._spec, relation)
        plan_for = partial(plan_select, resolved, relation.record)
        plan = plan_for(pushdown=self._session.pushdown)
        if _is_streamed(plan):
            reading = _Reading(self._session, relation, plan, partial(plan_for, pushdown=None))
            try:
                if reading.starts():
                    yield from _given_once(self._session, reading.pages())
                    return
            finally:
                reading.close()
        yield collect(self._session, self._spec, self._name)  # also where the schema changed: on the newest


def _is_streamed(plan: QueryPlan) -> bool:
    whole = plan.order_by or plan.grouping or plan.windows or plan.sample or plan.having is not None
    return not (whole or plan.newest_first or plan.exact)


def _given_once(session: Session, pages: Iterator[tuple[QueryPlan, Columns]]) -> Iterator[Answer]:
    """What Python makes of the pages; where another plan takes over, without the rows that were given before."""
    given = 0
    for _, same_plan in groupby(pages, key=lambda page: id(page[0])):
        plan, first = next(same_plan)
        skip = given
        for answer in _answers(session, plan, first, (columns for _, columns in same_plan)):
            count = len(next(iter(answer.columns.values())))
            if count > skip:
                yield Answer({name: cells[skip:] for name, cells in answer.columns.items()}, answer.types)
                given += count - skip
            skip = max(0, skip - count)
        if plan.limit is not None and given >= plan.limit:
            return  # without waiting for what comes after these rows


def _answers(session: Session, plan: QueryPlan, first: Columns, rest: Iterator[Columns]) -> Iterator[Answer]:
    """What Python makes of the pages of one plan."""
    if _is_streamed(plan):
        return _computed(session, plan, chain([first], rest))
    for columns in rest:
        for column, cells in zip(first, columns, strict=True):
            column.extend(cells)
    return iter([finished(session, plan, scanned(plan.scan, first, len(first[0])))])


def _computed(session: Session, plan: QueryPlan, pages: Iterable[Columns]) -> Iterator[Answer]:
    """Those that the filter keeps, without those cut off."""
    skip, left = plan.offset or 0, plan.limit
    types = {name: expr.col_type for name, expr in plan.outputs}
    for columns in pages:
        batch = scanned(plan.scan, columns, len(columns[0]))
        if plan.where is not None:
            batch, _ = filter_batch(plan.where, batch, partial(values_of, session))
        stop = batch.count if left is None else min(batch.count, skip + left)
        if skip or stop < batch.count:
            batch, skip = batch.take(range(min(skip, batch.count), stop)), max(0, skip - batch.count)
        if batch.count:
            yield Answer({name: values_of(session, expr, batch) for name, expr in plan.outputs}, types)
        left = None if left is None else left - batch.count
        if left == 0:
            return


class _Reading:
    """The thread that reads, and the pages it has read that nobody has taken yet."""

    def __init__(self, session: Session, relation: Relation, plan: QueryPlan, other: Callable[[], QueryPlan]) -> None:
        self._session = session
        self._relation = relation
        self._plan = plan
        self._other = other
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._resources = ExitStack()
        self._spool = self._resources.enter_context(Spool(_MEMORY_BYTES))
        self._pages: SimpleQueue[_Page | None] = SimpleQueue()
        self._first: _Page | None = None
        self._done: Future[bool] = aside(self._read)

    def starts(self) -> bool:
        """Whether rows come of the schema that the plan was made for; waits for the first of them."""
        self._first = self._pages.get()
        return self._first is not None or self._done.result()

    def pages(self) -> Iterator[tuple[QueryPlan, Columns]]:
        """The pages in their order; those of another plan for all rows follow where SQL met a number out of range."""
        page = self._first
        while page is not None:
            with self._lock:
                columns = page.load()
            yield page.plan, columns
            page = self._pages.get()
        self._done.result()

    def close(self) -> None:
        """End the thread, and forget what it has read."""
        self._stopped.set()
        self._done.exception()
        self._resources.close()

    def _read(self) -> bool:
        try:
            with self._session.database.connection() as connection, snapshot(connection):
                is_known = read_epoch(connection) == self._session.catalog.epoch
                if not is_known and not self._relation.is_current(self._session.refresh()):
                    return False
                try:
                    with connection.transaction():
                        self._read_pages(connection, self._plan)
                except psycopg.DataError:  # Python has the wider numbers, or the clearer error
                    self._read_pages(connection, self._other())
            return True
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            return False  # dropped between two statements, before anything was read
        except psycopg.errors.FeatureNotSupported as error:
            raise refused(error) from None
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(
                f"the connection was lost while rows were read: {str(error).strip()}", hint="Open another cursor."
            ) from error
        finally:
            self._pages.put(None)

    def _read_pages(self, connection: Connection, plan: QueryPlan) -> None:
        scan, size_bytes = plan.scan, 0
        with psycopg.ServerCursor(connection, "pixeltable_rows") as cursor:
            cursor.execute(scan.sql, scan.parameters, binary=has_bytes(slot.col_type for slot in scan.slots))
            while not self._stopped.is_set() and (rows := cursor.fetchmany(_PAGE_ROWS)):
                columns = [list(column) for column in zip(*rows, strict=True)]
                size_bytes = size_bytes or len(repr(rows[:10])) * _PAGE_ROWS // 10
                with self._lock:
                    kept = self._spool.has_room(size_bytes)
                    self._pages.put(_Page(plan, partial(_itself, columns) if kept else self._spool.store(columns)))


def _itself(columns: Columns) -> Columns:
    return columns
