"""Pages: rows of a table as they were read to compute a new heap's entries, and the entries made of them so far."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import TableRecord, referred_columns
from pixeltable.exceptions import SchemaChanged
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.pace import Pace
from pixeltable.lazy import psycopg
from pixeltable.plan.bind import bind
from pixeltable.plan.planner import PagePlan, plan_page
from pixeltable.session.entries import error_texts, vector_entries
from pixeltable.session.found_rows import stored_columns
from pixeltable.session.heads import Head, read_head
from pixeltable.session.session import Session
from pixeltable.storage.cells import stored_cells
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.fetching import fetch_columns
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries
from pixeltable.types.column_type import BoolType, DateType, FloatType, IntType, StringType, UUIDType

_KEPT_ROWS, _KEPT_BYTES = 20_000, 4 * 2**20
_KEPT_TYPES = (IntType, FloatType, BoolType, StringType, DateType, UUIDType)
"""Their values come back from the database exactly as they were computed."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, the columns read of them, the heaps these are in, and the table's head at the moment they were read."""

    rows: list[int]
    batch: Batch
    inputs: tuple[Heap, ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a page that were computed together, from its row `start` on."""

    page: Page
    start: int
    cells: Column

    def follows(self, other: "Part") -> bool:
        """Whether its rows come right after those of another part of the same page."""
        return self.page is other.page and self.start == other.start + len(other.cells.values)


@dataclass(frozen=True, slots=True)
class Begun:
    """What was computed before there was a job: successive parts of one page; `error` is what put an end to that."""

    parts: tuple[Part, ...] = ()
    error: BaseException | None = None

    @property
    def rows(self) -> int:
        """How many rows were computed."""
        return sum(len(part.cells.values) for part in self.parts)

    @property
    def failed(self) -> int:
        """How many of their cells failed."""
        return sum(len(part.cells.failures) for part in self.parts)


def batches_of(page: Page, pace: Pace) -> Iterator[tuple[int, Batch]]:
    """The rows of a page in batches that suit the pace, each with the place of its first row."""
    pace.begin()
    start = 0
    while start < page.batch.count:
        stop = min(start + pace.size, page.batch.count)
        yield start, page.batch if stop - start == page.batch.count else page.batch.take(range(start, stop))
        start = stop


def joined(parts: Sequence[Part]) -> tuple[list[int], Column]:
    """The rows of successive parts of a page, with their cells."""
    rows = parts[0].page.rows[parts[0].start : parts[-1].start + len(parts[-1].cells.values)]
    cells = Column([])
    for part in parts:
        first = len(cells.values)
        cells.values.extend(part.cells.values)
        cells.failures.update({first + row: failure for row, failure in part.cells.failures.items()})
    return rows, cells


class PageReader:
    """Reads pages of what a job's target is computed from; the statement is planned once for each schema."""

    def __init__(self, session: Session, job: JobRecord, *, lacking: bool) -> None:
        self._session = session
        self._job = job
        self._lacking = job.heap if lacking else None
        self._planned: tuple[TableRecord, PagePlan] | None = None

    def read(self, table: TableRecord, *, after: int, limit: int) -> Page:
        """Up to `limit` rows beyond the row `after`, in the order of their ids; those that lack an entry, if so wanted.

        Raises:
            SchemaChanged: the table has another schema by now.
        """
        plan = self._plan(table)
        parameters = plan.scan.parameters | {"after": after, "limit": limit}

        def read(connection: Connection) -> tuple[Head, list[list[Any]]]:
            width = 1 + len(plan.columns) + len(plan.failing)
            with snapshot(connection):
                head = read_head(connection, table)
                types = [ref.col_type for ref in plan.columns]
                return head, fetch_columns(connection, plan.scan.sql, parameters, width=width, types=types)

        try:
            head, (rows, *columns) = self._session.database.read(read)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            raise SchemaChanged(table.path) from None
        batch = Batch(len(rows))
        stored_columns(batch, plan.columns, plan.failing, columns)
        return Page(rows, batch, plan.heaps, head)

    def _plan(self, table: TableRecord) -> PagePlan:
        if self._planned is None or self._planned[0] is not table:
            inputs = _input_columns(table, self._job)
            refs = [table.ref(column) for column in table.known_columns if column.id in inputs]
            pushdown = self._session.pushdown
            self._planned = (table, plan_page(table, refs, lacking=self._lacking, pushdown=pushdown))
        return self._planned[1]


@dataclass(frozen=True, slots=True)
class LastPage:
    """All rows of a table as they were when a column was added to them, for the next column over the same cells."""

    table_id: int
    head: Head
    page: Page


def remember_page(session: Session, table: TableRecord, head: Head, page: Page) -> None:
    """Keep a page that holds all rows of a table, and a column just added, while nobody writes to it."""
    small = len(page.rows) <= _KEPT_ROWS and page.batch.size_bytes <= _KEPT_BYTES
    session.last_page = LastPage(table.id, head, page) if small else None


def recall_page(session: Session, table: TableRecord, job: JobRecord) -> Page | None:
    """All rows of a table with what a job's target is computed from, if that was kept and is still as it was."""
    last = session.last_page
    if last is None or last.table_id != table.id:
        return None
    inputs = [column for column in table.known_columns if column.id in _input_columns(table, job)]
    batch = Batch(len(last.page.rows))
    for column in inputs:
        cells = last.page.batch.get(table.ref(column))
        if cells is None or cells.failures or not isinstance(column.type, _KEPT_TYPES):
            return None
        batch.put(table.ref(column), cells)
    head = session.database.read(lambda connection: read_head(connection, table))
    heaps = tuple({table.row_heap, *(table.heap(column.heap) for column in inputs if column.heap is not None)})
    return Page(last.page.rows, batch, heaps, head) if head == last.head else None


def _input_columns(table: TableRecord, job: JobRecord) -> set[int]:
    """The stored columns that a target is computed from."""
    if job.column is not None:
        assert job.column.expr is not None
        return referred_columns(bind(job.column.expr, table, role=f"column {job.column.name!r}"))
    assert job.index is not None
    return {job.index.column}


def target_entries(table: TableRecord, job: JobRecord, cells: Column) -> Entries:
    """Cells of a job's target as they are written."""
    if job.column is not None:
        names = (job.column.db_name,)
        stored = stored_cells(job.column.type, cells.values)
        return Entries(job.heap, names, (stored,), error_texts(names, [cells], len(cells.values)))
    assert job.index is not None
    return vector_entries(table, job.index, cells)
