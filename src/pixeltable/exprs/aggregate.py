"""Aggregates: one value of many rows, or, as a window, a running value in every row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from pixeltable.exprs.call import FunctionSpec
from pixeltable.exprs.expr import ADDED_LATER, Expr
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import ColumnType

Use = OneOf["aggregate", "window", "either"]
"""How a call of an aggregate function is meant; `either` is a window unless the query groups its rows."""

Frame = OneOf["running", "all"]
"""Which rows of its group a window sees: those up to its own, or every one."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Aggregate(Expr):
    """The value of `function` over many rows, fed in the order of `order_by`, then in that of insertion.

    `args` belong to the parameters of its `update()`, `constants` to those that follow, of its `__init__()`. A row in
    which an argument is null that its parameter does not accept is left out. As a window it starts anew for each value
    of `group_by`, and its value in a row is that of the rows in its `frame`.
    """

    function: FunctionSpec
    args: tuple[Expr, ...]
    constants: tuple[Literal, ...]
    order_by: tuple[Expr, ...]
    group_by: tuple[Expr, ...]
    use: Use
    result: ColumnType
    ascending: bool = field(default=True, metadata=ADDED_LATER)
    frame: Frame = field(default="running", metadata=ADDED_LATER)

    @property
    def type(self) -> ColumnType:
        return self.result

    def __str__(self) -> str:
        parameters = self.function.parameters[len(self.args) :]
        shown = [str(argument) for argument in self.args]
        shown += [
            f"{parameter.name}={constant}"
            for parameter, constant in zip(parameters, self.constants, strict=True)
            if not (parameter.has_default and repr(constant.value) == repr(parameter.default))
        ]
        shown += [f"group_by={key}" for key in self.group_by] + [f"order_by={key}" for key in self.order_by]
        shown += [] if self.ascending else ["asc=False"]
        shown += [] if self.frame == "running" else [f"frame={self.frame!r}"]
        return f"{self.function.name}({', '.join(shown)})"

    def is_window(self, *, grouping: bool) -> bool:
        """Whether it is a window in a query that has a group_by(), or has none."""
        return self.use == "window" or (self.use == "either" and not grouping)


def aggregates_in(expr: Expr) -> Iterator[Aggregate]:
    """The aggregates and windows in an expression; none is within another."""
    if isinstance(expr, Aggregate):
        yield expr
        return
    for child in expr.children():
        yield from aggregates_in(child)
