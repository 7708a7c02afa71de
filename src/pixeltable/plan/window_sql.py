"""Windows as parts of the statement that reads the rows they are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exprs.aggregate import Aggregate, Frame
from pixeltable.exprs.expr import Expr
from pixeltable.plan.alchemy import Sql
from pixeltable.plan.group_sql import arguments_sql, order_sql, sql_function, typed_sql
from pixeltable.plan.planner import Pusher
from pixeltable.plan.sql import IN_SQL

_ROWS: dict[Frame, tuple[int | None, int | None]] = {"running": (None, 0), "all": (None, None)}
"""From the first to the last row of a frame, counted from the current one; None is the end of the window there."""


@dataclass(frozen=True, slots=True)
class _Over:
    """Makes an SQL aggregate a window, as rules of `to_window_sql` ask for it."""

    partition: Sequence[Sql]
    order: Sequence[Any]
    keys: Sequence[Any]
    frame: Frame

    def __call__(self, element: Any) -> Sql:
        """Over the rows of the frame, in an order that leaves no two equal."""
        found: Sql = element.over(partition_by=self._partition, order_by=self.order, rows=_ROWS[self.frame])
        return found

    def peers(self, element: Any) -> Sql:
        """In the order of the keys alone."""
        found: Sql = element.over(partition_by=self._partition, order_by=self.keys)
        return found

    @property
    def _partition(self) -> Sequence[Sql] | None:
        return self.partition or None


class WindowPusher(Pusher):
    """As Pusher, with windows; no condition may be left to Python, for rows that it takes out would have counted."""

    def sql(self, node: Expr) -> Sql | None:
        """The node as SQL, its heaps joined; None, and nothing joined, if it runs in Python."""
        if not isinstance(node, Aggregate):
            return super().sql(node)
        before = dict(self.scope.used)
        found = self._window(node)
        if found is None:
            self.scope.used = before
        return found

    def _window(self, node: Aggregate) -> Sql | None:
        function = sql_function(node)
        if function is None or function.window_sql is None:
            return None
        partition = [typed_sql(key, self) if isinstance(key.col_type, IN_SQL) else None for key in node.call_group_by]
        arguments, order, keys = arguments_sql(node, self), order_sql(node, self), order_sql(node, self, by_row=False)
        if arguments is None or order is None or keys is None or any(key is None for key in partition):
            return None
        over = _Over([key for key in partition if key is not None], order, keys, node.call_frame)
        found: Sql | None = function.window_sql(
            *arguments, *(literal.value for literal in node.call_constants), over=over
        )
        return found
