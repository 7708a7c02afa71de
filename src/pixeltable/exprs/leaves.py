"""The nodes without children: literals and references to columns."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pixeltable.exceptions import InvalidExpression
from pixeltable.exprs.expr import ADDED_LATER, Expr, Method, rebuild, structure
from pixeltable.lazy import np
from pixeltable.types.column_type import ColumnType, JsonType
from pixeltable.types.literals import literal_type, plain


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Literal(Expr):
    """A value written in the program. A null literal takes the type of what it is used with."""

    value: Any
    value_type: ColumnType

    @property
    def col_type(self) -> ColumnType:
        return self.value_type

    @property
    def expr_precedence(self) -> int:  # type: ignore[override]  # by value here, by class elsewhere
        """A negative number reads like a negation."""
        return 7 if type(self.value) in (int, float) and str(self.value).startswith("-") else 100

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ColumnRef(Expr):
    """The value of a column in the row at hand; `ref_column` and `ref_table` are ids, which survive renaming.

    `ref_alias` tells apart the rows of a table that a query reads more than once.
    The names of the fields are such as no object has for keys, since `t.column.key` is how users go on in Json.
    """

    ref_column: int
    ref_table: int
    ref_name: str
    ref_type: ColumnType
    ref_alias: str | None = field(default=None, metadata=ADDED_LATER)

    @property
    def col_type(self) -> ColumnType:
        return self.ref_type

    def __str__(self) -> str:
        return self.ref_name if self.ref_alias is None else f"{self.ref_alias}.{self.ref_name}"


def by_ids(expr: Expr) -> Any:
    """What is equal for expressions over the same columns, whatever these are called, null or not."""

    def nameless(node: Expr) -> Expr | None:
        if isinstance(node, ColumnRef):
            return replace(node, ref_name="", ref_type=node.ref_type.with_nullable(True))
        return None

    return structure(rebuild(expr, nameless))


def as_expr(value: Any) -> Expr:
    """`value` as a node: itself, a literal, or a Json value built from the expressions within it.

    Raises:
        InvalidExpression: no column could hold the value, or it is a method that was not called.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, Method):
        value.refuse()
    if _holds_expr(value):
        return next(build for kind, build in _CONTAINER_BUILDERS.items() if isinstance(value, kind))(value)
    value = _copied(value)
    if value is None:
        return Literal(None, JsonType(nullable=True))
    found = literal_type(value)
    if found is None:
        raise InvalidExpression(
            f"a value of type {type(value).__name__} cannot be used in an expression: {shown(value)}",
            hint="Use a column, a str, number, bool, datetime, UUID, list, dict, numpy array or None.",
        )
    return Literal(value, found)


def as_key(value: Any, *, role: str) -> Expr:
    """`value` as what rows are ordered or grouped by, which has to be an expression: all rows are equal in a literal.

    Raises:
        InvalidExpression: it is none.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, Method):
        value.refuse()
    hint = "Such as a column: t.name."
    if isinstance(value, list | tuple):
        hint = "Give several one by one, without a list."
    elif isinstance(value, str) and value.isidentifier():
        hint = f"If that is a column: t.{value}."
    raise InvalidExpression(f"{role} takes expressions, got {shown(value)}", hint=hint)


def shown(value: Any) -> str:
    """The beginning of what a value looks like, for messages: a table would fill the screen."""
    text = repr(value).partition("\n")[0]
    return text if len(text) <= 80 else f"{text[:77]}..."


def _copied(value: Any) -> Any:
    """A value that stays as it is when its container is changed; tuples and pydantic models as they are in a cell."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    if value is None or type(value) in (bool, int, float, str):  # most are, and need no numpy
        return value
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return _copied(value.model_dump())
    return value.copy() if isinstance(value, np.ndarray) else plain(value)


Builder = Callable[[Any], Expr]

_CONTAINER_BUILDERS: dict[type, Builder] = {}
"""From dict, list and tuple to the function that builds the node for one; filled by `containers`."""


def container(*kinds: type) -> Callable[[Builder], Builder]:
    """Register a function as the builder of nodes for literal containers."""

    def register(build: Builder) -> Builder:
        _CONTAINER_BUILDERS.update(dict.fromkeys(kinds, build))
        return build

    return register


def _holds_expr(value: Any) -> bool:
    if isinstance(value, Expr):
        return True
    if isinstance(value, dict):
        return any(_holds_expr(item) for item in value.values())
    return isinstance(value, list | tuple) and any(_holds_expr(item) for item in value)
