"""Arguments as expressions of the type their parameter has."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.exprs.operators import convert_literal
from pixeltable.types.column_type import (
    ArrayType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)

_SCALARS = (StringType, IntType, FloatType, BoolType, TimestampType, DateType, UUIDType)


def bind(
    parameters: Sequence[Parameter], args: Sequence[Any], kwargs: Mapping[str, Any], *, function: str
) -> dict[str, Any]:
    """From parameter name to the argument given for it, by Python's rules; defaults are left out.

    Raises:
        InvalidArgument: an argument is missing, unknown or given twice.
    """
    signature = inspect.Signature([_python_parameter(parameter) for parameter in parameters])
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise InvalidArgument(f"{function}(): {error}", hint=f"Parameters: {show_parameters(parameters)}") from None


def _python_parameter(parameter: Parameter) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if parameter.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(
        parameter.name, kind, default=parameter.default if parameter.has_default else inspect.Parameter.empty
    )


def show_parameters(parameters: Sequence[Parameter]) -> str:
    """The parameters as a signature shows them, in parentheses.

    >>> show_parameters([Parameter("text", StringType()), Parameter("n", IntType(), True, 3, keyword_only=True)])
    '(text: String, *, n: Int = 3)'
    """
    shown: list[str] = []
    for parameter in parameters:
        if parameter.keyword_only and "*" not in shown:
            shown.append("*")
        default = f" = {parameter.default!r}" if parameter.has_default else ""
        shown.append(f"{parameter.name}: {parameter.type or 'any'}{default}")
    return f"({', '.join(shown)})"


def fit(value: Any, parameter: Parameter, *, function: str) -> Expr:
    """`value` as an expression that `parameter` accepts.

    None takes the parameter's type; text is read as a timestamp, date or UUID where one is wanted, a list as an array.
    A Json expression is accepted for any scalar, one of which nothing is known for any Json, an image of any size and
    mode for one of some: what it holds shows in each row.

    Raises:
        TypeMismatch: the parameter does not accept the value's type.
    """
    expr = as_expr(value)
    wanted = parameter.type
    if wanted is None:
        return expr
    try:
        fitted = _fit_literal(expr, wanted) if isinstance(expr, Literal) else _fit_expr(expr, wanted)
    except TypeMismatch as error:
        raise TypeMismatch(f"{function}(): parameter `{parameter.name}`: {error.message}") from None
    if fitted is None:
        raise TypeMismatch(
            f"{function}(): parameter `{parameter.name}` takes `{wanted}`, but `{_shorten(str(expr))}` has type "
            f"`{expr.col_type}`"
        )
    return fitted


def _fit_expr(expr: Expr, wanted: ColumnType) -> Expr | None:
    return expr if _shows_in_each_row(expr.col_type, wanted) or wanted.accepts(expr.col_type) else None


def _shows_in_each_row(given: ColumnType, wanted: ColumnType) -> bool:
    """Whether a Json value or an image of type `given` may or may not be what is wanted."""
    if isinstance(given, ImageType):
        return isinstance(wanted, ImageType)
    if not isinstance(given, JsonType):
        return False
    if isinstance(wanted, JsonType):
        return given.schema is None
    return isinstance(wanted, _SCALARS)


def _fit_literal(literal: Literal, wanted: ColumnType) -> Expr | None:
    if literal.value is None:
        return Literal(None, wanted.with_nullable(True))
    if wanted.accepts(literal.col_type):
        return literal
    is_text = isinstance(literal.col_type, StringType) and isinstance(wanted, TimestampType | DateType | UUIDType)
    is_list = isinstance(literal.value, list | tuple) and isinstance(wanted, ArrayType)
    is_json = isinstance(wanted, JsonType) and JsonType().accepts(literal.col_type)
    return convert_literal(literal, wanted.with_nullable(False)) if is_text or is_list or is_json else None


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
