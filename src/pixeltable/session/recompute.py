"""Computing stored cells again: all of a column, those that failed, those that a filter keeps."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord, referred_columns
from pixeltable.exceptions import Error, InvalidArgument, JobCancelled, Unsupported
from pixeltable.exec.batch import Batch, joined_batch
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import evaluate_batches
from pixeltable.exec.tally import Tally
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.operators import And, IsNull, Not
from pixeltable.exprs.properties import CellProperty
from pixeltable.plan.bind import bind
from pixeltable.session.change import resolved_filter, retrying, write_change
from pixeltable.session.codes import stamp_of
from pixeltable.session.compute import Computation, cell_failure, plan_computation
from pixeltable.session.entries import cells_of, failure_count
from pixeltable.session.found_rows import FoundRows, matching_rows, written_heaps
from pixeltable.session.receipts import receipt
from pixeltable.session.session import Session
from pixeltable.session.view_changes import RowsAfter, cascaded, inputs_of_views, view_changes
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Change, Counts, Entries, RowsChanged, Seen
from pixeltable.types.status import RowCountStats, UpdateStatus

_PART_S = 20.0
"""Work is committed when so much time went into it, so that not all is lost if the process dies."""

_FIRST_BATCH = 64
_SHORTER = 16
"""How much shorter parts, and the first batch, get where another writer changed rows of one before it was written."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What to compute again: columns by name, in the rows that `where` keeps, only failed cells if so wished.

    `rows` are the ids of the only rows looked at; then what is remembered of other calls of the same code is used.
    With `abort` a cell that fails ends it.
    """

    columns: tuple[str, ...]
    where: Any = None
    errors_only: bool = False
    cascade: bool = True
    rows: Sequence[int] | None = None
    abort: bool = False


@dataclass(frozen=True, slots=True)
class _Targets:
    """The columns of a selection with what depends on them, the stored columns these are computed from, and indexes."""

    named: tuple[ColumnRecord, ...]
    columns: tuple[ColumnRecord, ...]
    indexes: tuple[IndexRecord, ...]
    inputs: tuple[ColumnRecord, ...]
    heaps: tuple[Heap, ...]


def recompute(session: Session, table_id: int, name: str, selection: Selection, *, tally: Tally) -> UpdateStatus:
    """Compute cells again; a cell that fails becomes null with an error.

    What takes long is committed in parts, a version each, and so is what is done when it is stopped. Rows that are
    inserted meanwhile have their cells already.

    Raises:
        CellFailure: a cell failed, and the selection says `abort`; the parts committed until then stay.
        RequestError: a column is not computed, or not stored.
        ConcurrencyError: other writers kept changing the same rows; the parts committed until then stay.
    """
    work = _Recompute(session, selection, tally)
    return retrying(session, table_id, name, work.run)


class _Recompute:
    """The state of one recomputation, which outlives a try that met another writer."""

    def __init__(self, session: Session, selection: Selection, tally: Tally) -> None:
        self._session = session
        self._selection = selection
        self._tally = tally
        self._before = tally.rows
        self._start = time.perf_counter()
        self._after: int | None = None
        self._rows = 0
        self._shortened = 1
        self._failed = 0
        self._failing: dict[str, None] = {}
        self._cascaded = RowCountStats()

    def run(self, table: TableRecord) -> UpdateStatus:
        """Compute what is left of the rows, and write it part by part.

        Raises:
            RowsChanged: another writer changed rows of the first part; the next one is shorter.
        """
        while True:
            written = self._rows
            try:
                return self._run(table)
            except RowsChanged:
                self._shortened *= _SHORTER
                if self._rows == written:
                    raise

    def _run(self, table: TableRecord) -> UpdateStatus:
        targets = _targets(table, self._selection)
        where = _rows_wanted(self._session, table, self._selection, targets)
        context = self._session.context.counting(self._tally)
        computation = plan_computation(
            table, targets.columns, targets.indexes, context, abort=False,
            anew=targets.named if self._selection.rows is None else (),
        )  # fmt: skip
        has_views = bool(self._session.catalog.views_of(table.id))
        wanted = inputs_of_views(self._session.catalog, table) - {column.id for column in targets.columns}
        wanted |= {column.id for column in targets.inputs}
        refs = [table.ref(column) for column in table.known_columns if column.id in wanted]
        found = matching_rows(
            self._session, table, refs,
            where=where, heaps=targets.heaps, after=self._after, rows=self._selection.rows,
        )  # fmt: skip
        self._tally.total = self._before + self._rows + len(found.rows)
        part = _Part(found, targets.heaps)
        pace = Pace(self._session.settings.batch_size, first=max(1, _FIRST_BATCH // self._shortened))
        inputs = _only(found.batch, refs)
        try:
            with closing(evaluate_batches(_batches(inputs, pace), computation.goals)) as batches:
                for batch in batches:
                    part.add(batch, computation.entries(batch, []), keep=has_views)
                    self._count(table, targets, computation, batch)
                    pace.done(batch.count)
                    if part.seconds > _PART_S / self._shortened:
                        self._write(table, targets, computation, part)
        except (JobCancelled, KeyboardInterrupt):
            with suppress(RowsChanged, Error):  # that it was stopped is what is told
                self._write(table, targets, computation, part)
            raise
        self._write(table, targets, computation, part)
        return self._status(table, targets)

    def _count(self, table: TableRecord, targets: _Targets, computation: Computation, batch: Batch) -> None:
        failed = failure_count(computation.cells(batch))
        self._failed += failed
        self._tally.advance(batch.count, failed=failed)
        for column in targets.columns:
            cells = cells_of(batch, table, column)
            if column.status == "ready" and cells.failures:
                if self._selection.abort:
                    raise cell_failure(column.name, cells)
                self._failing[column.name] = None

    def _write(self, table: TableRecord, targets: _Targets, computation: Computation, part: "_Part") -> None:
        change, failed, batch = part.take()
        if change.rows:
            touched = frozenset(column.id for column in targets.columns)
            context = self._session.context.counting(self._tally)
            after = None if batch is None else RowsAfter(change.rows, batch, touched)
            views = [] if after is None else view_changes(self._session, table, [after], context)
            stamp = stamp_of(self._session, table, computation.columns, computation.indexes)
            counts = Counts(updates=len(change.rows), errors=failed, stamp=stamp)
            done = write_change(self._session, table, change, counts, views)
            self._tally.versions.append(done.version)
            self._cascaded += cascaded(done.views)
            self._rows += len(change.rows)
            self._after = change.rows[-1]

    def _status(self, table: TableRecord, targets: _Targets) -> UpdateStatus:
        visible = [column for column in targets.columns if column.status == "ready"]
        stats = RowCountStats(upd_rows=self._rows, num_excs=self._failed, computed_values=self._rows * len(visible))
        return receipt(
            self._tally, self._start, stats, cascade=self._cascaded,
            updated_cols=[f"{table.name}.{column.name}" for column in visible] if self._rows else [],
            cols_with_excs=[f"{table.name}.{name}" for name in self._failing],
        )  # fmt: skip


def _only(found: Batch, refs: Sequence[ColumnRef]) -> Batch:
    """The batch without what only the filter has read: cells that are to be computed again may be among it."""
    inputs = Batch(found.count)
    for ref in refs:
        cells = found.get(ref)
        assert cells is not None
        inputs.put(ref, cells)
    return inputs


def _batches(found: Batch, pace: Pace) -> Iterator[Batch]:
    start = 0
    pace.begin()
    while start < found.count:
        stop = min(start + pace.size, found.count)
        yield found.take(range(start, stop))
        start = stop


class _Part:
    """Batches that are computed and not written yet, of rows in the order in which they were found."""

    def __init__(self, found: FoundRows, heaps: Sequence[Heap]) -> None:
        self._found = found
        self._heaps = heaps
        self._first = 0
        self._done: list[tuple[int, list[Entries], Batch | None]] = []
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long ago the part was begun."""
        return time.perf_counter() - self._start

    def add(self, batch: Batch, entries: list[Entries], *, keep: bool) -> None:
        """The next rows, computed; the batch is wanted again if it is to be kept."""
        self._done.append((batch.count, entries, batch if keep else None))  # at once, since it may be interrupted

    def take(self) -> tuple[Change, int, Batch | None]:
        """What is to be written, how many rows of it have errors, and all batches kept; the part is empty then."""
        done, self._done = self._done, []
        part = slice(self._first, self._first + sum(count for count, _, _ in done))
        rows = self._found.rows[part]
        seen = tuple(Seen(seen.heap, seen.rows[part], seen.ops[part]) for seen in self._found.seen)
        written = [entries for _, entries, _ in done]
        entries = tuple(merged for heap in self._heaps if (merged := _merged(heap, written)) is not None)
        closed = tuple(heap for heap in self._heaps if all(entry.heap != heap for entry in entries))
        failed = sum(error is not None for entry in entries for error in entry.errors or ())
        kept = [batch for _, _, batch in done if batch is not None]
        self._first = part.stop
        self._start = time.perf_counter()
        return Change(rows, seen, entries, closed=closed), failed, joined_batch(kept) if kept else None


def _merged(heap: Heap, batches: Sequence[Sequence[Entries]]) -> Entries | None:
    """The entries of all batches for one heap; None if a batch has none: all of its rows are left to a backfill."""
    found = [entry for entries in batches for entry in entries if entry.heap == heap]
    if len(found) < len(batches) or not found:
        return None
    cells = tuple([cell for entry in found for cell in entry.cells[i]] for i in range(len(found[0].columns)))
    errors = None
    if any(entry.errors is not None for entry in found):
        errors = [text for entry in found for text in entry.errors or [None] * len(entry.cells[0])]
    return Entries(heap, found[0].columns, cells, errors)


def _targets(table: TableRecord, selection: Selection) -> _Targets:
    named = check_selection(table, selection)
    ids = frozenset(column.id for column in named)
    dependents = table.dependents(ids) if selection.cascade else ()
    reached = ids | {column.id for column in dependents}
    columns = tuple(column for column in table.columns if column.id in reached and column.heap is not None)
    needed: set[int] = set()
    for column in columns:
        assert column.expr is not None
        needed |= referred_columns(bind(column.expr, table, role=f"column {column.name!r}"))
    indexes = tuple(index for index in table.indexes if index.column in reached)
    inputs = tuple(column for column in table.known_columns if column.id in needed - reached)
    heaps = (*written_heaps(table, columns), *(table.heap(index.id) for index in indexes))
    return _Targets(named, columns, indexes, inputs, heaps)


def check_selection(table: TableRecord, selection: Selection) -> tuple[ColumnRecord, ...]:
    """The columns named, which are all computed and stored.

    Raises:
        UnknownColumn, Unsupported, InvalidArgument: one is not, or there are too many.
    """
    named = tuple(_computed_column(table, name) for name in selection.columns)
    if selection.errors_only and len(named) != 1:
        raise InvalidArgument("recompute_columns(errors_only=True) takes exactly one column", hint="Call it for each.")
    return named


def _computed_column(table: TableRecord, name: str) -> ColumnRecord:
    column = table.own_column(name)
    if table.view is not None and table.view.makes(column.id):
        hint = "recompute_columns(errors_only=True) calls it again for rows that it failed for."
        raise Unsupported(f"column {name!r} comes from the iterator of view {table.path!r}", hint=hint)
    if column.expr is None:
        raise Unsupported(f"column {name!r} is not computed, so it cannot be recomputed", hint="Use update().")
    if column.heap is None:
        raise Unsupported(f"column {name!r} is not stored: it is computed whenever it is read")
    return column


def _rows_wanted(session: Session, table: TableRecord, selection: Selection, targets: _Targets) -> Expr | None:
    where = resolved_filter(session, table, selection.where)
    if not selection.errors_only:
        return where
    failed = Not(IsNull(CellProperty(table.ref(targets.named[0]), "errortype")))
    return failed if where is None else And((failed, where))
