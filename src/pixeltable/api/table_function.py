"""A table as a function: from the columns that are given to those that are computed, with nothing inserted."""

from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import Unsupported
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.json_values import JsonObject
from pixeltable.exprs.leaves import ColumnRef, as_expr
from pixeltable.exprs.properties import CellProperty, Similarity
from pixeltable.exprs.variable import Variable
from pixeltable.plan.bind import bind
from pixeltable.udfs.expressions import ExprFunction
from pixeltable.udfs.function import Function


def table_function(record: TableRecord, return_value: Any, description: str | None) -> Function:
    """The function that a table is; see `pixeltable.udf`. Columns that are added later do not change it.

    Raises:
        ForeignColumn: `return_value` refers to another table.
        Unsupported: it refers to what only stored rows have: similarities, error properties.
    """
    if record.view is not None:
        raise Unsupported(f"{record.path!r} is a view, and a function is made of a table", hint="Use its base.")
    columns = record.ready_columns
    # Those without a default come first, as in any function.
    given = sorted((column for column in columns if not column.is_computed), key=lambda column: column.type.nullable)
    parameters = tuple(Parameter(column.name, column.type, column.type.nullable) for column in given)
    values: dict[int, Expr] = {column.id: Variable(column.name, column.type) for column in given}

    def inline(node: Expr) -> Expr | None:
        if isinstance(node, Similarity | CellProperty):
            raise Unsupported(f"`{node}` can only be read from a table, so it cannot be part of a function")
        return values[node.ref_column] if isinstance(node, ColumnRef) else None

    for column in columns:  # a column's definition refers only to columns before it
        if column.expr is not None:
            values[column.id] = rebuild(column.expr, inline)
    if return_value is None:
        result: Expr = JsonObject(tuple(c.name for c in columns), tuple(values[c.id] for c in columns))
    else:
        result = rebuild(bind(as_expr(return_value), record, role="return_value"), inline)

    def computed(**arguments: Any) -> Expr:
        return made.node(tuple(as_expr(arguments[parameter.name]) for parameter in parameters))

    made = ExprFunction(
        computed, parameters, result, name=record.name,
        description=description or f"Compute the columns of a row of the table {record.name!r}.",
    )  # fmt: skip
    return made
