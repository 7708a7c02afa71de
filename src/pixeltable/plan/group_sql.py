"""A grouped query as one statement: rows with their keys and arguments in a subquery, GROUP BY around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import UnknownFunction
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.expr import Expr, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.planner import Pusher
from pixeltable.plan.query import Grouping, OrderItem
from pixeltable.plan.scope import sa_type
from pixeltable.plan.sql import IN_SQL
from pixeltable.types.column_type import FloatType, StringType
from pixeltable.udfs import registry


@dataclass(frozen=True, slots=True)
class GroupedSql:
    """A statement without order, its columns under the expressions they are the value of, and each group's first row.

    `first` is None where there are no keys, and so one group.
    """

    query: sa.Select[Any]
    columns: dict[Any, Sql]
    first: Sql | None

    def order(self, items: Sequence[OrderItem]) -> list[Any] | None:
        """An ORDER BY, with groups that are equal in all items by their first row; None if Python has to order."""
        keys: list[Any] = []
        for item in items:
            column = self.columns.get(structure(item.expr))
            if column is None or not isinstance(item.expr.type, IN_SQL):
                return None
            column = column.collate("C") if isinstance(item.expr.type, StringType) else column
            keys.append(column.asc() if item.ascending else column.desc())
        return keys if self.first is None else [*keys, self.first]


def grouped_sql(grouping: Grouping, where: Expr | None, push: Pusher) -> GroupedSql | None:
    """The statement that groups rows, or None where a part of it runs in Python. `where` has SQL, or is None."""
    inputs = _Inputs(push)
    keys = [inputs.add(_key_sql(key, push)) for key in grouping.keys]
    aggregates = [_aggregate_arguments(node, inputs, push) for node in grouping.aggregates]
    condition = None if where is None else push.sql(where)
    if None in keys or None in aggregates or (where is not None and condition is None):
        return None
    rows = inputs.subquery([] if condition is None else [condition])
    key_columns: list[Sql] = [rows.c[name] for name in keys if name is not None]
    values = [
        _aggregate_sql(node, [rows.c[name] for name in names or ()], rows.c.row)
        for node, names in zip(grouping.aggregates, aggregates, strict=True)
    ]
    if any(value is None for value in values):
        return None
    columns = [*key_columns, *(value for value in values if value is not None)]
    labelled = [column.label(f"s{number}") for number, column in enumerate(columns)]
    query: sa.Select[Any] = sa.select(*labelled).group_by(*key_columns)
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


def _key_sql(key: Expr, push: Pusher) -> Sql | None:
    if not isinstance(key.type, IN_SQL):
        return None  # SQL has one of several equal Json values in no particular order
    sql = _typed(key, push)
    # -0.0 and 0.0 are equal, and which of them stands for their group has to be the same in every run.
    return sql + sa.literal(0.0, sa.Double) if sql is not None and isinstance(key.type, FloatType) else sql


def _typed(expr: Expr, push: Pusher) -> Sql | None:
    """The expression as a column of its type: a sum of `integer` is not one of `bigint`, and a null has no type."""
    sql = push.sql(expr)
    if sql is None or isinstance(expr, ColumnRef) or not isinstance(expr.type, IN_SQL):
        return sql
    return sa.cast(sql, sa_type(expr.type))


def _aggregate_arguments(node: Aggregate, inputs: _Inputs, push: Pusher) -> list[str] | None:
    """The names of its arguments in the subquery, or None if it runs in Python."""
    if node.order_by or _sql_rule(node) is None:
        return None
    names: list[str] = []
    for argument, parameter in zip(node.args, node.function.parameters, strict=False):
        fitting = parameter.type is None or (
            isinstance(argument.type, IN_SQL) and type(argument.type) is type(parameter.type)
        )
        name = inputs.add(_typed(argument, push)) if fitting else None
        if name is None:
            return None
        names.append(name)
    return names


def _aggregate_sql(node: Aggregate, arguments: Sequence[Sql], row: Sql) -> Sql | None:
    rule = _sql_rule(node)
    assert rule is not None
    typed = [
        sa.type_coerce(column, sa_type(argument.type)) for column, argument in zip(arguments, node.args, strict=True)
    ]
    found: Sql | None = rule(*typed, *(constant.value for constant in node.constants), row=row)
    return found


def _sql_rule(node: Aggregate) -> Any:
    try:
        return registry.find(node.function).sql
    except UnknownFunction:
        return None  # stored by value and not loaded yet, or gone: whoever evaluates it finds out
