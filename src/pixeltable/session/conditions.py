"""Columns and indexes that are not what they are to be: not computed yet, or of functions that are not to be had."""

import warnings
from collections.abc import Callable, Iterable

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import ForeignPickle, PixeltableWarning, UnknownFunction
from pixeltable.exprs.call import FunctionSpec
from pixeltable.session.codes import called
from pixeltable.session.session import Session
from pixeltable.udfs import registry


def problems(session: Session, table: TableRecord) -> dict[int, str]:
    """Why columns and indexes cannot be computed, by id; modules are imported to find out."""
    return dict(_problems(table, session.find_function))


def shares_computed(session: Session, table: TableRecord) -> dict[int, float]:
    """Of columns that are being computed, by id, the share of the rows that have a cell."""
    pending = {column.id: column.heap for column in table.columns if column.status != "ready"}
    counts = [f"(SELECT count(*) FROM {table.heap(heap).current})" for heap in pending.values() if heap is not None]
    if not counts:
        return {}
    statement = f"SELECT {', '.join(counts)}, (SELECT count(*) FROM {table.row_heap.current})"
    row = session.database.read(lambda connection: connection.execute(statement).fetchone())
    assert row is not None
    return {column: count / max(row[-1], 1) for column, count in zip(pending, row[:-1], strict=True)}


def _problems(table: TableRecord, find: Callable[[FunctionSpec], object]) -> Iterable[tuple[int, str]]:
    exprs = [(column.id, column.expr) for column in table.ready_columns if column.expr is not None]
    exprs += [(index.id, expr) for index in table.indexes if index.status == "ready" for _, expr in index.embeddings]
    for target, expr in exprs:
        try:
            for spec in called(expr, table):
                find(spec)
        except (UnknownFunction, ForeignPickle) as error:
            yield target, error.message


def warn_of_problems(session: Session, table: TableRecord) -> None:
    """Warn, once for each, of columns and indexes that cannot be computed, as far as that shows without an import."""
    for target, problem in _problems(table, registry.glance):
        key = (target, table.schema_version)
        if key in session.warned:
            continue
        session.warned.add(key)
        column = table.column_by_id(target)
        index = next((index for index in table.indexes if index.id == target), None)
        what = f"column {column.name!r}" if column is not None else f"index {index.name!r}" if index is not None else ""
        warnings.warn(
            f"{what} of table {table.path!r} cannot be computed: {problem}. What is stored stays readable; "
            "writes that need it are refused.",
            PixeltableWarning,
            stacklevel=3,
        )
