"""A grouped query as one statement: rows with their keys and arguments in a subquery, GROUP BY around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.exceptions import UnknownFunction
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.expr import Expr, rebuild, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.variable import Variable
from pixeltable.plan import json_sql
from pixeltable.plan.alchemy import Sql, postgresql, sa
from pixeltable.plan.planner import Pusher
from pixeltable.plan.query import Grouping, OrderItem
from pixeltable.plan.scope import Scope, sa_type
from pixeltable.plan.sql import IN_SQL, to_sql
from pixeltable.types.column_type import ColumnType, FloatType, JsonType, StringType
from pixeltable.udfs import registry
from pixeltable.udfs.aggregate import AggregateFunction


@dataclass(frozen=True, slots=True)
class GroupedSql:
    """A statement without order, its columns under the expressions they are the value of, and each group's first row.

    `first` is None where there are no keys, and so one group.
    """

    query: sa.Select[Any]
    columns: dict[Any, Sql]
    first: Sql | None

    def having(self, predicate: Expr, push: Pusher) -> GroupedSql | None:
        """With the groups alone for which the predicate is true; None if Python has to choose them."""
        values: dict[str, Sql] = {}

        def value_of(node: Expr) -> Expr | None:
            column = self.columns.get(structure(node))
            if column is None or not isinstance(node.col_type, IN_SQL):
                return None
            name = f"v{len(values)}"
            values[name] = column.collate("C") if isinstance(node.col_type, StringType) else column
            return Variable(name, node.col_type)

        over_groups = rebuild(predicate, value_of)
        clocks_agree, texts_agree = push.scope.clocks_agree, push.scope.texts_agree
        scope = Scope(push.scope.table, values, clocks_agree=clocks_agree, texts_agree=texts_agree)
        condition = to_sql(over_groups, scope)
        return None if condition is None else replace(self, query=self.query.having(condition))

    def order(self, items: Sequence[OrderItem], push: Pusher) -> list[Any] | None:
        """An ORDER BY, with groups that are equal in all items by their first row; None if Python has to order."""
        keys: list[Any] = []
        for item in items:
            column = self.columns.get(structure(item.expr))
            found = None if column is None else _sort_columns(item.expr.col_type, column, push)
            if found is None:
                return None
            keys += [key.asc() if item.ascending else key.desc() for key in found]
        return keys if self.first is None else [*keys, self.first]


def _sort_columns(kind: ColumnType, column: Sql, push: Pusher) -> list[Sql] | None:
    if isinstance(kind, JsonType):
        return json_sql.order_keys(column) if push.texts_agree() else None
    if isinstance(kind, StringType):
        return [column.collate("C")]
    return [column] if isinstance(kind, IN_SQL) else None


def grouped_sql(grouping: Grouping, where: Expr | None, push: Pusher) -> GroupedSql | None:
    """The statement that groups rows, or None where a part of it runs in Python. `where` has SQL, or is None."""
    inputs = _Inputs(push)
    keys = [inputs.add(_key_sql(key, push)) for key in grouping.keys]
    aggregates = [_aggregate_arguments(node, inputs, push) for node in grouping.aggregates]
    condition = None if where is None else push.sql(where)
    if None in keys or None in aggregates or (where is not None and condition is None):
        return None
    rows = inputs.subquery([] if condition is None else [condition])
    values = _values(grouping.aggregates, aggregates, rows)
    if values is None:
        return None
    by: list[Sql] = []
    if keys and _sees_rows_in_order(values, rows.c.row):
        rows = _in_order(rows)
        values, by = _without_orders(_values(grouping.aggregates, aggregates, rows) or ()), [rows.c.hashed]
    key_columns: list[Sql] = [rows.c[name] for name in keys if name is not None]
    shown = [_shown(key, column, rows.c.row) for key, column in zip(grouping.keys, key_columns, strict=True)]
    columns = [*shown, *values]
    labelled = [column.label(f"s{number}") for number, column in enumerate(columns)]
    query: sa.Select[Any] = sa.select(*labelled).group_by(*key_columns, *by)
    slots = (*grouping.keys, *grouping.aggregates)
    found = {structure(slot): column for slot, column in zip(slots, columns, strict=True)}
    return GroupedSql(query, found, sa.func.min(rows.c.row) if key_columns else None)


class _Inputs:
    """The columns of the subquery. What they are made of is under a name outside: parameters would not be equal."""

    def __init__(self, push: Pusher) -> None:
        self._push = push
        self._columns: list[Sql] = []

    def add(self, column: Sql | None) -> str | None:
        """The name a column has from now on; None for None."""
        if column is None:
            return None
        name = f"x{len(self._columns)}"
        self._columns.append(column.label(name))
        return name

    def subquery(self, conditions: list[Sql]) -> sa.Subquery:
        """The rows, which are numbered by `row`."""
        scope = self._push.scope
        query = sa.select(scope.row_number.label("row"), *self._columns)
        return query.select_from(scope.from_clause()).where(*conditions).subquery("rows")


def _values(
    aggregates: Sequence[Aggregate], arguments: Sequence[list[str] | None], rows: sa.Subquery
) -> list[Sql] | None:
    """The aggregates over the rows; None if one has no SQL."""
    values: list[Sql] = []
    for node, names in zip(aggregates, arguments, strict=True):
        value = _aggregate_sql(node, *(rows.c[name] for name in names or ()))
        if value is None:
            return None
        values.append(value)
    return values


# Where an aggregate has an ORDER BY, the database sorts all rows by key and order, and cannot group them by a hash. But
# it feeds them to a hash as they come, so it is enough that they come in the order of their numbers, in which most of
# them are stored.


def _sees_rows_in_order(values: Sequence[Sql], row: Sql) -> bool:
    """Whether one of the aggregates has an order, and the order of all that have one is that of the rows."""
    parts = [part for value in values for part in sa.sql.visitors.iterate(value)]
    orders = [part.order_by for part in parts if isinstance(part, postgresql.aggregate_order_by)]
    sorting = any(
        isinstance(part, sa.sql.elements.WithinGroup) or getattr(part, "operator", None) is sa.sql.operators.distinct_op
        for part in parts
    )
    return bool(orders) and not sorting and all(order is row for order in orders)


def _in_order(rows: sa.Subquery) -> sa.Subquery:
    """The rows in their order, with a constant: it has a type that can be hashed, but not sorted, and so can no key
    that it is part of."""
    chosen: sa.Select[Any] = sa.select(*rows.c, sa.literal_column("'0'::xid").label("hashed"))
    return chosen.select_from(rows).order_by(rows.c.row).subquery("in_order")


def _without_orders(values: Sequence[Sql]) -> list[Sql]:
    def target(part: Any, **_: Any) -> Any:
        return part.target if isinstance(part, postgresql.aggregate_order_by) else None

    replaced: Any = sa.sql.visitors.replacement_traverse
    return [replaced(value, {}, target) for value in values]


def _shown(key: Expr, column: Sql, row: Sql) -> Sql:
    """What stands for a group: of equal Json values, which may look different, that of its first row."""
    if not isinstance(key.col_type, JsonType):
        return column
    # The least of these texts begins with the number of the first row; an aggregate in their order would sort all rows.
    numbered = sa.func.lpad(sa.cast(row, sa.Text), _DIGITS, "0") + sa.cast(column, sa.Text)
    first = sa.func.min(numbered.collate("C"), type_=sa.Text)
    return sa.cast(sa.func.substr(first, _DIGITS + 1), postgresql.JSONB)


_DIGITS = 19
"""Of the largest row number."""


def _key_sql(key: Expr, push: Pusher) -> Sql | None:
    if not isinstance(key.col_type, (*IN_SQL, JsonType)):
        return None
    sql = typed_sql(key, push)
    # -0.0 and 0.0 are equal, and which of them stands for their group has to be the same in every run.
    return sql + sa.literal(0.0, sa.Double) if sql is not None and isinstance(key.col_type, FloatType) else sql


def typed_sql(expr: Expr, push: Pusher) -> Sql | None:
    """The expression as a column of its type: a sum of `integer` is not one of `bigint`, and a null has no type."""
    sql = push.sql(expr)
    if sql is None or isinstance(expr, ColumnRef) or not isinstance(expr.col_type, IN_SQL):
        return sql
    return sa.cast(sql, sa_type(expr.col_type))


def _aggregate_arguments(node: Aggregate, inputs: _Inputs, push: Pusher) -> list[str] | None:
    """The names in the subquery of what numbers its rows and of its arguments, or None if it runs in Python."""
    function = sql_function(node)
    if function is None or function.sql is None:
        return None
    arguments = arguments_sql(node, push)
    order = order_sql(node, push)
    if arguments is None or order is None:
        return None
    numbered = sa.func.row_number().over(order_by=order)
    found = [inputs.add(numbered) if node.call_order_by else "row", *map(inputs.add, arguments)]
    return [name for name in found if name is not None]


def arguments_sql(node: Aggregate, push: Pusher) -> list[Sql] | None:
    """The arguments of an aggregate, or None if one is in Python, or of a type that its parameter has not."""
    found: list[Sql] = []
    for argument, parameter in zip(node.call_args, node.call_function.parameters, strict=False):
        fitting = parameter.type is None or (
            isinstance(argument.col_type, IN_SQL) and type(argument.col_type) is type(parameter.type)
        )
        sql = typed_sql(argument, push) if fitting else None
        if sql is None:
            return None
        found.append(sa.type_coerce(sql, sa_type(argument.col_type)))
    return found


def order_sql(node: Aggregate, push: Pusher, *, by_row: bool = True) -> list[Any] | None:
    """The order in which an aggregate sees its rows, those that are equal `by_row`; None if Python has to order."""
    keys: list[Any] = []
    for key in node.call_order_by:
        sql = typed_sql(key, push) if isinstance(key.col_type, IN_SQL) else None
        if sql is None:
            return None
        sql = sql.collate("C") if isinstance(key.col_type, StringType) else sql
        keys.append(sql.asc() if node.call_ascending else sql.desc())
    return [*keys, *push.scope.row_keys] if by_row or not keys else keys


def _aggregate_sql(node: Aggregate, row: Sql, *arguments: Sql) -> Sql | None:
    function = sql_function(node)
    assert function is not None
    assert function.sql is not None
    typed = [
        sa.type_coerce(column, sa_type(argument.col_type))
        for column, argument in zip(arguments, node.call_args, strict=True)
    ]
    found: Sql | None = function.sql(*typed, *(constant.value for constant in node.call_constants), row=row)
    return found


def sql_function(node: Aggregate) -> AggregateFunction | None:
    """The function that an aggregate calls; None if it is not there."""
    try:
        found = registry.find(node.call_function)
    except UnknownFunction:
        return None  # stored by value and not loaded yet, or gone: whoever evaluates it finds out
    return found if isinstance(found, AggregateFunction) else None
