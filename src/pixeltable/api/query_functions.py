"""Functions that run a query for each row: `@query`, and look-ups by `retrieval_udf`."""

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from pixeltable.api.arguments import name_of
from pixeltable.api.query import Query, clauses_of
from pixeltable.api.stand_in import table_of
from pixeltable.api.table import Table, record_of
from pixeltable.catalog.records import ColumnRecord
from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.queries import QueryCall
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import JsonType
from pixeltable.udfs.expressions import DerivedFunction, named_function, variables_of
from pixeltable.udfs.function import Function
from pixeltable.udfs.signature import read_parameters


class QueryFunction(DerivedFunction):
    """A function whose value is the rows of a query over Variables of its parameters' names."""

    def __init__(
        self, body: Callable[..., Any], parameters: Sequence[Parameter], found: Query, *, scalar: bool, **declared: Any
    ) -> None:
        super().__init__(body, parameters, JsonType(), **declared)
        self._found = found
        self._scalar = scalar

    def node(self, args: tuple[Expr, ...]) -> Expr:
        """The call, which holds the query by value."""
        name, spec = clauses_of(self._found)
        return QueryCall(self.name, name, spec, self.parameters, args, self._scalar)


@overload
def query(fn: Callable[..., Any], /) -> Function: ...


@overload
def query(
    *, param_types: Sequence[Any] | None = None, return_scalar: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...


def query(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    param_types: Sequence[Any] | None = None,
    return_scalar: bool = False,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Declare a function that returns a query over its parameters, for use in expressions over other tables.

    The body runs once, now, with a placeholder for each parameter; placeholders can stand in `where`, `select`,
    `order_by`, `limit` and `similarity`. Called in an expression, the function yields a Json list of the rows found for
    each row's arguments: objects, with times and UUIDs as text. Columns store the query by value. Rows are queried
    together, in one statement where SQL can do all of the filter and the order. A null for a parameter that accepts
    none makes the result null.

    Args:
        param_types: the types of the parameters, in order, in place of annotations.
        return_scalar: the query yields one column, and the list has its values in place of objects.

    Raises:
        InvalidType: a parameter has no type.
        InvalidArgument: the body returns no query, or not one column where `return_scalar` is set.
    """
    if fn is not None:
        return _declare(fn, param_types, return_scalar)
    return lambda fn: _declare(fn, param_types, return_scalar)


def _declare(fn: Callable[..., Any], param_types: Sequence[Any] | None, return_scalar: bool) -> Function:
    function = named_function(fn, "@query")
    parameters = read_parameters(function, name=function.__name__, param_types=param_types)
    found = table_of(function(**variables_of(parameters)))
    if isinstance(found, Table):
        found = found.select()
    if not isinstance(found, Query):
        raise InvalidArgument(
            f"query function {function.__name__!r} returned a {type(found).__name__}, not a query",
            hint="Return it without collect(): what is returned is run for each row.",
        )
    if return_scalar and len(found.schema) != 1:
        raise InvalidArgument(
            f"query function {function.__name__!r} yields {len(found.schema)} columns, but return_scalar takes one"
        )
    return QueryFunction(function, parameters, found, scalar=return_scalar)


def retrieval_udf(
    table: Table,
    name: str | None = None,
    description: str | None = None,
    parameters: Iterable[str | Expr] | None = None,
    limit: int | None = 10,
) -> Function:
    """A function that looks up the rows of a table in which columns equal its arguments; often a tool of a model.

    Args:
        name: of the function; without it the name of the table.
        description: what a model is told about it.
        parameters: the columns to look up by, all of them required; without it those that are not computed.
        limit: most rows to return, None for all.

    Returns:
        A function whose value is a Json list of objects, as `query` returns it.

    Raises:
        NotFoundError: there is no such column.
        TypeMismatch: values of a column cannot be compared.
    """
    table = table_of(table)
    if not isinstance(table, Table):
        raise InvalidArgument(f"retrieval_udf() takes a table, got {type(table).__name__}")
    record = record_of(table)
    chosen = _columns(table, parameters)
    given = tuple(Parameter(column.name, column.type.with_nullable(False)) for column in chosen)

    def look_up(**arguments: Any) -> Query:
        equal = [table[column] == argument for column, argument in arguments.items()]
        found = table.where(functools.reduce(operator.and_, equal))
        return found if limit is None else found.limit(limit)

    names = ", ".join(parameter.name for parameter in given)
    return QueryFunction(
        look_up, given, look_up(**variables_of(given)), scalar=False, name=name or record.name,
        description=description or f"Look up rows of the table {record.name!r} by {names}.",
    )  # fmt: skip


def _columns(table: Table, parameters: Iterable[str | Expr] | None) -> list[ColumnRecord]:
    record = record_of(table)
    if parameters is None:
        chosen = [column for column in record.ready_columns if not column.is_computed]
    else:
        chosen = [record.column(name_of(parameter, record)) for parameter in parameters]
    if not chosen:
        raise InvalidArgument("retrieval_udf() needs at least one column to look up by")
    for column in chosen:
        ref = record.ref(column)
        try:
            ref == Variable(column.name, column.type)  # noqa: B015  # raises where there is no equality
        except TypeMismatch:
            raise TypeMismatch(
                f"retrieval_udf(): column {column.name!r} has type `{column.type}`, whose values cannot be compared",
                hint="Name the columns to look up by: parameters=[...].",
            ) from None
    return chosen
