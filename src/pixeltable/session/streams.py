"""`RowStream`: the rows of a query page by page, with bounded memory and no connection waiting for who takes them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
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
from pixeltable.session.query import Answer, collect, resolved_spec, scanned, values_of
from pixeltable.session.relations import Relation, relation_of
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.spool import Spool

_PAGE_ROWS = 2000
_MEMORY_BYTES = 32 * 2**20

Columns = list[list[Any]]


class RowStream:
    """A thread reads all rows of one snapshot as fast as they come: into memory, and beyond a bound into a file.

    So whoever takes them can be as slow as they like: nothing of the database is held meanwhile. What Python computes
    of a page is computed when it is taken. A query whose rows Python orders, groups or chooses needs all at once.
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
        for pushdown in (self._session.pushdown, False):
            relation = relation_of(self._session, self._spec, self._name)
            plan = plan_select(resolved_spec(self._session, self._spec, relation), relation.record, pushdown=pushdown)
            if not _is_streamed(plan):
                break
            reading = _Reading(self._session, relation, plan)
            try:
                started = reading.starts()
            except psycopg.DataError:
                reading.close()
                continue  # Python has the wider numbers, or the clearer error
            if started:
                yield from _computed(self._session, plan, reading)
                return
            reading.close()
            break  # the schema changed: the whole is read again, on the newest
        yield collect(self._session, self._spec, self._name)


def _is_streamed(plan: QueryPlan) -> bool:
    whole = plan.order_by or plan.grouping or plan.windows or plan.sample or plan.having is not None
    return not (whole or plan.newest_first or plan.exact)


def _computed(session: Session, plan: QueryPlan, reading: "_Reading") -> Iterator[Answer]:
    """What Python makes of the pages: those that the filter keeps, without those cut off."""
    skip, left = plan.offset or 0, plan.limit
    types = {name: expr.type for name, expr in plan.outputs}
    try:
        for columns in reading.pages():
            batch = scanned(plan.scan, columns, len(columns[0]))
            if plan.where is not None:
                batch, _ = filter_batch(plan.where, batch, lambda expr, rows: values_of(session, expr, rows))
            stop = batch.count if left is None else min(batch.count, skip + left)
            if skip or stop < batch.count:
                batch, skip = batch.take(range(min(skip, batch.count), stop)), max(0, skip - batch.count)
            if batch.count:
                yield Answer({name: values_of(session, expr, batch) for name, expr in plan.outputs}, types)
            left = None if left is None else left - batch.count
            if left == 0:
                return
    finally:
        reading.close()


class _Reading:
    """The thread that reads, and the pages it has read that nobody has taken yet."""

    def __init__(self, session: Session, relation: Relation, plan: QueryPlan) -> None:
        self._session = session
        self._relation = relation
        self._plan = plan
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._resources = ExitStack()
        self._spool = self._resources.enter_context(Spool(_MEMORY_BYTES))
        self._pages: SimpleQueue[Callable[[], Columns] | None] = SimpleQueue()
        self._first: Callable[[], Columns] | None = None
        self._done: Future[bool] = aside(self._read)

    def starts(self) -> bool:
        """Whether rows come of the schema that the plan was made for; waits for the first of them."""
        self._first = self._pages.get()
        return self._first is not None or self._done.result()

    def pages(self) -> Iterator[Columns]:
        """The pages in their order."""
        load = self._first
        while load is not None:
            with self._lock:
                columns = load()
            yield columns
            load = self._pages.get()
        self._done.result()

    def close(self) -> None:
        """End the thread, and forget what it has read."""
        self._stopped.set()
        self._done.exception()
        self._resources.close()

    def _read(self) -> bool:
        try:
            with self._session.database.connection() as connection, snapshot(connection):
                if read_epoch(connection) != self._session.catalog.epoch and not self._is_current():
                    return False
                self._read_pages(connection)
            return True
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(
                f"the connection was lost while rows were read: {str(error).strip()}", hint="Open another cursor."
            ) from error
        finally:
            self._pages.put(None)

    def _is_current(self) -> bool:
        known = self._session.refresh().tables
        return all(
            (found := known.get(source.record.id)) is not None and found.schema_version == source.record.schema_version
            for source in self._relation.sources
        )

    def _read_pages(self, connection: Connection) -> None:
        scan, size_bytes = self._plan.scan, 0
        with psycopg.ServerCursor(connection, "pixeltable_rows") as cursor:
            cursor.execute(scan.sql, scan.parameters)
            while not self._stopped.is_set() and (rows := cursor.fetchmany(_PAGE_ROWS)):
                columns = [list(column) for column in zip(*rows, strict=True)]
                size_bytes = size_bytes or len(repr(rows[:10])) * _PAGE_ROWS // 10
                with self._lock:
                    kept = self._spool.has_room(size_bytes)
                    self._pages.put(partial(_itself, columns) if kept else self._spool.store(columns))


def _itself(columns: Columns) -> Columns:
    return columns
