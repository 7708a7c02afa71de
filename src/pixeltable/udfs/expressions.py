"""Functions that are made of expressions: a call is the expression itself, with the arguments in their places."""

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, overload

from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.call import Call, Parameter
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import ColumnType
from pixeltable.udfs.function import Function, FunctionOptions, expose
from pixeltable.udfs.registry import find
from pixeltable.udfs.signature import Signature, read_parameters

_NO_OPTIONS = FunctionOptions()


class DerivedFunction(Function):
    """A function whose body yields an expression or a query: it is run once, by its declaration, and never by a row."""

    def __init__(
        self,
        body: Callable[..., Any],
        parameters: Sequence[Parameter],
        returns: ColumnType,
        *,
        name: str | None = None,
        description: str | None = None,
        options: FunctionOptions = _NO_OPTIONS,
    ) -> None:
        assert isinstance(body, FunctionType)
        super().__init__(body, options=options, signature=Signature(tuple(parameters), returns, batched=False))
        self.name = self.__name__ = name or self.name
        self.__doc__ = description or self.__doc__


class ExprFunction(DerivedFunction):
    """A function that stands for `template`, an expression over Variables of its parameters' names."""

    def __init__(
        self, body: Callable[..., Any], parameters: Sequence[Parameter], template: Expr, **declared: Any
    ) -> None:
        super().__init__(body, parameters, template.col_type, **declared)
        self.template = template

    def node(self, args: tuple[Expr, ...]) -> Expr:
        """A copy of the template with the arguments in it."""
        given = {parameter.name: argument for parameter, argument in zip(self.parameters, args, strict=True)}
        return _substituted(self.template, given)


def _substituted(template: Expr, given: dict[str, Expr]) -> Expr:
    def change(node: Expr) -> Expr | None:
        if isinstance(node, Variable):
            return given.get(node.variable_name)
        if isinstance(node, Call):  # constants among the arguments may decide its type
            args = tuple(rebuild(argument, change) for argument in node.call_args)
            return Call(node.call_function, args, find(node.call_function).result_type(args))
        return None

    return rebuild(template, change)


def variables_of(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """What a body is run with to find out what it is made of: a Variable for each parameter."""
    return {p.name: Variable(p.name, p.type) for p in parameters if p.type is not None}


@overload
def expr_udf(fn: Callable[..., Any], /) -> Function: ...


@overload
def expr_udf(
    *, param_types: Sequence[Any] | None = None, is_method: bool = False, is_property: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...


def expr_udf(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    param_types: Sequence[Any] | None = None,
    is_method: bool = False,
    is_property: bool = False,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Declare a function whose body returns an expression over its parameters.

    The body runs once, now. A call is a copy of that expression with the arguments in it; columns store it by value, so
    that they need nothing of the program that declared it.

    Args:
        param_types: the types of the parameters, in order, in place of annotations.
        is_method: make it a method of expressions of its first parameter's type.
        is_property: the same, read without a call.

    Raises:
        InvalidType: a parameter has no type.
        InvalidArgument: the body returns nothing an expression can be made of, or cannot be declared like this.

    >>> @expr_udf
    ... def area(width: int, height: int):
    ...     return width * height
    >>> area(2, 3)
    2 * 3
    """
    options = FunctionOptions(is_method=is_method, is_property=is_property)
    if fn is not None:
        return _declare(fn, param_types, options)
    return lambda fn: _declare(fn, param_types, options)


def _declare(fn: Callable[..., Any], param_types: Sequence[Any] | None, options: FunctionOptions) -> Function:
    function = named_function(fn, "@expr_udf")
    parameters = read_parameters(function, name=function.__name__, param_types=param_types)
    template = as_expr(function(**variables_of(parameters)))
    if isinstance(template, Literal) and template.value is None:
        raise InvalidArgument(
            f"function {function.__name__!r} returned None, not an expression", hint="Is its `return` missing?"
        )
    declared = ExprFunction(function, parameters, template, options=options)
    expose(declared, as_function=declared)
    return declared


def named_function(fn: Any, decorator: str) -> FunctionType:
    """The Python function that is decorated.

    Raises:
        InvalidArgument: it is none.
    """
    if not isinstance(fn, FunctionType):
        raise InvalidArgument(f"{decorator} takes a Python function, got {type(fn).__name__} {fn!r}")
    return fn
