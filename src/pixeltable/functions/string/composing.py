"""Text made of others: joined, formatted, with parts replaced."""

import re
import string
from collections.abc import Callable
from types import FunctionType
from typing import Any

from pixeltable.exprs.expr import Expr
from pixeltable.exprs.json_values import JsonList, JsonObject
from pixeltable.exprs.leaves import as_expr
from pixeltable.functions.string.declaring import check_length, in_package, text_function, text_method
from pixeltable.functions.string.rules import constant, is_constant_null, sqlalchemy
from pixeltable.udfs.function import Function, FunctionOptions, build_call, expose


class FormatFunction(Function):
    """A function whose body takes a text, a list of positional and an object of named arguments; calls take any."""

    def __init__(self, body: Callable[..., Any]) -> None:
        assert isinstance(body, FunctionType)
        super().__init__(body, options=FunctionOptions(is_method=True))
        expose(self, as_function=self)

    @property
    def signature(self) -> str:
        """Parameters and return type, for people."""
        return f"(self: {self.parameters[0].type}, *args, **kwargs) -> {self.returns}"

    def __call__(self, text: Any, /, *args: Any, **kwargs: Any) -> Expr:
        """The expression that formats `text` with the arguments, which may be columns.

        Raises:
            InvalidArgument, InvalidExpression, TypeMismatch: the text is none, or no column could hold an argument.
        """
        given = JsonList(tuple(map(as_expr, args))), JsonObject(tuple(kwargs), tuple(map(as_expr, kwargs.values())))
        return build_call(self, (text, *given), {})


def _format_function(body: Callable[..., Any]) -> FormatFunction:
    return FormatFunction(in_package(body))


@_format_function
def format(self: str, args: list, kwargs: dict) -> str:  # type: ignore[type-arg]  # any Json
    """The text with its `{}` and `{name}` filled in, as `str.format` does: `t.text.format(t.n, name=t.name)`.

    Arguments may be columns of any type; a null is shown as `None`, as in Python. Names that start with an underscore
    are not looked up in arguments, since text from outside could reach the inside of the program that way.

    Raises:
        IndexError, KeyError: the text asks for an argument that is not given.
        ValueError: the text is no format string, or reaches for a private name.
        OverflowError: it asks for a width beyond 2**28.

    >>> format.body("{} is {price:.2f}", ["tea"], {"price": 2.5})
    'tea is 2.50'
    """
    return _FORMATTER.vformat(self, args, kwargs)


class _Formatter(string.Formatter):
    """Formats as `str.format` does, but for private names and widths that would fill the memory."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        if "._" in _IN_BRACKETS.sub("", field_name):
            raise ValueError(f"the field {field_name!r} reaches for a private name")
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        check_length(max(map(int, _WIDTH.findall(format_spec)), default=0))
        return str(super().format_field(value, format_spec))


_IN_BRACKETS = re.compile(r"\[[^\]]*\]")
_WIDTH = re.compile(r"[0-9]+")
_FORMATTER = _Formatter()


@text_function
def join(sep: str, elements: list) -> str:  # type: ignore[type-arg]  # any Json
    """The texts of a list in one, with `sep` between them; no method.

    Raises:
        TypeError: `elements` is no list, or one of them is no text.

    >>> join.body(", ", ["a", "b"]), join.body(", ", [])
    ('a, b', '')
    """
    if not isinstance(elements, list):
        raise TypeError(f"expected a list of strings, got {type(elements).__name__} {elements!r}")
    return sep.join(elements)


@text_method
def replace(self: str, substr: str, repl: str, n: int | None = None) -> str:
    """Every occurrence of `substr` replaced by `repl`, from the left.

    Args:
        n: replace at most so many; None, or a negative number, for all.

    >>> replace.body("banana", "an", "-"), replace.body("banana", "an", "-", 1), replace.body("ab", "", "-")
    ('b--a', 'b-ana', '-a-b-')
    """
    return self.replace(substr, repl, -1 if n is None else n)


@replace.to_sql
def _replace_sql(self: Any, substr: Any, repl: Any, n: Any) -> Any:
    # PostgreSQL leaves the text alone where `substr` is empty; Python puts `repl` between all characters.
    return sqlalchemy().func.replace(self, substr, repl) if constant(substr) and is_constant_null(n) else None


@text_method
def reverse(self: str) -> str:
    """The code points in opposite order.

    >>> reverse.body("abc")
    'cba'
    """
    return self[::-1]


@reverse.to_sql
def _reverse_sql(self: Any) -> Any:
    return sqlalchemy().func.reverse(self)
