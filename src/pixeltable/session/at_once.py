"""Adding a computed column that takes no time: rows are read and computed, then everything is one transaction.

No job is registered for it. Where it takes longer, or somebody writes meanwhile, what was computed is handed to the
job that goes on with it; see `backfill`.
"""

import time
from dataclasses import replace

from pixeltable.catalog import store
from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import Error, SchemaChanged
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import Goal, evaluate_goals, run_elsewhere
from pixeltable.exec.tally import Tally
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import all_nodes_in, nodes_in
from pixeltable.exprs.queries import QueryCall
from pixeltable.exprs.tool_calls import ToolCalls
from pixeltable.plan.bind import bind
from pixeltable.session.backfill import WRITE_S, target_goal
from pixeltable.session.codes import stamp_within
from pixeltable.session.compute import cell_failure
from pixeltable.session.heads import Head, lock_head
from pixeltable.session.pages import (
    Begun,
    Page,
    PageReader,
    Part,
    batches_of,
    joined,
    recall_page,
    remember_page,
    target_entries,
)
from pixeltable.session.session import Session
from pixeltable.session.stored_functions import store_functions
from pixeltable.session.target_jobs import Filled
from pixeltable.session.upkeep import analyse_soon
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, HeapColumn, create_current_without_index, index_rows, sql_type
from pixeltable.storage.packed import copy_packed, pack
from pixeltable.storage.writes import copy_entries

_LARGEST_BYTES = 8 * 2**20
"""Tables whose columns take more on disk are read page by page, by a job."""

_MOST_ROWS = 200_000
_QUICK_S = 0.1
"""What is known to take longer is done by a job from the beginning."""

_ANALYSED_ROWS = 50_000
"""For fewer rows the database's own upkeep, within a minute, is soon enough; columns often come one after another."""


def add_at_once(
    session: Session, table: TableRecord, column: ColumnRecord, *, abort: bool, tally: Tally
) -> Filled | Begun | None:
    """Add a column that the table does not have: what it took, or what a job has to go on with.

    `column` has no id yet. None: nothing was done, since it may take long, or because there are no rows. Of views,
    whose cells may be made of a base's, heads of their own do not tell whether these changed.
    """
    if table.view is not None:
        return None
    try:
        job = _prepare(session, table, column)
        if job is None:
            return None
        goal = target_goal(table, job, session.context.counting(tally))
        if not _is_quick(session, goal, 1):
            return None  # before all rows are read for nothing
        page = recall_page(session, table, job)
        if page is None:
            page = PageReader(session, job, lacking=False).read(table, after=-1, limit=_MOST_ROWS)
    except (Error, SchemaChanged):
        return None  # the table as last seen is out of date, or the job will say what is wrong
    if not _is_quick(session, goal, len(page.rows)):
        return None
    tally.total = len(page.rows)
    begun = _compute(session, goal, page, abort=abort, tally=tally)
    if begun.error is None and begun.rows == len(page.rows):
        return _commit(session, table, job, begun) or begun
    return begun


def _prepare(session: Session, table: TableRecord, column: ColumnRecord) -> JobRecord | None:
    """The job it would be, with ids that nobody else will get; None if there is one already, or a lot to read."""
    assert column.expr is not None
    referred = referred_columns(bind(column.expr, table, role=f"column {column.name!r}"))
    inputs = [other.heap for other in table.known_columns if other.id in referred]
    heaps = {table.row_heap, *(table.heap(heap) for heap in inputs if heap is not None)}
    sizes = " + ".join(f"pg_table_size('{heap.current}')" for heap in heaps)
    row = session.database.read(
        lambda connection: connection.execute(
            "SELECT nextval('pixeltable.id_seq'), nextval('pixeltable.id_seq'), nextval('pixeltable.id_seq'), "
            f"nextval('pixeltable.op_seq') WHERE {sizes} <= %s "
            "AND NOT EXISTS (SELECT 1 FROM pixeltable.jobs WHERE table_id = %s)",
            (_LARGEST_BYTES, table.id),
        ).fetchone()
    )
    if row is None:
        return None
    column_id, heap_id, job_id, op = row
    placed = replace(column, id=column_id, heap=heap_id, status="ready")
    heap = Heap(heap_id, (HeapColumn(placed.db_name, sql_type(column.type)),))
    return JobRecord(job_id, table.id, "running", op, heap, placed, None)


def _is_quick(session: Session, goal: Goal, rows: int) -> bool:
    """Whether it is known that so many rows, at least one, take no time: by what the functions took the last time."""
    if not 0 < rows < _MOST_ROWS or run_elsewhere([goal]):
        return False
    nodes = [*all_nodes_in(goal.expr)]
    functions = [session.find_function(node.call_function) for node in nodes_in(goal.expr) if isinstance(node, Call)]
    if any(isinstance(node, QueryCall | ToolCalls) for node in nodes) or any(f.options.memo for f in functions):
        return False
    if len(functions) < sum(isinstance(node, Call) for node in nodes):
        return False  # some are called on elements: how many there are, nobody knows
    return sum(session.context.engine.cost_s(function.spec.path, rows) for function in functions) < _QUICK_S


def _compute(session: Session, goal: Goal, page: Page, *, abort: bool, tally: Tally) -> Begun:
    """Cells of the page, until it turns out to take long or a cell fails that must not."""
    parts: list[Part] = []
    pace = Pace(session.settings.batch_size, first=len(page.rows))
    started = time.perf_counter()
    try:
        for start, batch in batches_of(page, pace):
            evaluate_goals(batch, [goal])
            cells = batch.column(goal.key)
            assert cells is not None
            parts.append(Part(page, start, cells))
            tally.advance(batch.count, failed=len(cells.failures))
            if abort and cells.failures:
                return Begun(tuple(parts), cell_failure(goal.name, cells, first=start))
            pace.done(batch.count)
            if time.perf_counter() - started > WRITE_S:
                break
    except BaseException as error:  # noqa: BLE001  # the job raises it, with what was computed kept
        return Begun(tuple(parts), error)
    return Begun(tuple(parts))


class _Moved(Exception):
    """The table is not what it was when its rows were read."""


def _commit(session: Session, table: TableRecord, job: JobRecord, begun: Begun) -> Filled | None:
    """Make the column part of the table, with its cells; None if something else was written meanwhile."""
    column, (rows, cells) = job.column, joined(begun.parts)
    assert column is not None
    assert column.expr is not None
    expr, head = column.expr, begun.parts[0].page.head
    packed = None if cells.failures else pack(column.type, rows, job.op, cells.values)
    entries = target_entries(table, job, cells) if packed is None else None

    def copy(connection: Connection) -> None:
        if packed is not None:
            copy_packed(connection, job.heap, column.db_name, packed)
        if entries is not None:
            copy_entries(connection, entries, rows, job.op)

    def work(connection: Connection, catalog: Catalog) -> tuple[TableRecord, Head]:
        now = catalog.table(table.id, name=table.path)
        if now.schema_version != table.schema_version:
            raise _Moved
        store_functions(session, connection, expr)
        create_current_without_index(connection, job.heap)
        copy(connection)
        index_rows(connection, job.heap)
        if lock_head(connection, now) != head:  # as late as can be: writers wait from here on
            raise _Moved
        added = replace(column, version_added=head.version + 1)
        saved = store.save_schema(connection, replace(now.with_column(added), heaps=(*now.heaps, job.heap)))
        stamp = stamp_within(session, connection, saved, [added])
        change = f"Added: {column.name}"
        version = store.record_schema_version(
            connection, saved, op=job.op, change=change, updates=begun.rows, errors=begun.failed, stamp=stamp
        )
        return saved, Head(version, job.op, saved.schema_version)

    try:
        _, head = session.change_schema(work, after=lambda catalog, changed: catalog.with_table(changed[0]))
    except (_Moved, SchemaChanged):
        return None
    if len(begun.parts) == 1:
        remember_page(session, table, head, begun.parts[0].page)
    if begun.rows >= _ANALYSED_ROWS:
        analyse_soon(session, job.heap)
    return Filled(begun.rows, begun.failed)
