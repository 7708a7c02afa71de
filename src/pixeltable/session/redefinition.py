"""Giving a computed column another definition; computing its cells by it is the work of `stale`."""

from dataclasses import replace

from pixeltable.catalog import jobs, store
from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidExpression, InvalidState, TypeMismatch, Unsupported
from pixeltable.exec.tally import Tally
from pixeltable.exprs.codec import encode
from pixeltable.exprs.expr import Expr
from pixeltable.plan.bind import settled
from pixeltable.session.codes import DEFINITION, code_targets
from pixeltable.session.column_changes import with_present_refs
from pixeltable.session.columns import NewColumn, check_computed
from pixeltable.session.recompute import Selection
from pixeltable.session.session import Session
from pixeltable.session.stale import recompute_stale
from pixeltable.session.stored_functions import store_functions
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import drop_heap
from pixeltable.storage.numbers import next_op
from pixeltable.types.status import UpdateStatus


def redefine_column(session: Session, table_id: int, name: str, column_name: str, expr: Expr) -> None:
    """Give a computed column another definition; its cells stay as they are, and count as stale.

    Raises:
        Unsupported, InvalidExpression, TypeMismatch, InvalidState: see `Table.alter_computed_column`.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        column = table.own_column(column_name)
        if column.expr is None:
            raise Unsupported(f"column {column.name!r} is not computed", hint="Use update() for its cells.")
        check_computed(table, NewColumn(column.name, expr))
        _refuse_cycle(table, column, expr)
        check_type(column, expr)
        if encode(settled(expr, table)) == encode(settled(column.expr, table)):
            return
        store_functions(session, connection, expr)
        _discard_jobs(connection, table, column)
        op = next_op(connection)
        saved = store.save_schema(connection, _redefined(table, column, expr, op))
        store.record_schema_version(connection, saved, op=op, change=f"Redefined: {column.name}")

    session.change_schema(work)


def _refuse_cycle(table: TableRecord, column: ColumnRecord, expr: Expr) -> None:
    dependents = table.dependents(frozenset({column.id}))
    referred = referred_columns(expr)
    found = [other.name for other in (column, *dependents) if other.id in referred]
    if found:
        via = "itself" if found == [column.name] else f"{', '.join(found)}, which depend on it"
        raise InvalidExpression(f"column {column.name!r} cannot be computed from {via}")
    pending = [other.name for other in dependents if other.status != "ready"]
    if pending:
        raise InvalidState(
            f"column {column.name!r} cannot be redefined while {', '.join(pending)} is being computed from it",
            hint="Wait until it is done, or drop it.",
        )


def check_type(column: ColumnRecord, expr: Expr) -> None:
    """Check that a computed column can hold what another definition yields.

    Raises:
        TypeMismatch: it cannot.
    """
    fits = column.type.accepts(expr.col_type) if column.heap is not None else column.type.matches(expr.col_type)
    if not fits:
        raise TypeMismatch(
            f"column {column.name!r} has type `{column.type}`, and `{expr}` has `{expr.col_type}`",
            hint=f"Drop it and add it again: t.drop_column({column.name!r}), "
            f"t.add_computed_column({column.name}=...); or convert the expression with .astype().",
        )


def _discard_jobs(connection: Connection, table: TableRecord, column: ColumnRecord) -> None:
    """Forget what aborted jobs have computed from a column that is not stored: no cell would tell that it changed."""
    if column.heap is not None:
        return
    changed = {column.id, *(other.id for other in table.dependents(frozenset({column.id})) if other.heap is None)}
    for job in jobs.jobs_of(connection, table.id):
        inputs = set() if job.column is None or job.column.expr is None else referred_columns(job.column.expr)
        if job.status == "aborted" and inputs & changed:
            jobs.delete_job(connection, job.id)
            drop_heap(connection, job.heap)


def _redefined(table: TableRecord, column: ColumnRecord, expr: Expr, op: int) -> TableRecord:
    """The table with the definition; null spreads to the types of what depends on the column."""
    nullable = column.type.nullable or expr.col_type.nullable
    table = table.with_column(replace(column, expr=expr, type=column.type.with_nullable(nullable), redefined=op))
    table = replace(table, columns=_in_order_of_definition(table.columns))
    for dependent in table.dependents(frozenset({column.id})):
        table = with_present_refs(table)
        known = table.column_by_id(dependent.id)
        assert known is not None
        assert known.expr is not None
        accepting = known.type.with_nullable(known.type.nullable or known.expr.col_type.nullable)
        table = table.with_column(replace(known, type=accepting))
    return with_present_refs(table)


def _in_order_of_definition(columns: tuple[ColumnRecord, ...]) -> tuple[ColumnRecord, ...]:
    """The columns in their order, but that each comes after those it is computed from."""
    waiting, placed = list(columns), list[ColumnRecord]()
    while waiting:
        open_ids = {column.id for column in waiting}
        column = next(c for c in waiting if c.expr is None or not referred_columns(c.expr) & open_ids)
        waiting.remove(column)
        placed.append(column)
    return tuple(placed)


def recompute_redefined(
    session: Session, table_id: int, name: str, column_name: str, *, cascade: bool, tally: Tally
) -> UpdateStatus:
    """Compute the cells that another definition of the column has computed, and with `cascade` what depends on them.

    Of a column that is not stored, these are the cells of the stored ones that read it.
    """
    table = session.table(table_id, name)
    column = table.column(column_name)
    if column.heap is not None:
        names: tuple[str, ...] = (column.name,)
    else:
        key = f"{DEFINITION}{column.id}"
        names = tuple(target.column.name for target in code_targets(table) if cascade and key in target.definitions)
    if not names:
        return UpdateStatus()
    return recompute_stale(session, table_id, name, Selection(names, cascade=cascade), tally=tally)
