"""Making views: one short transaction registers them, one ends it; in between their rows come page by page."""

import itertools
import time
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pixeltable.catalog import store
from pixeltable.catalog.jobs import ViewJob, advance_view_job, delete_job, insert_view_job, view_job
from pixeltable.catalog.records import ColumnRecord, TableRecord, ViewRecord, kind_of
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidSchema, InvalidState, JobCancelled, PathTaken, SchemaChanged, Unsupported
from pixeltable.exec.pace import Pace
from pixeltable.exec.tally import Tally
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.properties import BaseRow, InShare
from pixeltable.ids import Path
from pixeltable.plan.bind import bind, bind_predicate, refuse_pending, refuse_queried, settled
from pixeltable.plan.query import Moment, QuerySpec, Sample
from pixeltable.plan.sampling import is_share_of, share_of
from pixeltable.session.claims import claim, claimed_id, is_unclaimed
from pixeltable.session.codes import stamp_of
from pixeltable.session.columns import same_definition
from pixeltable.session.defaults import default_of
from pixeltable.session.found_rows import FoundRows, matching_rows
from pixeltable.session.freezing import frozen, pin
from pixeltable.session.heads import Head, keep_from, lock_head, lock_lineage, read_head
from pixeltable.session.query import collect
from pixeltable.session.receipts import receipt
from pixeltable.session.session import Session
from pixeltable.session.siblings import with_ids
from pixeltable.session.stored_functions import store_functions
from pixeltable.session.tables import ColumnSpec, TableOptions, drop_record
from pixeltable.session.upkeep import look_after
from pixeltable.session.view_rows import Derivation, Members, derivation_of, inputs_of, target_of
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import BASE_ROW, Heap, HeapColumn, create_heap, sql_type
from pixeltable.storage.numbers import new_rows, next_op
from pixeltable.storage.past import entries_sql
from pixeltable.storage.writes import (
    RowsChanged,
    append_to_view,
    appended,
    expect_as_seen,
)
from pixeltable.types.column_type import ColumnType, IntType
from pixeltable.types.status import RowCountStats, UpdateStatus

_FIRST_PAGE = 256


@dataclass(frozen=True, slots=True)
class NewView:
    """A view to make; `items` are the columns of its select list, None for all of the base.

    `explode` is an expression for a list in each row of the base, whose items have the `outputs`.
    """

    path: Path
    base: int
    base_name: str
    where: Expr | None
    items: tuple[tuple[str, Expr], ...] | None
    explode: Expr | None
    outputs: Mapping[str, ColumnType]
    specs: Sequence[ColumnSpec]
    options: TableOptions
    snapshot: bool = False
    """Of the base as it is now, or was at a `moment`, for good."""

    moment: Moment | None = None
    sampled: QuerySpec | None = None
    """A query for the rows of the base, that chooses by chance: a fraction of them, or, for a snapshot, in any way."""

    @property
    def sample(self) -> Sample | None:
        """How chance chooses rows of the base, if it does."""
        return None if self.sampled is None else self.sampled.sample


def create_view(session: Session, new: NewView, *, if_exists: str, tally: Tally) -> tuple[TableRecord, UpdateStatus]:
    """Make a view and its rows; readers and writers of the base go on meanwhile.

    If it is stopped, or its process dies, the same call goes on with it.

    Raises:
        PathTaken, UnknownDirectory, InvalidSchema, Unsupported: see `pxt.create_view`.
        CellFailure: the filter failed in a row; there is no view then.
    """
    start = time.perf_counter()
    with claimed_id(session) as (owner, claimed):
        registered = session.change_schema(
            lambda connection, catalog: _register(session, connection, catalog, new, claimed, if_exists=if_exists)
        )
        job = registered.job
        if job is None:
            return registered.table, receipt(tally, start)
        if job.view_id != claimed and not claim(owner, job.view_id):
            raise _being_made(registered.table)
        try:
            tally.prepared()
            _fill(session, registered.table, job, tally, _chosen(session, registered.table, new))
        except (JobCancelled, KeyboardInterrupt):
            raise  # what it has is kept
        except BaseException:
            session.change_schema(lambda connection, catalog: _withdraw(connection, catalog, job.view_id))
            raise
        stats = session.change_schema(lambda connection, catalog: _finish(connection, catalog, job.view_id, new))
    view = session.table(job.view_id, str(new.path))
    look_after(session, view, written=stats.ins_rows)
    return view, receipt(tally, start, stats)


def give_up_view(session: Session, path: Path) -> None:
    """Drop a view that was left unfinished, if there is one."""

    def work(connection: Connection, catalog: Catalog) -> None:
        found = catalog.find_table(path)
        if found is not None and view_job(connection, found.id) is not None and is_unclaimed(connection, found.id):
            _withdraw(connection, catalog, found.id)

    session.change_schema(work)


def make_over_unused(session: Session, connection: Connection, catalog: Catalog, new: NewView) -> TableRecord:
    """Make a view of a table that has no rows, and gets none before the caller's transaction ends.

    Raises:
        PathTaken, UnknownDirectory, InvalidSchema, Unsupported: see `pxt.create_view`.
    """
    (view_id,) = store.new_ids(connection, 1)
    view = _register(session, connection, catalog, new, view_id, if_exists="error").table
    return _ready(connection, view)


@dataclass(frozen=True, slots=True)
class _Registered:
    """A view, and what is left to do for it."""

    table: TableRecord
    job: ViewJob | None = None


def _register(
    session: Session, connection: Connection, catalog: Catalog, new: NewView, view_id: int, *, if_exists: str
) -> _Registered:
    existing = _existing(connection, catalog, new, if_exists)
    if existing is not None:
        return _Registered(existing, view_job(connection, existing.id))
    base = catalog.table(new.base, name=new.base_name)
    if base.view is not None and base.view.status == "filling":
        raise InvalidState(f"view {base.path!r} is still being made", hint="Wait until it is done.")
    if new.snapshot:
        base = frozen(connection, base, new.moment)
    view = _with_failures(connection, _record(session, connection, catalog, new, base, view_id))
    op = next_op(connection)
    store.insert_table(connection, view, op=op)
    if new.snapshot:
        pin(connection, view)
    for table in reversed(view.live_lineage[1:]):  # whoever inserts into them has to plan with this view from now on
        store.save_schema(connection, table)
    if not view.heaps:
        return _Registered(_ready(connection, view))
    for made in view.heaps:
        create_heap(connection, made)
    (below,) = new_rows(connection, 1)
    job = ViewJob(view_id, op, below)
    insert_view_job(connection, job, name=view.name)
    return _Registered(view, job)


def _record(
    session: Session, connection: Connection, catalog: Catalog, new: NewView, base: TableRecord, view_id: int
) -> TableRecord:
    """The record of a view to make, checked; the functions it needs are stored."""
    heap_id, *column_ids = store.new_ids(connection, 1 + _column_count(new))
    columns = with_ids(_with_defaults(session, new, _columns(new, base, heap_id, iter(column_ids))), view_id)
    heap = _heap(heap_id, columns, new)
    if new.where is not None:
        bind_predicate(new.where, base)
    if new.explode is not None:
        bind(new.explode, base, role="iterator")
    where, explode = (None if expr is None else settled(expr, base) for expr in (new.where, new.explode))
    outputs = tuple(
        (column.id, column.name) for column in columns[: len(new.outputs) + 1 if explode is not None else 0]
    )
    view = TableRecord(
        view_id, catalog.dir_id(new.path.parent), new.path.name, str(new.path), columns,
        () if heap is None else (heap,),
        comment=new.options.comment, custom_metadata=new.options.custom_metadata,
        media_validation=new.options.media_validation,
        view=ViewRecord(
            base.id, where, new.items is None, explode, outputs, "filling", new.snapshot,
            sample=None if new.sample is None else str(new.sample), share=_share(new, base),
        ),
        base=base,
    )  # fmt: skip
    for expr in view.definitions:
        refuse_queried(expr, role=f"view {view.path!r}")
        refuse_pending(bind(expr, view, role=f"view {view.path!r}"), view, role=f"view {view.path!r}")
        store_functions(session, connection, expr)
    return view


def _share(new: NewView, base: TableRecord) -> InShare | None:
    """Which rows of the base chance chooses, now and later."""
    return None if new.sample is None or new.snapshot else share_of(new.sample, base.row_owner.id)


def _heap(heap_id: int, columns: Sequence[ColumnRecord], new: NewView) -> Heap | None:
    """Where the rows of a view are; None if they are all those of a base that does not change, and have no cells."""
    stored = tuple(HeapColumn(column.db_name, sql_type(column.type)) for column in columns if column.heap is not None)
    if new.explode is not None:
        return Heap(heap_id, (HeapColumn(BASE_ROW, "bigint"), *stored))
    has_all_rows = new.snapshot and new.where is None and new.sampled is None
    return None if has_all_rows and not stored else Heap(heap_id, stored)


def _with_failures(connection: Connection, view: TableRecord) -> TableRecord:
    """An exploded view with a heap for the rows of its base of which no list can be made."""
    if view.view is None or view.view.explode is None:
        return view
    (heap_id,) = store.new_ids(connection, 1)
    return replace(view, heaps=(*view.heaps, Heap(heap_id, ())), view=replace(view.view, failures=heap_id))


def _existing(connection: Connection, catalog: Catalog, new: NewView, if_exists: str) -> TableRecord | None:
    """The view that is there and stays, or is gone on with; one that is to be replaced is dropped.

    So is one that was left unfinished and had another definition.
    """
    path = new.path
    found = catalog.find_table(path)
    if found is None:
        if catalog.kind_at(path) is not None:
            raise PathTaken(str(path), kind="directory")
        return None
    if found.view is None or found.is_snapshot != new.snapshot:
        raise PathTaken(str(path), kind=kind_of(found))
    if found.view.status == "filling":
        if not is_unclaimed(connection, found.id):
            raise _being_made(found)
        if view_job(connection, found.id) is not None and _is_alike(found, new):
            return found
    elif if_exists == "error":
        raise PathTaken(str(path), kind=kind_of(found))
    elif if_exists == "ignore":
        return found
    drop_record(connection, catalog, found, force=if_exists == "replace_force")
    return None


def _being_made(view: TableRecord) -> InvalidState:
    return InvalidState(f"view {view.path!r} is being made by another process", hint="Wait until it is done.")


def _is_alike(found: TableRecord, new: NewView) -> bool:
    """Whether an unfinished view is what the call makes; a mended function counts as the same."""
    view, base = found.view, found.base
    if view is None or base is None or view.base != new.base or view.inherits != (new.items is None):
        return False
    if view.snapshot or new.snapshot:
        return False  # of which version, is another question
    if not is_share_of(view.share, new.sample):
        return False
    columns = _columns(new, base, 0, itertools.count(1))
    if [(c.name, c.type, c.heap is None) for c in columns] != [(c.name, c.type, c.heap is None) for c in found.columns]:
        return False
    wanted = (None if expr is None else settled(expr, base) for expr in (new.where, new.explode))
    pairs = list(zip((view.where, view.explode), wanted, strict=True))
    pairs += [(known.expr, column.expr) for known, column in zip(found.columns, columns, strict=True)]
    return all((a is None) == (b is None) and (a is None or b is None or same_definition(a, b)) for a, b in pairs)


def _column_count(new: NewView) -> int:
    return (len(new.outputs) + 1 if new.explode is not None else 0) + len(new.items or ()) + len(new.specs)


def _columns(new: NewView, base: TableRecord, heap: int, ids: Iterator[int]) -> tuple[ColumnRecord, ...]:
    """The view's own columns: the place in a list and what its items have, the select list, additional ones."""
    columns: list[ColumnRecord] = []
    if new.explode is not None:
        columns.append(ColumnRecord(next(ids), "pos", IntType(), heap))
        columns += [ColumnRecord(next(ids), name, kind, heap) for name, kind in new.outputs.items()]
    for name, expr in new.items or ():
        stored = not isinstance(expr, ColumnRef)
        columns.append(ColumnRecord(next(ids), name, expr.col_type, heap if stored else None, expr))
    taken = {column.name for column in base.ready_columns} if new.items is None else set()
    for spec in new.specs:
        if spec.name in taken or any(column.name == spec.name for column in columns):
            raise InvalidSchema(f"column {spec.name!r} is there already", hint="Choose another name.")
        if spec.expr is None and not spec.type.nullable:
            raise InvalidSchema(
                f"column {spec.name!r} of a view is not computed, so it has to be nullable",
                hint=f"Declare it as `{spec.type} | None`.",
            )
        if spec.primary_key:
            raise Unsupported(f"column {spec.name!r}: views have no primary key of their own")
        columns.append(
            ColumnRecord(
                next(ids), spec.name, spec.type, heap if spec.stored else None, spec.expr, comment=spec.comment,
                custom_metadata=spec.custom_metadata,
            )
        )  # fmt: skip
    names = [column.name for column in columns]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InvalidSchema(f"view {str(new.path)!r} has two columns {repeated!r}")
    return tuple(columns)


def _with_defaults(session: Session, new: NewView, columns: Sequence[ColumnRecord]) -> tuple[ColumnRecord, ...]:
    defaults = {spec.name: default_of(session, spec.name, spec.type, spec.default) for spec in new.specs}
    return tuple(replace(column, default=defaults.get(column.name)) for column in columns)


def _chosen(session: Session, view: TableRecord, new: NewView) -> list[int] | None:
    """The rows of the base that a snapshot of a sample is about, None if there is no need to know them before."""
    if new.sampled is None or not new.snapshot:
        return None
    base = view.base
    assert base is not None
    moment = _moment_of(session, base)
    spec = replace(new.sampled, select=(("row", BaseRow(base.id, base.path)),), moment=moment)
    return sorted(collect(session, spec, new.base_name).columns["row"])


def _moment_of(session: Session, base: TableRecord) -> Moment | None:
    """The version that a snapshot shows of its base, None if that is a snapshot, which has one alone."""
    if base.is_snapshot:
        return None
    as_of = base.heaps[0].as_of
    assert as_of is not None
    row = session.database.read(
        lambda connection: connection.execute(
            "SELECT op FROM pixeltable.versions WHERE table_id = %s AND version = %s", (as_of.table_id, as_of.version)
        ).fetchone()
    )
    assert row is not None  # it is pinned
    return Moment(as_of.version, row[0])


def _fill(session: Session, registered: TableRecord, job: ViewJob, tally: Tally, chosen: Sequence[int] | None) -> None:
    """Give a view the rows that its base had when it was registered, or the `chosen` ones."""
    pace = Pace(session.settings.batch_size, first=_FIRST_PAGE)
    after, tries = job.after, 0
    tally.count_total = partial(_rows_to_look_at, session, registered, job)
    pace.begin()
    while after < job.below:
        tally.check()
        view = session.table(registered.id, registered.path)
        try:
            page = _fill_page(session, view, job, tally, chosen, after=after, limit=pace.size)
        except SchemaChanged:
            session.refresh()
            continue
        except RowsChanged:
            tries += 1
            time.sleep(min(0.001 * 2**tries, 0.1))
            continue
        pace.done(page.looked_at)
        tally.advance(page.looked_at, failed=page.failed)
        after, tries = page.last, 0


@dataclass(frozen=True, slots=True)
class _Page:
    """What was done with rows of the base: up to which one, of how many, and what failed of it."""

    last: int
    looked_at: int = 0
    failed: int = 0


def _rows_to_look_at(session: Session, view: TableRecord, job: ViewJob) -> int:
    assert view.base is not None
    statement = f"SELECT count(*) FROM {entries_sql(view.base.row_heap)} AS rows WHERE row > %s AND row < %s"
    found = session.database.read(lambda c: c.execute(statement, (job.after, job.below)).fetchone())
    return int(found[0]) if found else 0


def _fill_page(
    session: Session,
    view: TableRecord,
    job: ViewJob,
    tally: Tally,
    chosen: Sequence[int] | None,
    *,
    after: int,
    limit: int,
) -> _Page:
    base = view.base
    assert base is not None
    assert view.view is not None
    made_of = inputs_of(view)
    inputs = [base.ref(column) for column in base.known_columns if column.id in made_of]
    heads = _heads(session, view)
    condition = view.view.condition
    where = None if condition is None else bind_predicate(condition, base)
    if chosen is not None:
        start = bisect_right(chosen, after)
        chosen = chosen[start : start + limit]
    found = matching_rows(session, base, inputs, where=where, after=after, rows=chosen, limit=limit)
    last = job.below if found.last is None else min(found.last, job.below)
    kept = {row for row in found.rows if row < job.below}
    if heads[0].version:  # somebody has written into the view
        kept = _not_there_yet(session, view, kept)
    places = [place for place, row in enumerate(found.rows) if row in kept]
    if not places:
        return _Page(last, len(found.rows))
    derivation = derivation_of(view, session.context.counting(tally), abort=False)
    failed = _append(session, replace(job, after=last), derivation, found, places, heads)
    return _Page(last, len(found.rows), failed)


def _append(
    session: Session,
    job: ViewJob,
    derivation: Derivation,
    found: FoundRows,
    places: Sequence[int],
    heads: Sequence[Head],
) -> int:
    """Give the view rows of these rows of its base; how many cells, and lists, failed."""
    view, rows = derivation.view, [found.rows[place] for place in places]
    made = derivation.rows_of_members(Members(found.batch.take(places), list(range(len(places)))))
    seen = [entries.only(places) for entries in found.seen]
    stamp = stamp_of(session, view, derivation.computation.columns, derivation.computation.indexes)
    target = target_of(view, None, errors=made.failed, stamp=stamp)
    piece = derivation.piece(made)

    def append(connection: Connection) -> None:
        with connection.transaction():
            # The oldest first, as all take them; a view is younger than its base.
            now = [lock_head(connection, table) for table in reversed(view.live_lineage)]
            if now[::-1] != list(heads):
                expect_as_seen(connection, target, seen, rows)
            inserted = append_to_view(connection, target, piece, rows, op=job.op)
            advance_view_job(connection, job.view_id, after=job.after, inserted=inserted, errors=made.failed)

    session.database.attempt(append, recall=partial(appended, view=target, rows=rows, op=job.op))
    return made.failed


def _heads(session: Session, view: TableRecord) -> list[Head]:
    """The heads of a view and of its bases; what is read after them is as it was then while they stay the same."""
    return session.database.read(lambda connection: [read_head(connection, table) for table in view.live_lineage])


def _not_there_yet(session: Session, view: TableRecord, rows: Collection[int]) -> set[int]:
    """Those rows of the base that no writer has brought into the view since it was registered."""
    key, failures = view.row_heap.base_key, view.failures_heap
    statement = f"SELECT {key} FROM {view.row_heap.current} WHERE {key} = ANY(%(rows)s)"
    if failures is not None:
        statement += f" UNION SELECT row FROM {failures.current} WHERE row = ANY(%(rows)s)"
    present = session.database.read(lambda connection: connection.execute(statement, {"rows": list(rows)}).fetchall())
    return set(rows) - {row for (row,) in present}


def _finish(connection: Connection, catalog: Catalog, view_id: int, new: NewView) -> RowCountStats:
    """Put a view in service that has all its rows; what it has got."""
    job = view_job(connection, view_id)
    if job is None:
        return RowCountStats()
    view = catalog.table(view_id, name=str(new.path))
    lock_lineage(connection, view)
    _ready(connection, view, job, mixed=_is_mixed(connection, view))
    return RowCountStats(ins_rows=job.inserted, num_excs=job.errors)


def _is_mixed(connection: Connection, view: TableRecord) -> bool:
    """Whether others wrote while the view was made, so that its rows are of several versions of its bases."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pixeltable.versions v JOIN pixeltable.versions made ON made.table_id = %s "
        "AND made.version = 0 WHERE v.table_id = ANY(%s) AND v.at > made.at)",
        (view.id, [table.id for table in view.live_lineage]),
    ).fetchone()
    return bool(row and row[0])


def _ready(
    connection: Connection, view: TableRecord, job: ViewJob | None = None, *, mixed: bool = False
) -> TableRecord:
    """Put a view in service; a mixed one begins with the version that it gets now."""
    assert view.view is not None
    saved = store.save_schema(connection, replace(view, view=replace(view.view, status="ready")))
    inserted, errors = (0, 0) if job is None else (job.inserted, job.errors)
    if mixed:
        op = next_op(connection)
        version = store.record_schema_version(
            connection, saved, op=op, change="complete", inserts=inserted, errors=errors
        )
        keep_from(connection, saved, version)
    else:
        store.restate_first_version(connection, saved, inserts=inserted, errors=errors)
    delete_job(connection, view.id)
    return saved


def _withdraw(connection: Connection, catalog: Catalog, view_id: int) -> None:
    view = catalog.find(view_id)
    if view is not None:
        drop_record(connection, catalog, view, force=True)
