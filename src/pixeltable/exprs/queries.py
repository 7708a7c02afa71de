"""A query that is run for the arguments of each row, as a value of the row."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.types.column_type import ColumnType, JsonType


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QueryCall(Expr):
    """The rows of a query as a Json list, with `args` for its parameters, in their order.

    `query` is a `plan.query.QuerySpec` over the table that was under `table`, with a Variable wherever a parameter
    stands. Each row is an object of the columns selected, or, if the call is `scalar`, the value of the only one. An
    argument that is null makes the result null if its parameter accepts none.
    """

    name: str
    table: str
    query: Any
    parameters: tuple[Parameter, ...]
    args: tuple[Expr, ...]
    scalar: bool

    @property
    def type(self) -> ColumnType:
        return JsonType(
            any(
                argument.type.nullable and parameter.type is not None and not parameter.type.nullable
                for argument, parameter in zip(self.args, self.parameters, strict=True)
            )
        )

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"
