"""A query as data: what users build step by step, before anything is resolved."""

from dataclasses import dataclass
from typing import Literal

from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.expr import Expr


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A sort key. Null comes last in ascending and first in descending order."""

    expr: Expr
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows that are equal in all `keys` become one, which has `aggregates`; without keys all rows become one."""

    keys: tuple[Expr, ...]
    aggregates: tuple[Aggregate, ...]


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """The clauses of a query over the table of id `table`; `select` None means all columns.

    With `group_by`, or an aggregate in `select` or `order_by`, it yields a row for each group of rows.

    `row_order` is the order of rows that `order_by` leaves open: that of insertion, or its reverse.
    """

    table: int
    select: tuple[tuple[str, Expr], ...] | None = None
    where: Expr | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
    group_by: tuple[Expr, ...] = ()
    row_order: Literal["inserted", "newest"] = "inserted"
