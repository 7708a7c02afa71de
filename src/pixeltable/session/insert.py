"""Inserting rows: check, compute with nothing held, then write everything in one short transaction."""

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import Unsupported
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import evaluate_batches
from pixeltable.exec.tally import Tally
from pixeltable.session.cascade import Cascade, cascade_of
from pixeltable.session.codes import stamp_of
from pixeltable.session.compute import Computation, plan_computation
from pixeltable.session.entries import cells_of, failure_count
from pixeltable.session.receipts import receipt
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.row_ids import decide_views, put_ids, take_ids
from pixeltable.session.rows import as_rows, check_distinct, gather
from pixeltable.session.session import Session
from pixeltable.session.transactions import Write, commit, kept
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.spool import Spool
from pixeltable.storage.writes import Committed, Entries, Piece, insert_rows
from pixeltable.types.status import RowCountStats, UpdateStatus

_FIRST_BATCH = 256
_PIECE = 10_000
"""Rows that are made ready together where nothing is computed, while the server takes in those before them."""


def insert(
    session: Session,
    table_id: int,
    name: str,
    source: Iterable[Any],
    *,
    on_error: str,
    return_rows: bool,
    tally: Tally,
) -> UpdateStatus:
    """Insert rows with their computed cells and vectors; what returns is durable.

    Raises:
        RequestError: the rows do not fit the table, or a cell failed and `on_error` is 'abort'; nothing was written.
    """
    start = time.perf_counter()
    rows = as_rows(source)
    tally.total = len(rows)
    held: list[Batch] = []  # they outlive a try that met a schema change: what is in them is not computed again
    defined: list[tuple[int, ...]] = []
    ids: list[int] = []  # neither are they taken again: what is held may know which of the rows a sample chooses

    def attempt() -> UpdateStatus:
        table = session.table(table_id, name)
        if table.view is not None:
            raise Unsupported(f"{table.path!r} is a view, and gets its rows from its base", hint="Insert into that.")
        values = gather(session, table, rows)
        _check_keys(table, values)
        context = session.context.counting(tally)
        computation = plan_computation(table, table.columns, table.indexes, context, abort=on_error == "abort")
        with kept(Spool(session.settings.memory_mb * 2**20)) as spool:
            _forget_redefined(held, defined, [table, *session.catalog.views_of(table.id)])
            cascade = cascade_of(session, table, context, spool, abort=on_error == "abort")
            if not ids and decide_views(session.catalog, table):
                ids.extend(take_ids(session, len(rows)))
            work = _Insert(table, computation, len(rows), values, spool, held, cascade, keep=return_rows, ids=ids)
            pieces = work.prepare(session, tally)
            _write(session, table, work, pieces, len(rows))
            stats = RowCountStats(
                ins_rows=len(rows), num_excs=work.failed, computed_values=len(rows) * len(work.visible)
            )
            return receipt(
                tally, start, stats,
                cascade=cascade.stats, cols_with_excs=[f"{table.name}.{column}" for column in work.failing],
                rows=work.stored_rows() if return_rows else None,
            )  # fmt: skip

    return session.replanning(attempt)


def _forget_redefined(held: list[Batch], defined: list[tuple[int, ...]], tables: Sequence[TableRecord]) -> None:
    """Give up what was computed, if a column has got another definition since."""
    now = tuple(column.redefined for table in tables for column in table.columns if column.redefined)
    if defined and defined[-1] != now:
        held.clear()
    defined.append(now)


def _check_keys(table: TableRecord, values: dict[int, list[Any]]) -> None:
    """Duplicates within the rows, before anything is computed; those against the table are the database's to find."""
    key = [values[column.id] for column in table.primary_key if column.id in values]
    if len(key) != len(table.primary_key) or not key:
        return
    check_distinct([column.name for column in table.primary_key], key, table=table.path)


@dataclass(slots=True)
class _Insert:
    """The rows of one insert on their way: given values, batches that are computed, pieces that are written."""

    table: TableRecord
    computation: Computation
    count: int
    values: dict[int, list[Any]]
    spool: Spool
    held: list[Batch]
    cascade: Cascade
    keep: bool
    """Whether all batches are held to the end, whatever memory they take."""
    ids: Sequence[int]
    """The ids of the rows, none if they get them when they are written."""
    failed: int = 0
    failing: dict[str, None] = field(default_factory=dict)
    """Names of columns with failed cells, in their order."""

    @property
    def given(self) -> list[ColumnRecord]:
        return [column for column in self.table.columns if column.id in self.values]

    @property
    def visible(self) -> list[ColumnRecord]:
        """The computed columns that users see."""
        return [column for column in self.computation.columns if column.status == "ready"]

    def prepare(self, session: Session, tally: Tally) -> list[Piece]:
        """Compute all batches; a piece to write for each."""
        pace = Pace(session.settings.batch_size, first=_FIRST_BATCH)
        pieces = []
        with closing(evaluate_batches(self._batches(pace), self.computation.goals)) as batches:
            for batch in batches:
                pieces.append(self._piece(batch))
                pace.done(batch.count, size_bytes=batch.size_bytes if self.computation.goals else 0)
                tally.advance(batch.count, failed=failure_count(self.computation.cells(batch)))
        return pieces

    def _batches(self, pace: Pace) -> Iterator[Batch]:
        """The rows in batches; those of an earlier try come first."""
        count = self.count
        held, self.held[:] = [*self.held], []
        pace.begin()
        start = 0
        while start < count:
            if held and held[0].first == start:
                batch = held.pop(0)
            else:
                size = pace.size if self.computation.goals else _PIECE
                batch = Batch(min(size, count - start), first=start)
                held = []
            stop = start + batch.count
            if self.ids:
                put_ids(batch, self.table, self.ids[start:stop])
            for column in self.given:
                values = self.values[column.id]
                whole = batch.count == count
                batch.put(self.table.ref(column), Column(values if whole else values[start:stop]))
            yield batch
            start = stop

    def _piece(self, batch: Batch) -> Piece:
        computed = self.computation.cells(batch)
        failed = failure_count(computed)
        self.failed += failed
        for column in self.visible:
            if cells_of(batch, self.table, column).failures:
                self.failing[column.name] = None
        views = self.cascade.pieces(batch)
        if self.keep or not self.computation.goals or self.spool.has_room(batch.size_bytes):
            self.held.append(batch)
            return Piece(batch.count, partial(self._entries, batch), bool(failed), views)
        stored = {heap.id: self.spool.store(self._entries(batch, heap)) for heap in self.table.heaps}
        return Piece(batch.count, lambda heap: stored[heap.id](), bool(failed), views)

    def _entries(self, batch: Batch, heap: Heap) -> Entries | None:
        return self.computation.row_entries(batch, heap, self.given)

    def stored_rows(self) -> list[dict[str, Any]]:
        """The rows as they are stored, without what nobody sees yet."""
        stored = [column for column in self.table.ready_columns if column.heap is not None]
        rows: list[dict[str, Any]] = []
        for batch in self.held:
            cells = {column.name: cells_of(batch, self.table, column).values for column in stored}
            rows += [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
        return rows


def _write(session: Session, table: TableRecord, work: _Insert, pieces: Sequence[Piece], count: int) -> Committed:
    token = uuid.uuid4()
    stamp = stamp_of(session, table, work.computation.columns, work.computation.indexes)
    views = work.cascade.targets(session)

    def once(connection: Connection) -> Committed:
        with refusals_explained(table, session.catalog.views_of(table.id)):
            return insert_rows(
                connection, table.target, table.heaps, pieces, errors=work.failed, token=token, stamp=stamp,
                views=views, rows=work.ids or None,
            )  # fmt: skip

    return commit(session, Write(table, once, token, [(table, count), *work.cascade.growth]))
