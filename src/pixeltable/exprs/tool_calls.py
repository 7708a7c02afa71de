"""Calls that a language model asked for, made within the row."""

from dataclasses import dataclass

from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr, record
from pixeltable.types.column_type import ColumnType, JsonType


@record
@dataclass(frozen=True, slots=True, eq=False)
class ToolBody:
    """A tool: what it is called, what it takes, and what to compute, an expression over Variables of these names."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ToolCalls(Expr):
    """The results of the calls in `call_source`: `{tool: [result, ...] | None}`, with a key for each tool.

    `call_source` is Json, `{tool: [{parameter: value}, ...] | None}`; where it is null, so is the result.
    """

    call_source: Expr
    call_tools: tuple[ToolBody, ...]

    @property
    def col_type(self) -> ColumnType:
        return JsonType(self.call_source.col_type.nullable)

    def __str__(self) -> str:
        return f"invoke_tools({', '.join(tool.name for tool in self.call_tools)}: {self.call_source})"
