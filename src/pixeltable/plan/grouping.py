"""Queries that group rows or run windows over them: in one statement where SQL can, else what Python needs for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidExpression, TypeMismatch, Unsupported
from pixeltable.exprs.aggregate import Aggregate, aggregates_in, is_window
from pixeltable.exprs.expr import Expr, children_of, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.properties import BaseRow
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.bind import bind, bind_item, bind_predicate, require_bool
from pixeltable.plan.group_sql import GroupedSql, grouped_sql
from pixeltable.plan.planner import (
    Pusher,
    QueryPlan,
    Scan,
    compile_scan,
    order_keys,
    plan_query,
    select_outputs,
    slot_sql,
    slots_of,
    split_predicate,
)
from pixeltable.plan.query import Grouping, OrderItem, QuerySpec
from pixeltable.plan.scope import Pushdown
from pixeltable.plan.window_sql import WindowPusher
from pixeltable.types.column_type import ArrayType, MediaType


def plan_select(spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None) -> QueryPlan:
    """The plan of a query whose similarities are resolved."""
    if is_grouped(spec):
        return _plan_groups(spec, table, pushdown=pushdown)
    if any(True for expr in _items(spec) for _ in aggregates_in(expr)):
        return _plan_windows(spec, table, pushdown=pushdown)
    return plan_query(spec, table, pushdown=pushdown)


def plan_in_memory(spec: QuerySpec, table: TableRecord) -> QueryPlan:
    """The plan of a query over rows that are in memory, of which Python does everything."""
    outputs, ordering = select_outputs(spec, table), _bound_order(spec, table)
    grouped = _Grouped(spec, table) if is_grouped(spec) else None
    exprs = [*(expr for _, expr in outputs), *(item.expr for item in ordering)]
    return QueryPlan(
        scan=Scan("", {}, ()),
        outputs=outputs,
        where=None if spec.where is None else bind_predicate(spec.where, table),
        grouping=None if grouped is None else grouped.grouping,
        having=None if grouped is None else grouped.having,
        windows=_distinct(exprs) if grouped is None else (),
        order_by=ordering,
        limit=spec.limit,
        offset=spec.offset,
        newest_first=spec.row_order == "newest",
    )


def grouped_if_distinct(spec: QuerySpec, table: TableRecord) -> QuerySpec:
    """A query for distinct rows as one that groups by all that it selects."""
    if not spec.distinct:
        return spec
    outputs = select_outputs(spec, table)
    keys = {structure(expr): expr for _, expr in outputs}
    return replace(spec, select=outputs, group_by=tuple(keys.values()), distinct=False)


def plan_group_count(spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None) -> Scan | None:
    """A statement that counts the groups of a grouped query, or None where Python groups them."""
    grouped = _Grouped(spec, table)
    found = grouped.sql(table, pushdown=pushdown) if pushdown else None
    found = found if found is None else grouped.chosen_in_sql(found, table, pushdown=pushdown)
    if found is None:
        return None
    groups = found.query.limit(spec.limit).offset(spec.offset).subquery()
    return compile_scan(sa.select(sa.func.count()).select_from(groups), ())


def is_grouped(spec: QuerySpec) -> bool:
    """Whether the query yields rows for groups: it has a group_by(), a having(), or an aggregate."""
    found = (aggregate for expr in _items(spec) for aggregate in aggregates_in(expr))
    return (
        bool(spec.group_by)
        or spec.having is not None
        or any(not is_window(aggregate, grouping=False) for aggregate in found)
    )


def _items(spec: QuerySpec) -> Iterator[Expr]:
    yield from (expr for _, expr in spec.select or ())
    yield from (item.expr for item in spec.order_by)


def bind_key(expr: Expr, table: TableRecord, *, role: str = "group_by()") -> Expr:
    """A bound expression by which rows can be grouped.

    Raises:
        TypeMismatch: its values are arrays or media.
    """
    if isinstance(expr.col_type, ArrayType | MediaType):
        raise TypeMismatch(f"{role}: `{expr}` has type `{expr.col_type}`, by which rows cannot be grouped")
    return bind(expr, table, role=role)


def bind_having(predicate: object, table: TableRecord) -> Expr:
    """A bound expression that can choose among groups.

    Raises:
        TypeMismatch: it is no Bool.
    """
    return bind_item(require_bool(predicate, role="having()"), table, role="having()")


def check_groups(spec: QuerySpec, table: TableRecord) -> None:
    """Refuse a query whose items have no single value in a group.

    Raises:
        InvalidExpression: an item is neither a key nor an aggregate.
        Unsupported: an item is a window.
    """
    _Grouped(spec, table)


class _Grouped:
    """A grouped query, bound and checked."""

    def __init__(self, spec: QuerySpec, table: TableRecord) -> None:
        self.spec = spec
        self.outputs = select_outputs(spec, table)
        self.ordering = _bound_order(spec, table)
        keys = tuple(bind_key(key, table) for key in spec.group_by)
        self.having = None if spec.having is None else bind_having(spec.having, table)
        exprs = [*(expr for _, expr in self.outputs), *(item.expr for item in self.ordering)]
        keys = (*keys, *_columns_of_bases(keys, table, [*exprs, *(() if self.having is None else (self.having,))]))
        self.grouping = Grouping(keys, _distinct([*exprs, *(() if self.having is None else (self.having,))]))
        self._known = {structure(key) for key in keys}
        for name, expr in self.outputs:
            self._check(f"select(): {name!r}", expr)
        for item in self.ordering:
            self._check(f"order_by(): `{item.expr}`", item.expr)
        if self.having is not None:
            self._check("having()", self.having)

    def _check(self, role: str, node: Expr) -> None:
        if structure(node) in self._known:
            return
        if isinstance(node, ColumnRef):
            raise InvalidExpression(
                f"{role} has no single value in a group: `{node}` is neither grouped by nor in an aggregate",
                hint=f"Add it to group_by(), or aggregate it: pxtf.max({node}), pxtf.make_list({node}).",
            )
        if not isinstance(node, Aggregate):
            for child in children_of(node):
                self._check(role, child)
        elif is_window(node, grouping=bool(self.spec.group_by)):
            raise Unsupported(
                f"{role}: the window `{node}` cannot be used in a query that aggregates rows",
                hint="Run it in a query of its own.",
            )

    def sql(self, table: TableRecord, *, pushdown: Pushdown | None) -> GroupedSql | None:
        """The statement that groups, if there is one."""
        push = Pusher(table, pushdown=pushdown)
        if self.spec.sample is not None or push.left_over:
            return None
        where = None if self.spec.where is None else bind_predicate(self.spec.where, table)
        return grouped_sql(self.grouping, where, push)

    def chosen_in_sql(self, found: GroupedSql, table: TableRecord, *, pushdown: Pushdown | None) -> GroupedSql | None:
        """The statement with the groups alone that having() keeps, or None where Python chooses them."""
        return found if self.having is None else found.having(self.having, Pusher(table, pushdown=pushdown))


def _columns_of_bases(keys: Sequence[Expr], table: TableRecord, exprs: Sequence[Expr]) -> tuple[ColumnRef, ...]:
    """Columns in these expressions, beside aggregates, of the tables whose rows are keys: they are keys too."""
    rows = {key.table_id for key in keys if isinstance(key, BaseRow)}
    known = {base.id for source in table.lineage if source.id in rows for base in source.lineage}
    found: dict[int, ColumnRef] = {}

    def visit(node: Expr) -> None:
        if isinstance(node, ColumnRef) and node.ref_table in known:
            found[node.ref_column] = node
        if not isinstance(node, Aggregate):
            for child in children_of(node):
                visit(child)

    for expr in exprs if known else ():
        visit(expr)
    return tuple(found.values())


def _distinct(exprs: Sequence[Expr]) -> tuple[Aggregate, ...]:
    return tuple({structure(node): node for expr in exprs for node in aggregates_in(expr)}.values())


def _plan_groups(spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None) -> QueryPlan:
    grouped = _Grouped(spec, table)
    found = grouped.sql(table, pushdown=pushdown) if pushdown else None
    if found is None:
        return _plan_in_python(grouped, table, pushdown=pushdown)
    chosen = grouped.chosen_in_sql(found, table, pushdown=pushdown)
    push = Pusher(table, pushdown=pushdown)
    order = found.order(grouped.ordering, push)
    in_sql = order is not None and chosen is not None
    query = (chosen or found).query.order_by(*(order if order is not None else found.order((), push) or ()))
    if in_sql:
        query = query.limit(spec.limit).offset(spec.offset)
    return QueryPlan(
        scan=compile_scan(query, (*grouped.grouping.keys, *grouped.grouping.aggregates)),
        outputs=grouped.outputs,
        having=None if chosen is not None else grouped.having,
        order_by=() if order is not None else grouped.ordering,
        limit=None if in_sql else spec.limit,
        offset=None if in_sql else spec.offset,
    )


def _plan_in_python(grouped: _Grouped, table: TableRecord, *, pushdown: Pushdown | None) -> QueryPlan:
    """A statement for the rows, with what the keys and aggregates need of them."""
    grouping = grouped.grouping
    inputs = [*grouping.keys, *(child for aggregate in grouping.aggregates for child in children_of(aggregate))]
    rows = plan_query(_rows_of(grouped.spec, inputs), table, pushdown=pushdown)
    spec = grouped.spec
    return replace(
        rows,
        outputs=grouped.outputs,
        grouping=grouping,
        having=grouped.having,
        order_by=grouped.ordering,
        limit=spec.limit,
        offset=spec.offset,
    )


def _plan_windows(spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None) -> QueryPlan:
    """A statement for all rows: none is cut off before the windows have seen it."""
    outputs = select_outputs(spec, table)
    ordering = _bound_order(spec, table)
    exprs = [*(expr for _, expr in outputs), *(item.expr for item in ordering)]
    in_sql = _windows_in_sql(spec, table, outputs, ordering, pushdown=pushdown) if pushdown else None
    if in_sql is not None:
        return in_sql
    rows = plan_query(_rows_of(spec, exprs), table, pushdown=pushdown)
    return replace(
        rows,
        outputs=outputs,
        windows=_distinct(exprs),
        order_by=ordering,
        limit=spec.limit,
        offset=spec.offset,
        newest_first=spec.row_order == "newest",
    )


def _windows_in_sql(
    spec: QuerySpec,
    table: TableRecord,
    outputs: tuple[tuple[str, Expr], ...],
    ordering: tuple[OrderItem, ...],
    *,
    pushdown: Pushdown | None,
) -> QueryPlan | None:
    """A statement with the windows; None where SQL has none of them, or not the whole filter.

    It orders and cuts if it has them all. What it lacks is left to Python, which needs all rows for it.
    """
    if spec.sample is not None:
        return None
    push = WindowPusher(table, pushdown=pushdown)
    predicate = None if spec.where is None else bind_predicate(spec.where, table)
    conditions, where = split_predicate(predicate, push)
    exprs = [*(expr for _, expr in outputs), *(item.expr for item in ordering)]
    windows = _distinct(exprs)
    left = tuple(window for window in windows if push.sql(window) is None)
    if where is not None or len(left) == len(windows):
        return None
    keys = None if left else order_keys(ordering, spec, push)
    slots = tuple(slots_of(exprs if keys is None else [expr for _, expr in outputs], push))
    columns: list[Sql] = [slot_sql(slot, push).label(f"s{number}") for number, slot in enumerate(slots)]
    query: sa.Select[Any] = sa.select(*(columns or [sa.true()])).select_from(push.scope.from_clause())
    query = query.where(*conditions).order_by(*(keys or push.scope.row_keys))
    in_sql = keys is not None
    return QueryPlan(
        scan=compile_scan(query.limit(spec.limit).offset(spec.offset) if in_sql else query, slots),
        outputs=outputs,
        windows=left,
        order_by=() if in_sql else ordering,
        limit=None if in_sql else spec.limit,
        offset=None if in_sql else spec.offset,
        newest_first=not in_sql and spec.row_order == "newest",
    )


def _rows_of(spec: QuerySpec, exprs: Sequence[Expr]) -> QuerySpec:
    """The query for the rows before they are grouped, ordered and cut, in the order of insertion."""
    select = tuple((f"x{number}", expr) for number, expr in enumerate(exprs))
    return replace(
        spec, select=select, order_by=(), group_by=(), having=None, limit=None, offset=None, row_order="inserted"
    )


def _bound_order(spec: QuerySpec, table: TableRecord) -> tuple[OrderItem, ...]:
    return tuple(OrderItem(bind_item(item.expr, table, role="order_by()"), item.ascending) for item in spec.order_by)
