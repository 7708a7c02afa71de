"""Filling a new heap for the rows a table has: in batches, resumable, with nothing held while user code runs.

From the moment a target is registered, writers fill it for the rows they touch; what is done here is the rest. Each
part is read, computed and appended in a short transaction. If the table's version is then still the one that was read,
nothing needs checking; else only rows are appended whose inputs are still the entries that were read.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import InvalidState, SchemaChanged
from pixeltable.exec.ahead import WriteBehind, ahead
from pixeltable.exec.batch import NOT_RUN, Batch, Column
from pixeltable.exec.context import Context
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import Goal, evaluate_batches, run_elsewhere
from pixeltable.exec.tally import Tally
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import nodes_in
from pixeltable.session.compute import cell_failure, column_goal, index_goal
from pixeltable.session.heads import Head, lock_head, ops_since
from pixeltable.session.pages import Begun, Page, PageReader, Part, batches_of, joined, target_entries
from pixeltable.session.session import Session
from pixeltable.session.target_jobs import Filled
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries, columns_as_arrays, copy_entries

_FIRST_BATCH = 64
_LOOK_S = 0.05
_FIRST_PAGE = 256
_LARGEST_PAGE = 20_000
_PAGE_BYTES = 16 * 2**20
"""Pages are read in one go; how long their rows are shows with the first, which is small."""

WRITE_S = 0.2
"""What was computed is written so often: that much, and the batch under way, is lost in a crash."""

_COUNTS, _COUNT_AGAIN_S = 50, 0.02
"""How often it is tried to count the rows to do, which cannot be told while some are being written."""


def fill(
    session: Session, job: JobRecord, name: str, *, abort: bool, tally: Tally, begun: Begun | None = None
) -> Filled:
    """Compute the entries that are missing, but for those that are `begun`; the caller owns the job.

    While a batch is computed, the next page is read and what was computed before is written.

    Raises:
        CellFailure: a cell failed and `abort` is set; what was computed until then is kept.
    """
    return _Filling(session, job, name, abort, tally).run(begun or Begun())


class _Filling:
    """Pages of rows are read, batches of them computed, and parts of them written: each of the size that suits it."""

    def __init__(self, session: Session, job: JobRecord, name: str, abort: bool, tally: Tally) -> None:
        self._session = session
        self._job = job
        self._name = name
        self._abort = abort
        self._tally = tally
        tally.count_total = self._count_total
        self._goal = target_goal(_table_with_target(session, job, name), job, session.context.counting(tally))
        look_s = _LOOK_S if run_elsewhere([self._goal]) else 0.0
        self._pace = Pace(session.settings.batch_size, first=_first_batch(self._goal), look_s=look_s)
        self._origins: dict[Batch, tuple[Page, int]] = {}
        self._computed: list[Part] = []
        self._heads: set[Head] = set()
        self._written = time.perf_counter()
        self._writing = WriteBehind()
        self._put = self._appended = 0
        """Rows that were given to be written, and those of them that are."""

    def run(self, begun: Begun) -> Filled:
        """Fill what is missing."""
        self._tally.prepared()
        filled = Filled(begun.rows, begun.failed)
        self._computed.extend(begun.parts)
        self._heads.update(part.page.head for part in begun.parts)
        with self._writing:
            try:
                if begun.error is not None:
                    raise begun.error
                self._write()
                self._writing.wait()  # else the first page would have these rows again
                with closing(evaluate_batches(self._batches(), [self._goal], salvage=self._keep)) as batches:
                    for batch in batches:
                        cells = self._take_in(batch, first=filled.rows)
                        filled = Filled(filled.rows + batch.count, filled.failed + len(cells.failures))
            finally:
                self._write()  # finished work is kept, however this ends
        return replace(filled, head=self._heads.pop() if len(self._heads) == 1 else None)

    def _take_in(self, batch: Batch, *, first: int) -> Column:
        cells = self._keep(batch)
        if self._abort and cells.failures:
            raise cell_failure(self._job.target, cells, first=first)
        self._pace.done(batch.count)
        self._tally.advance(batch.count, failed=len(cells.failures))
        if time.perf_counter() - self._written > WRITE_S:
            self._write()
        return cells

    def _keep(self, batch: Batch) -> Column:
        """Have the cells of a batch written, next time."""
        part = Part(*self._origins.pop(batch), _cells(self._goal, batch))
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

    def _append(self, parts: Sequence[Part], put: int) -> None:
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
                for start, batch in batches_of(page, self._pace):
                    self._origins[batch] = (page, start)
                    yield batch

    def _pages(self) -> Generator[Page]:
        """The rows that lack an entry, in the order of their ids."""
        reader = PageReader(self._session, self._job, lacking=True)
        after, size = -1, min(_FIRST_PAGE, self._session.settings.batch_size)
        while True:
            table = _table_with_target(self._session, self._job, self._name)
            try:
                page = reader.read(table, after=after, limit=size)
            except SchemaChanged:
                self._session.refresh()
                continue
            self._heads.add(page.head)
            if not page.rows:
                return
            yield page
            if len(page.rows) < size:
                return  # of rows that came since, their writers filled the entries
            after = page.rows[-1]
            row_bytes = max(1, page.batch.size_bytes // len(page.rows))
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
    calls = [node for node in nodes_in(goal.expr) if isinstance(node, Call)]
    return max([1, *(goal.context.find(call.call_function).batch_size or 1 for call in calls)])


def _cells(goal: Goal, batch: Batch) -> Column:
    cells = batch.column(goal.key)
    assert cells is not None
    return cells


def target_goal(table: TableRecord, job: JobRecord, context: Context) -> Goal:
    """What computes the cells of a job's target."""
    context = replace(context, job=f"job {job.id}")
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


def _append(session: Session, job: JobRecord, name: str, parts: Sequence[Part], abort: bool) -> None:
    """Write rows of one page, without those that were not computed; under `abort` not those that failed either.

    The next run computes them.

    A schema that changed meanwhile costs another try, but no call.
    """
    page, (rows, cells) = parts[0].page, joined(parts)
    left_out = {row for row, failure in cells.failures.items() if abort or failure is NOT_RUN}
    kept = [place for place in range(len(rows)) if place not in left_out]
    if not kept:
        return
    entries = target_entries(_table_with_target(session, job, name), job, cells)
    if left_out:
        rows = [rows[place] for place in kept]
        errors = None if entries.errors is None else [entries.errors[i] for i in kept]
        entries = replace(entries, cells=tuple([cells[i] for i in kept] for cells in entries.cells), errors=errors)

    def write(connection: Connection, table: TableRecord) -> bool:
        with connection.transaction():
            # On disk with the commit that puts the target in service, at the latest; there is nothing to wait for yet.
            connection.execute("SET LOCAL synchronous_commit = off")
            if lock_head(connection, table) == page.head:
                copy_entries(connection, entries, rows, job.op)
            else:
                _append_checked(connection, table, job, page, entries, rows)
        return True

    def attempt() -> bool:
        table = _table_with_target(session, job, name)
        return session.database.attempt(
            lambda connection: write(connection, table),
            recall=lambda connection: _is_written(connection, job.heap, rows[0]),
        )

    session.replanning(attempt)


def _is_written(connection: Connection, heap: Heap, row: int) -> bool | None:
    """After a lost connection: whether a batch that begins with `row` was committed."""
    found = connection.execute(f"SELECT 1 FROM {heap.current} WHERE row = %s", (row,)).fetchone()
    return True if found else None


def _append_checked(
    connection: Connection, table: TableRecord, job: JobRecord, page: Page, entries: Entries, rows: list[int]
) -> None:
    """Row by row: those whose inputs are what was read, and which have no entry by now.

    An entry that is there was read, unless one of the operations since wrote it. Where the version that was read is
    itself gone nothing can be told, and nothing is written: the rows are read again.
    """
    since = ops_since(connection, table, page.head)
    if since is None:
        return
    names, casts, arrays, columns = columns_as_arrays(entries)
    sources = ["row", *(f"u{i}" for i in range(len(columns)))]
    joins = " ".join(
        f"{'' if heap == table.row_heap else 'LEFT '}JOIN {heap.current} h{i} ON h{i}.row = u.row"
        for i, heap in enumerate(page.inputs)
    )
    # A plain column that was added later has no entry as long as it is null.
    unchanged = "".join(f" AND (h{i}.row IS NULL OR h{i}.op_in <> ALL(%s))" for i in range(len(page.inputs)))
    statement = (
        f"INSERT INTO {entries.heap.current} (row, op_in{names}) "
        f"SELECT u.row, %s{casts} FROM unnest({', '.join(('%s::bigint[]', *arrays))}) AS u({', '.join(sources)}) "
        f"{joins} WHERE NOT EXISTS (SELECT 1 FROM {entries.heap.current} e WHERE e.row = u.row){unchanged}"
    )
    connection.execute(statement, [job.op, rows, *columns, *([since] * len(page.inputs))])
