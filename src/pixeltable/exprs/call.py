"""Calls of functions, and what a call knows of its function: data alone, the body is found by the executor."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exprs.expr import Expr, structure
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import ColumnType


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function. `has_default` tells a missing default from a default of None."""

    name: str
    type: ColumnType | None
    has_default: bool = False
    default: Any = None
    keyword_only: bool = False
    batched: bool = False


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function as data.

    `path` finds the body: `module.qualname`, or `local:module.qualname:<hash>` for one stored by value; `#n` behind it
    is the nth overload.

    `code` is a hash of its source, by which a change of the body is noticed.
    """

    path: str
    name: str
    parameters: tuple[Parameter, ...]
    returns: ColumnType
    code: str = ""
    deterministic: bool = True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Expr):
    """`function(*args)`, with one argument for every parameter in their order; `call_result` is the type of this call.

    A row in which an argument is null that its parameter does not accept yields null, without a call.
    """

    call_function: FunctionSpec
    call_args: tuple[Expr, ...]
    call_result: ColumnType

    @property
    def col_type(self) -> ColumnType:
        nullable = any(
            argument.col_type.nullable and parameter.type is not None and not parameter.type.nullable
            for argument, parameter in zip(self.call_args, self.call_function.parameters, strict=True)
        )
        return self.call_result.with_nullable(self.call_result.nullable or nullable)

    def __str__(self) -> str:
        shown = [
            f"{parameter.name}={argument}" if parameter.keyword_only else str(argument)
            for argument, parameter in zip(self.call_args, self.call_function.parameters, strict=True)
            if not (parameter.has_default and _is_default(argument, parameter))
        ]
        return f"{self.call_function.name}({', '.join(shown)})"


def _is_default(argument: Expr, parameter: Parameter) -> bool:
    # `structure`, not ==: arrays compare item by item, and 1 and True are not the same argument.
    return isinstance(argument, Literal) and structure(argument.value) == structure(parameter.default)
