"""From the annotations of a Python function to parameters and a return type."""

import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from pixeltable.exceptions import InvalidArgument, InvalidExpression, InvalidType, TypeMismatch, Unsupported
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import ColumnType
from pixeltable.types.hints import type_from_hint
from pixeltable.udfs.arguments import fit
from pixeltable.udfs.batch import batch_item

RESERVED = ("group_by", "order_by")
_HINTS = (
    "Use str, int, float, bool, bytes, datetime, date, UUID, list, dict, tuple, Literal, a TypedDict, an Enum, a "
    "pydantic model, PIL.Image.Image or a pixeltable type such as pxt.Array[(3,), pxt.Float]; `T | None` where None is "
    "possible."
)


Substitution = Mapping[Any, Any]
"""From type variables to the types that take their place."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and returns, one row at a time; `batched` if it returns a Batch of it."""

    parameters: tuple[Parameter, ...]
    returns: ColumnType
    batched: bool


def read_signature(fn: FunctionType, *, name: str, substitution: Substitution | None = None) -> Signature:
    """The signature that the function's annotations describe; `substitution` has the types of its type variables.

    Raises:
        InvalidType: an annotation is missing, unknown or names nothing.
        InvalidArgument: a parameter's name is reserved, or its default is no value of its type.
        Unsupported: a parameter that cannot be passed by its name.
    """
    hints = read_hints(fn, name=name)
    if substitution is not None:
        hints = {parameter: _substituted(hint, substitution) for parameter, hint in hints.items()}
    parameters = tuple(read_parameter(p, hints, name) for p in inspect.signature(fn).parameters.values())
    returns, batched = read_result(hints, name)
    return Signature(parameters, returns, batched)


def read_parameters(fn: FunctionType, *, name: str, param_types: Sequence[Any] | None = None) -> tuple[Parameter, ...]:
    """The parameters of a function whose result needs no annotation; `param_types`, in order, replace annotations.

    Raises:
        InvalidType, InvalidArgument, Unsupported: as `read_signature`.
    """
    declared = list(inspect.signature(fn).parameters.values())
    if param_types is None:
        hints = read_hints(fn, name=name)
    elif len(param_types) == len(declared):
        hints = {parameter.name: hint for parameter, hint in zip(declared, param_types, strict=True)}
    else:
        raise InvalidArgument(
            f"function {name!r}: param_types has {len(param_types)} types for {len(declared)} parameters"
        )
    return tuple(read_parameter(parameter, hints, name) for parameter in declared)


def _substituted(hint: Any, substitution: Substitution) -> Any:
    if isinstance(hint, typing.TypeVar):
        return substitution.get(hint, hint)
    variables = getattr(hint, "__parameters__", ())
    return hint[tuple(substitution.get(variable, variable) for variable in variables)] if variables else hint


def read_hints(fn: FunctionType, *, name: str) -> dict[str, Any]:
    """The annotations of a function, those written as text evaluated.

    Raises:
        InvalidType: one of them names nothing.
    """
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise InvalidType(f"function {name!r}: its type hints cannot be resolved: {error}", hint=_HINTS) from None


def read_result(hints: dict[str, Any], name: str) -> tuple[ColumnType, bool]:
    """The type that the annotations give for the return value, and whether it is a Batch of it."""
    if "return" not in hints:
        raise InvalidType(f"function {name!r}: the return value has no type hint", hint=_HINTS)
    return _read_type(hints["return"], f"function {name!r}: return value")


def read_parameter(parameter: inspect.Parameter, hints: dict[str, Any], name: str) -> Parameter:
    """One parameter of the function called `name`; see `read_signature`."""
    subject = f"function {name!r}, parameter {parameter.name!r}"
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise Unsupported(f"{subject}: *args and **kwargs are not supported", hint="Name each parameter.")
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise Unsupported(f"{subject}: positional-only parameters are not supported", hint="Remove the `/`.")
    if parameter.name.startswith("_") or parameter.name in RESERVED:
        raise InvalidArgument(
            f"{subject}: this name is reserved", hint=f"Reserved: {', '.join(RESERVED)} and names starting with `_`."
        )
    if parameter.name not in hints:
        raise InvalidType(f"{subject}: it has no type hint", hint=_HINTS)
    column_type, batched = _read_type(hints[parameter.name], subject)
    read = Parameter(
        parameter.name, column_type, keyword_only=parameter.kind is inspect.Parameter.KEYWORD_ONLY, batched=batched
    )
    return read if parameter.default is parameter.empty else _with_default(read, parameter.default, name)


def _read_type(hint: Any, subject: str) -> tuple[ColumnType, bool]:
    item = batch_item(hint)
    found = type_from_hint(hint if item is None else item)
    if found is None:
        shown = hint.__name__ if isinstance(hint, type) else hint
        raise InvalidType(f"{subject}: the type hint `{shown}` names no column type", hint=_HINTS)
    return found, item is not None


def _with_default(parameter: Parameter, default: Any, name: str) -> Parameter:
    subject = f"function {name!r}, parameter {parameter.name!r}"
    assert parameter.type is not None
    if default is None and not parameter.type.nullable:
        # A null argument of a parameter that takes none makes the call null: such a default would disable the function.
        raise InvalidArgument(
            f"{subject}: the default None is no `{parameter.type}`", hint=f"Annotate it as `{parameter.type} | None`."
        )
    try:
        fitted = fit(default, parameter, function=name)
    except (TypeMismatch, InvalidExpression) as error:
        raise InvalidArgument(f"{subject}: its default {default!r} is no `{parameter.type}`: {error}") from None
    if not isinstance(fitted, Literal):
        raise InvalidArgument(f"{subject}: its default must be a plain value, not the expression `{fitted}`")
    return replace(parameter, has_default=True, default=fitted.value)
