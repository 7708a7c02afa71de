"""Pages: rows of a table as they were read to compute a new heap's entries, and the entries made of them so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import TableRecord, referred_columns
from pixeltable.exceptions import SchemaChanged
from pixeltable.exec.batch import Batch, Column
from pixeltable.lazy import psycopg
from pixeltable.plan.bind import bind
from pixeltable.plan.planner import PagePlan, plan_page
from pixeltable.session.change import stored_columns
from pixeltable.session.entries import error_texts, vector_entries
from pixeltable.session.heads import Head, read_head
from pixeltable.session.session import Session
from pixeltable.storage.cells import cell_texts
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries


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

        def read(connection: Connection) -> tuple[Head, list[tuple[int, ...]]]:
            with snapshot(connection):
                head = read_head(connection, table)
                return head, connection.execute(plan.scan.sql, parameters).fetchall()

        try:
            head, fetched = self._session.database.read(read)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            raise SchemaChanged(table.path) from None
        columns = list(zip(*fetched, strict=True)) if fetched else [()] * (1 + len(plan.columns) + len(plan.failing))
        batch = Batch(len(fetched))
        stored_columns(batch, plan.columns, plan.failing, columns[1:])
        return Page(list(columns[0]), batch, plan.heaps, head)

    def _plan(self, table: TableRecord) -> PagePlan:
        if self._planned is None or self._planned[0] is not table:
            inputs = _input_columns(table, self._job)
            refs = [table.ref(column) for column in table.columns if column.id in inputs]
            pushdown = self._session.settings.sql_pushdown
            self._planned = (table, plan_page(table, refs, lacking=self._lacking, pushdown=pushdown))
        return self._planned[1]


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
        texts = cell_texts(job.column.type, cells.values)
        return Entries(job.heap, names, (texts,), error_texts(names, [cells], len(cells.values)))
    assert job.index is not None
    return vector_entries(table, job.index, cells)
