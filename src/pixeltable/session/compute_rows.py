"""Computing the columns of a table for given rows, with nothing stored."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import Unsupported
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.context import Context
from pixeltable.exec.pace import Pace
from pixeltable.exec.schedule import Goal, evaluate_batches, evaluate_goals
from pixeltable.exec.tally import Tally
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.bind import bind
from pixeltable.session.compute import column_goal, plan_computation
from pixeltable.session.entries import cells_of
from pixeltable.session.rows import as_rows, gather
from pixeltable.session.session import Session
from pixeltable.session.view_rows import Derivation
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import ColumnType


@dataclass(frozen=True, slots=True)
class ComputedRows:
    """The cells of some columns for some rows, and the errors of those that failed, by column and row."""

    columns: dict[str, list[Any]]
    types: dict[str, ColumnType]
    errors: dict[str, dict[int, CellError]]


def compute_rows(
    session: Session,
    table_id: int,
    name: str,
    source: Iterable[Any],
    *,
    outputs: Sequence[str] | None,
    on_error: str,
    tally: Tally,
) -> ComputedRows:
    """What the table would hold of these rows, were they inserted, into its base if it is a view.

    Of the columns `outputs`, None for all.

    Raises:
        Unsupported: the table is a view of a sample, or over one.
        RequestError: the rows do not fit the table, or a cell failed and `on_error` is 'abort'.
    """
    rows = as_rows(source)
    tally.total = len(rows)

    def attempt() -> ComputedRows:
        table = session.table(table_id, name)
        _refuse_samples(table)
        wanted = table.ready_columns if outputs is None else tuple(table.column(output) for output in outputs)
        root, *views = reversed(table.lineage)
        values = gather(session, root, rows)
        context, abort = session.context.counting(tally), on_error == "abort"
        goals = _goals(table, wanted, context, abort=abort)
        steps = [(Derivation(v, plan_computation(v, (), (), context, abort=abort), context, abort), v) for v in views]
        found: dict[str, Column] = {column.name: Column([]) for column in wanted}
        pace, count = Pace(session.settings.batch_size), 0
        with closing(evaluate_batches(_batches(pace, root, values, len(rows)), goals[root.id])) as batches:
            for batch in batches:
                pace.done(batch.count)
                reached = batch
                for derivation, view in steps:
                    reached = derivation.rows_of(reached).batch
                    evaluate_goals(reached, goals[view.id])
                for column in wanted:
                    _extend(found[column.name], cells_of(reached, table, column), first=count)
                count += reached.count
                tally.advance(batch.count)
        errors = {name: {row: f.error for row, f in cells.failures.items()} for name, cells in found.items()}
        return ComputedRows(
            {name: cells.values for name, cells in found.items()},
            {column.name: column.type for column in wanted},
            {name: failed for name, failed in errors.items() if failed},
        )

    return session.replanning(attempt)


def _refuse_samples(table: TableRecord) -> None:
    for owner in table.lineage:
        if owner.view is not None and owner.view.sample is not None:
            raise Unsupported(
                f"compute() of {table.path!r}: {owner.path!r} is of a sample, and chance chooses among rows that are "
                "inserted",
                hint="Use compute() of the base.",
            )


def _goals(
    table: TableRecord, wanted: Sequence[ColumnRecord], context: Context, *, abort: bool
) -> dict[int, list[Goal]]:
    """By the ids of the table and its bases, the computed columns wanted and, before each, those it is computed from.

    Those are wanted, too, that decide which rows views have.
    """
    needed: dict[int, ColumnRecord] = {}
    owners = {column.id: owner for owner in table.lineage for column in owner.columns}

    def need(column: ColumnRecord) -> None:
        if column.expr is None or column.id in needed:
            return
        need_inputs(column.expr, owners[column.id], role=f"column {column.name!r}")
        needed[column.id] = column

    def need_inputs(expr: Expr, owner: TableRecord, *, role: str) -> None:
        bound = bind(expr, owner, role=role)
        for ref in {node.ref_column: node for node in nodes_in(bound) if isinstance(node, ColumnRef)}:
            source = table.column_by_id(ref)
            assert source is not None
            need(source)

    for owner in table.lineage:
        for expr in () if owner.view is None else owner.view.exprs:
            need_inputs(expr, owner, role=f"view {owner.path!r}")
    for column in wanted:
        need(column)
    goals: dict[int, list[Goal]] = {owner.id: [] for owner in table.lineage}
    for column in needed.values():
        owner = owners[column.id]
        goals[owner.id].append(column_goal(owner, column, context, abort=abort))
    return goals


def _batches(pace: Pace, table: TableRecord, values: dict[int, list[Any]], count: int) -> Iterable[Batch]:
    pace.begin()
    start = 0
    while start < count:
        batch = Batch(min(pace.size, count - start), first=start)
        stop = start + batch.count
        for column in table.ready_columns:
            if column.id in values:
                batch.put(table.ref(column), Column(values[column.id][start:stop]))
        yield batch
        start = stop


def _extend(found: Column, cells: Column, *, first: int) -> None:
    found.values.extend(cells.values)
    found.failures.update({first + row: failure for row, failure in cells.failures.items()})
