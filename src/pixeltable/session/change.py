"""Updating and deleting rows: read a snapshot, compute with nothing held, write if what was read is still there."""

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.exceptions import InvalidArgument, TypeMismatch, Unsupported
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.evaluate import column_of
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exec.tally import Tally
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.plan.bind import bind, bind_predicate, refuse_pending
from pixeltable.session.codes import stamp_of
from pixeltable.session.compute import cell_failure, plan_computation
from pixeltable.session.entries import failure_count
from pixeltable.session.found_rows import matching_rows, written_heaps
from pixeltable.session.query import resolve_members
from pixeltable.session.receipts import receipt
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.rows import rejected
from pixeltable.session.session import Session
from pixeltable.session.similarity import resolve_similarity
from pixeltable.session.sql_changes import deleted_in_sql, updated_in_sql
from pixeltable.session.transactions import Write, commit
from pixeltable.session.view_changes import RowsAfter, cascaded, growth, inputs_of_views, view_changes, views_alone
from pixeltable.storage.changes import ViewChange, change_rows
from pixeltable.storage.database import Connection
from pixeltable.storage.writes import Change, Committed, Counts, RowsChanged, too_many_conflicts
from pixeltable.types.column_type import JsonType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.types.status import RowCountStats, UpdateStatus

_PAUSE_S = 0.001
"""Longest pause after the first conflict with another writer; it doubles with each."""


def retrying(session: Session, table_id: int, name: str, work: Callable[[TableRecord], UpdateStatus]) -> UpdateStatus:
    """`work` on the table as last seen; again where another writer changed the rows, or the schema, meanwhile."""

    def attempt() -> UpdateStatus:
        for number in range(session.settings.write_attempts):
            table = session.table(table_id, name)
            try:
                return work(table)
            except RowsChanged:
                # At random, or those that met once meet again.
                time.sleep(random.uniform(0, _PAUSE_S * 2**number))
        raise too_many_conflicts(session.table(table_id, name).target, session.settings.write_attempts)

    return session.replanning(attempt)


def write_change(
    session: Session, table: TableRecord, change: Change, counts: Counts, views: Sequence[ViewChange] = ()
) -> Committed:
    """Make a change durable, with what it makes of views over the table."""
    token = uuid.uuid4()

    def once(connection: Connection) -> Committed:
        with refusals_explained(table, session.catalog.views_of(table.id)):
            return change_rows(connection, table.target, [change], counts, token=token, views=views)

    grown = [(table, len(change.rows)), *growth(session.catalog, views)]
    return commit(session, Write(table, once, token, grown))


def update(
    session: Session,
    table_id: int,
    name: str,
    values: Mapping[str, Any],
    *,
    where: Any,
    cascade: bool,
    return_rows: bool,
    tally: Tally,
) -> UpdateStatus:
    """Set columns of the rows that match, and recompute what depends on them; other cells stay where they are.

    A computed cell that fails becomes null with an error; the row is updated all the same.

    Raises:
        RequestError: a value does not fit, or could not be computed; nothing was written.
    """
    start = time.perf_counter()

    def work(table: TableRecord) -> UpdateStatus:
        setting = _setting(session, table, values)
        predicate = resolved_filter(session, table, where)
        return _update(session, table, setting, predicate, start, cascade=cascade, return_rows=return_rows, tally=tally)

    return retrying(session, table_id, name, work)


def resolved_filter(session: Session, table: TableRecord, where: Any) -> Expr | None:
    """The filter of a call, checked and bound, its similarities and `isin(query)` resolved."""
    if where is None:
        return None
    bound = bind_predicate(where, table)
    refuse_pending(bound, table, role="where")  # what is written for good would be decided by nulls
    return resolve_members(session, resolve_similarity(session, bound, table))


def _setting(session: Session, table: TableRecord, values: Any) -> dict[ColumnRecord, Expr]:
    """The columns to set and their checked, bound values."""
    if not isinstance(values, Mapping) or not values:
        raise InvalidArgument("update() needs at least one column to set", hint="Pass {'column': value}.")
    return {table.column(name): _value_for(session, table, table.column(name), value) for name, value in values.items()}


def _value_for(session: Session, table: TableRecord, column: ColumnRecord, value: Any) -> Expr:
    if column.is_computed:
        raise Unsupported(
            f"column {column.name!r} is computed and cannot be updated", hint="Update what it depends on."
        )
    if column.primary_key:
        raise Unsupported(f"column {column.name!r} is part of the primary key and cannot be updated")
    table.check_own(column)
    if table.view is not None and table.view.makes(column.id):
        raise Unsupported(f"column {column.name!r} is made by the iterator of the view and cannot be updated")
    expr = as_expr(value)
    if isinstance(expr, Literal):
        try:
            (fitting,) = conform(column.type, [expr.value], zone=session.settings.zone)
        except CellRejected as error:
            raise TypeMismatch(
                f"the value {value!r} does not fit column {column.name!r} of type `{column.type}`: {error.reason}"
            ) from None
        return Literal(fitting, column.type)
    expr = bind(expr, table, role=f"the value of {column.name!r}")
    refuse_pending(expr, table, role=f"the value of {column.name!r}")
    if not column.type.accepts(expr.col_type) and not isinstance(expr.col_type, JsonType):
        raise TypeMismatch(f"`{expr}` has type `{expr.col_type}`, column {column.name!r} has `{column.type}`")
    return expr


def _update(
    session: Session,
    table: TableRecord,
    setting: dict[ColumnRecord, Expr],
    predicate: Expr | None,
    start: float,
    *,
    cascade: bool,
    return_rows: bool,
    tally: Tally,
) -> UpdateStatus:
    changed = frozenset(column.id for column in setting)
    dependents = [column for column in table.dependents(changed) if column.heap is not None] if cascade else []
    visible = [column for column in dependents if column.status == "ready"]
    names = [f"{table.name}.{column.name}" for column in [*setting, *visible]]
    if not return_rows:
        count = updated_in_sql(session, table, setting, dependents, where=predicate)
        if count is not None:
            stats = RowCountStats(upd_rows=count, computed_values=count * len(visible))
            return receipt(tally, start, stats, updated_cols=names if count else [])
    touched = changed | {column.id for column in dependents}
    indexes = [index for index in table.indexes if index.column in touched]
    inputs = _inputs(table, setting, dependents) | inputs_of_views(session.catalog, table)
    if return_rows:
        inputs |= {column.id for column in table.ready_columns if column.heap is not None}
    written = [*written_heaps(table, [*setting, *dependents]), *(table.heap(index.id) for index in indexes)]
    found = matching_rows(
        session,
        table,
        [table.ref(column) for column in table.known_columns if column.id in inputs],
        where=predicate,
        heaps=written,
    )
    if not found.rows:
        return receipt(tally, start)
    batch = _new_cells(session, table, setting, dependents, found.batch)
    computation = plan_computation(table, dependents, indexes, session.context.counting(tally), abort=False)
    evaluate_goals(batch, computation.goals)
    entries = computation.entries(batch, list(setting))
    failed = failure_count(computation.cells(batch))
    left_out = tuple(heap for heap in written if all(entry.heap != heap for entry in entries))
    change = Change(found.rows, found.seen, tuple(entries), closed=left_out)
    stamp = stamp_of(session, table, computation.columns, computation.indexes)
    after = RowsAfter(found.rows, batch, touched)
    views = view_changes(session, table, [after], session.context.counting(tally))
    done = write_change(session, table, change, Counts(updates=len(found.rows), errors=failed, stamp=stamp), views)
    stats = RowCountStats(upd_rows=len(found.rows), num_excs=failed, computed_values=len(found.rows) * len(visible))
    return receipt(
        tally, start, stats, cascade=cascaded(done.views),
        updated_cols=names,
        cols_with_excs=[f"{table.name}.{column.name}" for column in visible if failures(batch, table, column)],
        rows=_row_dicts(table, batch) if return_rows else None,
    )  # fmt: skip


def failures(batch: Batch, table: TableRecord, column: ColumnRecord) -> dict[int, Failure]:
    """The cells of a column that failed."""
    found = batch.get(table.ref(column))
    return found.failures if found is not None else {}


def _row_dicts(table: TableRecord, batch: Batch) -> list[dict[str, Any]]:
    cells = {}
    for column in table.ready_columns:
        found = batch.get(table.ref(column))
        if found is not None:
            cells[column.name] = found.values
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def _inputs(table: TableRecord, setting: Mapping[ColumnRecord, Expr], dependents: Sequence[ColumnRecord]) -> set[int]:
    """The stored columns whose present cells the new values are made of."""
    needed: set[int] = set()
    for column in dependents:
        assert column.expr is not None
        needed |= referred_columns(bind(column.expr, table, role=column.name))
    needed -= {column.id for column in [*setting, *dependents]}
    for expr in setting.values():
        needed |= referred_columns(expr)
    return needed


def _new_cells(
    session: Session,
    table: TableRecord,
    setting: Mapping[ColumnRecord, Expr],
    dependents: Sequence[ColumnRecord],
    before: Batch,
) -> Batch:
    """A batch in which the set columns have their new cells, the others their present ones."""
    computed: dict[int, Column] = {}
    for column, expr in setting.items():
        cells = column_of(expr, before, session.context)
        if cells.failures:
            raise cell_failure(column.name, cells)
        try:
            computed[column.id] = Column(conform(column.type, cells.values, zone=session.settings.zone))
        except CellRejected as error:
            raise rejected(column, error) from None
    skipped = {column.id for column in dependents}
    after = Batch(before.count)
    for column in table.known_columns:
        known = before.get(table.ref(column))
        if column.id in computed:
            after.put(table.ref(column), computed[column.id])
        elif known is not None and column.id not in skipped:
            after.put(table.ref(column), known)
    return after


def delete(session: Session, table_id: int, name: str, *, where: Any) -> UpdateStatus:
    """Delete the rows that match, or all; their last state stays in the history."""
    start = time.perf_counter()

    def work(table: TableRecord) -> UpdateStatus:
        if table.view is not None:
            raise Unsupported(
                f"{table.path!r} is a view: its rows go with those of its base", hint="Delete them there."
            )
        predicate = resolved_filter(session, table, where)
        count = deleted_in_sql(session, table, where=predicate)
        if count is not None:
            stats = RowCountStats(del_rows=count)
            return UpdateStatus(row_count_stats=stats, seconds=time.perf_counter() - start)
        found = matching_rows(session, table, [], where=predicate)
        done: Sequence[Counts] = ()
        if found.rows:
            change = Change(found.rows, found.seen, closed=table.heaps, deletes=True)
            views = views_alone(session, table)
            done = write_change(session, table, change, Counts(deletes=len(found.rows)), views).views
        return UpdateStatus(
            row_count_stats=RowCountStats(del_rows=len(found.rows)),
            cascade_row_count_stats=RowCountStats(del_rows=sum(counts.deletes for counts in done)),
            seconds=time.perf_counter() - start,
        )

    return retrying(session, table_id, name, work)
