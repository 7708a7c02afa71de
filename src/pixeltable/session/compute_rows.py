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
from pixeltable.exec.schedule import Goal, evaluate_batches
from pixeltable.exec.tally import Tally
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.bind import bind
from pixeltable.session.compute import column_goal
from pixeltable.session.entries import cells_of
from pixeltable.session.rows import as_rows, gather
from pixeltable.session.session import Session
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
    """What the table would hold of these rows, were they inserted; of the columns `outputs`, None for all.

    Raises:
        RequestError: the rows do not fit the table, or a cell failed and `on_error` is 'abort'.
    """
    rows = as_rows(source)
    tally.total = len(rows)

    def attempt() -> ComputedRows:
        table = session.table(table_id, name)
        if table.view is not None:
            raise Unsupported(f"{table.path!r} is a view: compute() takes rows of a table", hint="Call it on the base.")
        wanted = table.ready_columns if outputs is None else tuple(table.column(output) for output in outputs)
        values = gather(session, table, rows)
        goals = _goals(table, wanted, session.context.counting(tally), abort=on_error == "abort")
        found: dict[str, Column] = {column.name: Column([]) for column in wanted}
        pace = Pace(session.settings.batch_size)
        with closing(evaluate_batches(_batches(pace, table, values, len(rows)), goals)) as batches:
            for batch in batches:
                pace.done(batch.count)
                for column in wanted:
                    _extend(found[column.name], cells_of(batch, table, column), first=batch.first)
                tally.advance(batch.count)
        errors = {name: {row: f.error for row, f in cells.failures.items()} for name, cells in found.items()}
        return ComputedRows(
            {name: cells.values for name, cells in found.items()},
            {column.name: column.type for column in wanted},
            {name: failed for name, failed in errors.items() if failed},
        )

    return session.replanning(attempt)


def _goals(table: TableRecord, wanted: Sequence[ColumnRecord], context: Context, *, abort: bool) -> list[Goal]:
    """The computed columns wanted and, before each, the stored ones it is computed from."""
    needed: dict[int, ColumnRecord] = {}

    def need(column: ColumnRecord) -> None:
        if column.expr is None or column.id in needed:
            return
        bound = bind(column.expr, table, role=f"column {column.name!r}")
        for ref in {node.ref_column: node for node in bound.walk() if isinstance(node, ColumnRef)}:
            source = table.column_by_id(ref)
            assert source is not None
            need(source)
        needed[column.id] = column

    for column in wanted:
        need(column)
    return [column_goal(table, column, context, abort=abort) for column in needed.values()]


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
