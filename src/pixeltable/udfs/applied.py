"""`expr.apply(fn)`: a Python function run on the values of an expression, without a declaration, in queries alone."""

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from pixeltable.exceptions import InvalidArgument, InvalidType
from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.exprs.expr import METHODS, Expr
from pixeltable.types.column_type import ColumnType
from pixeltable.types.hints import type_from_form, type_from_hint
from pixeltable.udfs.code import captured_hash
from pixeltable.udfs.function import LIVE, Function
from pixeltable.udfs.signature import Signature, read_hints

APPLIED = "apply:"
"""How the paths of these functions start: no other process finds one, and nothing that is stored may call one."""


class AppliedFunction(Function):
    """A function that only this process knows; alike ones are one, whatever objects they are."""

    @functools.cached_property
    def spec(self) -> FunctionSpec:
        """The function as data."""
        body = self.declared
        assert isinstance(body, FunctionType)
        # By its bytecode: of the lines of a lambda nothing tells where it begins.
        code = captured_hash(body, readable=False)
        path = f"{APPLIED}{body.__module__}.{body.__qualname__}:{code}{self.signature}"
        LIVE[path] = self
        return FunctionSpec(path, self.name, self.parameters, self.returns, code)


def apply(expr: Expr, fn: Callable[[Any], Any], col_type: Any = None) -> Expr:
    """The result of a Python function for each value.

    The function is not stored: computed columns and indexes take functions declared with `@pxt.udf`. Where the value is
    null the result is null, without a call, unless the hint of the function's parameter allows None.

    Args:
        fn: any callable of one argument, also an async function.
        col_type: the type of what it returns, such as `pxt.Int`; not needed where its return value has a hint.

    Raises:
        InvalidType: nothing says what the function returns.
        InvalidArgument: it cannot be called with one argument.
        TypeMismatch: the hint of its parameter does not accept the expression's type.
    """
    body = _function(fn)
    hints = read_hints(body, name=body.__name__)
    taken = type_from_hint(hints.get(_check_parameter(fn)))
    parameter = Parameter("value", expr.col_type.with_nullable(False) if taken is None else taken)
    function = AppliedFunction(body, signature=Signature((parameter,), _result(hints, col_type), batched=False))
    function.name = "apply" if body.__name__ == "<lambda>" else body.__name__
    return function(expr)


def _function(fn: Any) -> FunctionType:
    """The callable as a Python function."""
    _check(fn)
    if isinstance(fn, FunctionType):
        return fn
    call = _awaiting(fn) if inspect.iscoroutinefunction(fn) else _calling(fn)
    assert isinstance(call, FunctionType)
    return call


def _check(fn: Any) -> None:
    if isinstance(fn, Function):
        raise InvalidArgument(
            f"apply() takes a Python function, and {fn.name!r} is a udf", hint="Call it: f(t.column)."
        )
    if not callable(fn):
        raise InvalidArgument(f"apply() takes a function, got {fn!r}")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidArgument("apply(): the function yields values, but is to return one for each row")


def _calling(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        return fn(value)

    call.__name__ = getattr(fn, "__name__", "apply")
    return call


def _awaiting(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def call(value: Any) -> Any:
        return await fn(value)

    return call


def _check_parameter(fn: Callable[..., Any]) -> str:
    """The name of the parameter that takes the value; empty where that does not show."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return ""  # of a built-in that does not tell
    try:
        return next(iter(signature.bind(None).arguments))
    except TypeError:
        raise InvalidArgument(f"apply(): the function is called with one value, but takes {signature}") from None


def _result(hints: dict[str, Any], col_type: Any) -> ColumnType:
    if col_type is not None:
        return type_from_form(col_type, subject="apply(): col_type")
    found = type_from_hint(hints.get("return"))
    if found is None:
        raise InvalidType(
            "apply(): nothing says what the function returns",
            hint="Give its type, apply(fn, col_type=pxt.String), or annotate the return value of the function.",
        )
    return found


METHODS["*", "apply"] = apply
