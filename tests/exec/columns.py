"""Running functions over columns of values, as the executor does."""

import datetime
from collections.abc import Sequence
from typing import Any

from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.context import Context
from pixeltable.exec.engine import Engine
from pixeltable.exec.evaluate import column_of
from pixeltable.exprs.call import FunctionSpec
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.types.column_type import ColumnType
from pixeltable.udfs.function import Function

ENGINE = Engine()
"""Of all tests in a process: its thread lives as long as the process."""


def column(name: str, column_type: ColumnType) -> ColumnRef:
    return ColumnRef(1, 1, name, column_type)


def context(*functions: Function, zone: datetime.tzinfo = datetime.UTC, batch_size: int = 100) -> Context:
    """A context that knows these functions by the paths of their specs."""
    known = {function.spec.path: function for function in functions}

    def find(spec: FunctionSpec) -> Function:
        return known[spec.path]

    return Context(zone, find, batch_size, ENGINE)


def evaluated(expr: Expr, columns: dict[str, Sequence[Any]], within: Context) -> Column:
    """The column of an expression over columns under their names."""
    batch = Batch(len(next(iter(columns.values()))))
    for node in nodes_in(expr):
        if isinstance(node, ColumnRef) and node.ref_name in columns:
            batch.put(node, Column(list(columns[node.ref_name])))
    return column_of(expr, batch, within)
