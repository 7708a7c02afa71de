"""Filling a new heap for the rows a table has: in batches, resumable, with nothing held while user code runs.

From the moment a target is registered, writers fill it for the rows they touch; what is done here is the rest. Each
part is read, computed and appended in a short transaction. If the table's version is then still the one that was read,
nothing needs checking; else only rows are appended whose inputs are still the entries that were read.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord, referred_columns
from pixeltable.exceptions import InvalidState, SchemaChanged
from pixeltable.exec.ahead import WriteBehind, ahead
from pixeltable.exec.batch import NOT_RUN, Batch, Column
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import Goal, evaluate_batches, run_elsewhere
from pixeltable.exec.tally import Tally
from pixeltable.exprs.call import Call
from pixeltable.plan.bind import bind
from pixeltable.plan.planner import plan_rows
from pixeltable.session.change import FoundRows, read_rows
from pixeltable.session.compute import cell_failure, column_goal, index_goal
from pixeltable.session.entries import error_texts, vector_entries
from pixeltable.session.session import Session
from pixeltable.session.target_jobs import Filled, read_head_op
from pixeltable.storage.cells import cell_texts
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries, Seen, copy_entries

_FIRST_BATCH = 64
_LOOK_S = 0.05
_FIRST_PAGE = 256
_LARGEST_PAGE = 20_000
_PAGE_BYTES = 16 * 2**20
"""Pages are read in one go; how long their rows are shows with the first, which is small."""

_WRITE_S = 0.2
"""What was computed is written so often: that much, and the batch under way, is lost in a crash."""

_COUNTS, _COUNT_AGAIN_S = 50, 0.02
"""How often it is tried to count the rows to do, which cannot be told while some are being written."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Rows as they were read, and the operation that had made the table's version, at the latest when they were."""

    found: FoundRows
    head_op: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a page that were computed together, from its row `start` on."""

    page: _Page
    start: int
    cells: Column

    def follows(self, other: "_Part") -> bool:
        """Whether its rows come right after those of another part of the same page."""
        return self.page is other.page and self.start == other.start + len(other.cells.values)


def fill(session: Session, job: JobRecord, name: str, *, abort: bool, tally: Tally) -> Filled:
    """Compute the entries that are missing; the caller owns the job.

    While a batch is computed, the next page is read and what was computed before is written.

    Raises:
        CellFailure: a cell failed and `abort` is set; what was computed until then is kept.
    """
    return _Filling(session, job, name, abort, tally).run()


class _Filling:
    """Pages of rows are read, batches of them computed, and parts of them written: each of the size that suits it."""

    def __init__(self, session: Session, job: JobRecord, name: str, abort: bool, tally: Tally) -> None:
        self._session = session
        self._job = job
        self._name = name
        self._abort = abort
        self._tally = tally
        tally.count_total = self._count_total
        self._goal = _goal(session, job, name, tally)
        look_s = _LOOK_S if run_elsewhere([self._goal]) else 0.0
        self._pace = Pace(session.settings.batch_size, first=_first_batch(self._goal), look_s=look_s)
        self._origins: dict[Batch, tuple[_Page, int]] = {}
        self._computed: list[_Part] = []
        self._head_ops: set[int] = set()
        self._written = time.perf_counter()
        self._writing = WriteBehind()
        self._put = self._appended = 0
        """Rows that were given to be written, and those of them that are."""

    def run(self) -> Filled:
        """Fill what is missing."""
        filled = Filled(0, 0)
        with self._writing:
            try:
                with closing(evaluate_batches(self._batches(), [self._goal], salvage=self._keep)) as batches:
                    for batch in batches:
                        cells = self._take_in(batch, first=filled.rows)
                        filled = Filled(filled.rows + batch.count, filled.failed + len(cells.failures))
            finally:
                self._write()  # finished work is kept, however this ends
        return replace(filled, head_op=self._head_ops.pop() if len(self._head_ops) == 1 else None)

    def _take_in(self, batch: Batch, *, first: int) -> Column:
        cells = self._keep(batch)
        if self._abort and cells.failures:
            raise cell_failure(self._job.target, cells, first=first)
        self._pace.done(batch.count)
        self._tally.advance(batch.count, failed=len(cells.failures))
        if time.perf_counter() - self._written > _WRITE_S:
            self._write()
        return cells

    def _keep(self, batch: Batch) -> Column:
        """Have the cells of a batch written, next time."""
        part = _Part(*self._origins.pop(batch), _cells(self._goal, batch))
        if self._computed and not part.follows(self._computed[-1]):
            self._write()
        self._computed.append(part)
        return part.cells

    def _write(self) -> None:
        self._writing.wait()  # before anything is taken: what is interrupted here is written later
        self._written = time.perf_counter()
        parts, self._computed = self._computed, []
        if parts:
            self._put += sum(len(part.cells.values) for part in parts)
            self._writing.put(self._append, parts, self._put)

    def _append(self, parts: "Sequence[_Part]", put: int) -> None:
        _append(self._session, self._job, self._name, parts, self._abort)
        self._appended = put

    def _count_total(self) -> int | None:
        """Rows this run has to do in all; None if rows were being written whenever it was looked."""
        for _ in range(_COUNTS):
            put = self._put
            if put == self._appended:
                lacking = _rows_lacking(self._session, self._job, self._name)
                if put == self._put:
                    return put + lacking
            time.sleep(_COUNT_AGAIN_S)
        return None

    def _batches(self) -> Generator[Batch]:
        with closing(ahead(self._pages())) as pages:
            for page in pages:
                self._pace.begin()
                yield from self._batches_of(page)

    def _batches_of(self, page: _Page) -> Iterator[Batch]:
        whole, start = page.found.batch, 0
        while start < whole.count:
            stop = min(start + self._pace.size, whole.count)
            batch = whole if stop - start == whole.count else whole.take(range(start, stop))
            self._origins[batch] = (page, start)
            yield batch
            start = stop

    def _pages(self) -> Generator[_Page]:
        """The rows that lack an entry, in the order of their ids."""
        after, size = None, min(_FIRST_PAGE, self._session.settings.batch_size)
        while True:
            table = _table_with_target(self._session, self._job, self._name)
            try:
                page = _read(self._session, table, self._job, after, size)
            except SchemaChanged:
                self._session.refresh()
                continue
            self._head_ops.add(page.head_op)
            if not page.found.rows:
                return
            yield page
            if len(page.found.rows) < size:
                return  # of rows that came since, their writers filled the entries
            after = page.found.rows[-1]
            row_bytes = max(1, page.found.batch.size_bytes // len(page.found.rows))
            size = min(_LARGEST_PAGE, _PAGE_BYTES // row_bytes + 1) if size >= _FIRST_PAGE else size


def _rows_lacking(session: Session, job: JobRecord, name: str) -> int:
    """How many rows have no entry yet."""
    rows = _table_with_target(session, job, name).row_heap.current
    statement = f"SELECT (SELECT count(*) FROM {rows}) - (SELECT count(*) FROM {job.heap.current})"
    with session.database.connection() as connection, connection.transaction():  # no server is revived for this
        connection.execute("SET LOCAL statement_timeout = '10s'")  # to know it is not worth more
        row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def _first_batch(goal: Goal) -> int:
    """Few rows, until it shows how long they take: those of a batch that is interrupted in this thread are lost."""
    if run_elsewhere([goal]):
        return _FIRST_BATCH
    calls = [node for node in goal.expr.walk() if isinstance(node, Call)]
    return max([1, *(goal.context.find(call.function).batch_size or 1 for call in calls)])


def _cells(goal: Goal, batch: Batch) -> Column:
    cells = batch.column(goal.key)
    assert cells is not None
    return cells


def _goal(session: Session, job: JobRecord, name: str, tally: Tally) -> Goal:
    table = _table_with_target(session, job, name)
    context = replace(session.context.counting(tally), job=f"job {job.id}")
    if job.column is not None:
        return column_goal(table, job.column, context, abort=False)
    assert job.index is not None
    return index_goal(table, job.index, context)


def _table_with_target(session: Session, job: JobRecord, name: str) -> TableRecord:
    """The table as last seen, or as it is now if that lacks the target.

    Raises:
        InvalidState: the target was taken out of the table.
    """
    table = session.table(job.table_id, name)
    if _target(table, job) is None:
        table = session.refresh().table(job.table_id, name=name)
    if _target(table, job) is not None:
        return table
    raise InvalidState(f"{job.target!r} was removed from table {name!r} while it was being filled")


def _target(table: TableRecord, job: JobRecord) -> ColumnRecord | IndexRecord | None:
    if job.column is not None:
        return table.column_by_id(job.column.id)
    return next((index for index in table.indexes if job.index and index.id == job.index.id), None)


def _input_columns(table: TableRecord, job: JobRecord) -> set[int]:
    """The stored columns that a target is computed from."""
    if job.column is not None:
        assert job.column.expr is not None
        return referred_columns(bind(job.column.expr, table, role=f"column {job.column.name!r}"))
    assert job.index is not None
    return {job.index.column}


def _read(session: Session, table: TableRecord, job: JobRecord, after: int | None, size: int) -> _Page:
    head_op = session.database.read(lambda connection: read_head_op(connection, table))
    inputs = _input_columns(table, job)
    plan = plan_rows(
        table,
        [table.ref(column) for column in table.columns if column.id in inputs],
        lacking=job.heap,
        after=after,
        limit=size,
        pushdown=session.pushdown,
    )
    return _Page(read_rows(session, table, plan), head_op)


def _append(session: Session, job: JobRecord, name: str, parts: "Sequence[_Part]", abort: bool) -> None:
    """Write rows of one page, without those that were not computed; under `abort` not those that failed either.

    The next run computes them.

    A schema that changed meanwhile costs another try, but no call.
    """
    found, cells = _joined(parts)
    left_out = {row for row, failure in cells.failures.items() if abort or failure is NOT_RUN}
    kept = [row for row in range(len(cells.values)) if row not in left_out]
    if not kept:
        return
    rows = [found.rows[place] for place in kept]
    entries = _entries(session, job, name, cells)
    if len(kept) < len(found.rows):
        errors = None if entries.errors is None else [entries.errors[i] for i in kept]
        entries = replace(entries, texts=tuple([texts[i] for i in kept] for texts in entries.texts), errors=errors)

    def write(connection: Connection, table: TableRecord) -> bool:
        with connection.transaction():
            # On disk with the commit that puts the target in service, at the latest; there is nothing to wait for yet.
            connection.execute("SET LOCAL synchronous_commit = off")
            if _locked_head_op(connection, table) == parts[0].page.head_op:
                copy_entries(connection, entries, rows, job.op)
            else:
                _append_checked(connection, job, found, entries, kept)
        return True

    def attempt() -> bool:
        table = _table_with_target(session, job, name)
        return session.database.attempt(
            lambda connection: write(connection, table),
            recall=lambda connection: _is_written(connection, job.heap, rows[0]),
        )

    session.replanning(attempt)


def _joined(parts: "Sequence[_Part]") -> tuple[FoundRows, Column]:
    """The rows of successive parts of a page as one, with their cells."""
    page = parts[0].page.found
    span = slice(parts[0].start, parts[-1].start + len(parts[-1].cells.values))
    seen = tuple(Seen(seen.heap, page.rows[span], seen.ops[span]) for seen in page.seen)
    cells = Column([])
    for part in parts:
        first = len(cells.values)
        cells.values.extend(part.cells.values)
        cells.failures.update({first + row: failure for row, failure in part.cells.failures.items()})
    return FoundRows(page.rows[span], seen, page.batch), cells


def _entries(session: Session, job: JobRecord, name: str, cells: Column) -> Entries:
    if job.column is not None:
        names = (job.column.db_name,)
        texts = cell_texts(job.column.type, cells.values)
        return Entries(job.heap, names, (texts,), error_texts(names, [cells], len(cells.values)))
    assert job.index is not None
    return vector_entries(_table_with_target(session, job, name), job.index, cells)


def _is_written(connection: Connection, heap: Heap, row: int) -> bool | None:
    """After a lost connection: whether a batch that begins with `row` was committed."""
    found = connection.execute(f"SELECT 1 FROM {heap.current} WHERE row = %s", (row,)).fetchone()
    return True if found else None


def _locked_head_op(connection: Connection, table: TableRecord) -> int:
    """As `read_head_op`; the head stays as it is until the caller's transaction ends."""
    connection.execute("SELECT 1 FROM pixeltable.heads WHERE table_id = %s FOR UPDATE", (table.id,))
    return read_head_op(connection, table)


def _append_checked(
    connection: Connection, job: JobRecord, found: FoundRows, entries: Entries, kept: list[int]
) -> None:
    """Row by row: those whose inputs are what was read, and which have no entry by now."""
    rows = [found.rows[place] for place in kept]
    columns = [*entries.texts, *([entries.errors] if entries.errors is not None else [])]
    names = [*entries.columns, *(["errors"] if entries.errors is not None else [])]
    types = [entries.heap.column(name).sql_type for name in entries.columns] + ["jsonb"]
    inputs = [seen for seen in found.seen if seen.heap != job.heap]
    sources = [f"u{i}" for i in range(len(columns))] + [f"seen{i}" for i in range(len(inputs))]
    arrays = ["%s::text[]"] * len(columns) + ["%s::bigint[]"] * len(inputs)
    joins = " ".join(
        f"JOIN {seen.heap.current} h{i} ON h{i}.row = u.row AND h{i}.op_in = u.seen{i}" for i, seen in enumerate(inputs)
    )
    casts = "".join(f", u.u{i}::{types[i]}" for i in range(len(columns)))
    statement = (
        f"INSERT INTO {entries.heap.current} (row, op_in{''.join(f', {name}' for name in names)}) "
        f"SELECT u.row, %s{casts} "
        f"FROM unnest({', '.join(['%s::bigint[]', *arrays])}) AS u({', '.join(['row', *sources])}) "
        f"{joins} WHERE NOT EXISTS (SELECT 1 FROM {entries.heap.current} e WHERE e.row = u.row)"
    )
    seen_ops = [[seen.ops[place] for place in kept] for seen in inputs]
    connection.execute(statement, [job.op, rows, *columns, *seen_ops])
