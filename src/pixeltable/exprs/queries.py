"""Queries within expressions: one that is run for the arguments of each row, and one whose rows are looked among."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.types.column_type import BoolType, ColumnType, JsonType


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QueryCall(Expr):
    """The rows of a query as a Json list, with `call_args` for its parameters, in their order.

    `call_query` is a `plan.query.QuerySpec` over the table that was under `call_table`, with a Variable wherever a
    parameter stands. Each row is an object of the columns selected, or, if `call_scalar`, the value of the only one.
    An argument that is null makes the result null if its parameter accepts none.
    """

    call_name: str
    call_table: str
    call_query: Any
    call_parameters: tuple[Parameter, ...]
    call_args: tuple[Expr, ...]
    call_scalar: bool

    @property
    def col_type(self) -> ColumnType:
        return JsonType(
            any(
                argument.col_type.nullable and parameter.type is not None and not parameter.type.nullable
                for argument, parameter in zip(self.call_args, self.call_parameters, strict=True)
            )
        )

    def __str__(self) -> str:
        return f"{self.call_name}({', '.join(map(str, self.call_args))})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InQuery(Expr):
    """Whether the operand equals a value that a query of one column yields; null if the operand is null.

    `query` is a `plan.query.QuerySpec` over the table that was under `table`. Nulls among its values count for nothing.
    """

    operand: Expr
    table: str
    query: Any

    @property
    def col_type(self) -> ColumnType:
        return BoolType(self.operand.col_type.nullable)

    def __str__(self) -> str:
        return f"{self.operand}.isin(query over {self.table})"
