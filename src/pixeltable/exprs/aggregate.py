"""Aggregates: one value of many rows, or, as a window, a running value in every row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from pixeltable.exprs.call import FunctionSpec
from pixeltable.exprs.expr import ADDED_LATER, Expr, children_of
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import ColumnType

Use = OneOf["aggregate", "window", "either"]
"""How a call of an aggregate function is meant; `either` is a window unless the query groups its rows."""

Frame = OneOf["running", "all"]
"""Which rows of its group a window sees: those up to its own, or every one."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Aggregate(Expr):
    """The value of `call_function` over many rows, fed in the order of `call_order_by`, then in that of insertion.

    `call_args` belong to the parameters of its `update()`, `call_constants` to those that follow, of its `__init__()`.
    A row in which an argument is null that its parameter does not accept is left out. As a window it starts anew for
    each value of `call_group_by`, and its value in a row is that of the rows in its `call_frame`.
    """

    call_function: FunctionSpec
    call_args: tuple[Expr, ...]
    call_constants: tuple[Literal, ...]
    call_order_by: tuple[Expr, ...]
    call_group_by: tuple[Expr, ...]
    call_use: Use
    call_result: ColumnType
    call_ascending: bool = field(default=True, metadata=ADDED_LATER)
    call_frame: Frame = field(default="running", metadata=ADDED_LATER)

    @property
    def col_type(self) -> ColumnType:
        return self.call_result

    def __str__(self) -> str:
        parameters = self.call_function.parameters[len(self.call_args) :]
        shown = [str(argument) for argument in self.call_args]
        shown += [
            f"{parameter.name}={constant}"
            for parameter, constant in zip(parameters, self.call_constants, strict=True)
            if not (parameter.has_default and repr(constant.value) == repr(parameter.default))
        ]
        shown += [f"group_by={key}" for key in self.call_group_by] + [f"order_by={key}" for key in self.call_order_by]
        shown += [] if self.call_ascending else ["asc=False"]
        shown += [] if self.call_frame == "running" else [f"frame={self.call_frame!r}"]
        return f"{self.call_function.name}({', '.join(shown)})"


def is_window(aggregate: Aggregate, *, grouping: bool) -> bool:
    """Whether it is a window in a query that has a group_by(), or has none."""
    return aggregate.call_use == "window" or (aggregate.call_use == "either" and not grouping)


def aggregates_in(expr: Expr) -> Iterator[Aggregate]:
    """The aggregates and windows in an expression; none is within another."""
    if isinstance(expr, Aggregate):
        yield expr
        return
    for child in children_of(expr):
        yield from aggregates_in(child)
