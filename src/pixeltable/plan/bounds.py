"""A bound beyond which no row is among the first few of an order, so that the database sorts hardly any.

The database copies each row that it gives to a sort, if only to drop it; comparing it with a constant takes a fifth of
that. What the last of the first few is in a sample of the rows, it or better is the last of them among all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan import btrees
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.query import OrderItem
from pixeltable.plan.scope import Scope
from pixeltable.plan.sql import IN_SQL

MOST_ROWS = 200
"""A sample hardly has more than that among its first ones."""

_SHARE = 1.0
"""Percent of the pages that the sample reads."""


def bound_of_first(
    ordering: Sequence[OrderItem], keys: Sequence[Any], conditions: Sequence[Sql], count: int, scope: Scope
) -> list[Sql]:
    """A condition that the first `count` rows in the order of `keys` meet, among those that meet `conditions`.

    Both are over the rows of the table alone. No condition where an index has the order, or may find the few rows that
    a filter keeps: a sample of a very large table would take longer.
    """
    first, table = ordering[0], scope.table
    if not isinstance(first.expr.col_type, IN_SQL) or _has_index(first.expr, table):
        return []
    if conditions and (table.btrees or table.primary_key):
        return []
    sample = sa.tablesample(scope.rows, sa.func.system(_SHARE), name="sample")
    within = sa.sql.util.ClauseAdapter(sample).traverse
    last = (
        sa.select(within(keys[0].element))
        .select_from(sample)
        .where(*map(within, conditions))
        .order_by(*[within(key) for key in keys])
        .limit(1)
        .offset(count - 1)
        .scalar_subquery()
    )
    compared = keys[0].element <= last if first.ascending else keys[0].element >= last
    return [compared.is_not(sa.false())]  # null, which is last or first, and all if the sample has too few


def _has_index(expr: Expr, table: TableRecord) -> bool:
    is_key = isinstance(expr, ColumnRef) and expr.ref_column == next((key.id for key in table.primary_key), None)
    return is_key or btrees.leads_an_index(expr, table)
