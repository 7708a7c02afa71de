"""Reaching into Json."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidExpression, TypeMismatch
from pixeltable.exprs.arrays import array_item, show_index
from pixeltable.exprs.expr import Expr, builder, operand_text
from pixeltable.types.column_type import WILDCARD, ArrayType, ColumnType, JsonType


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonPath(Expr):
    """What is found under steps in a Json value: a key (str), a position (int); null where there is nothing.

    `*` goes on with every item of a list; a slice is the list of the items it chooses. The names of the fields are such
    as no object has for keys, since `path.key` is how users go on.
    """

    json_root: Expr
    json_steps: tuple[str | int | slice, ...]

    @property
    def col_type(self) -> ColumnType:
        try:
            return _root_type(self.json_root).at(*self.json_steps)
        except InvalidExpression:  # an argument that took the place of a variable may not have an optional key
            return JsonType(True)

    def __str__(self) -> str:
        return operand_text(self.json_root, 99) + "".join(map(_show_step, self.json_steps))


def _root_type(source: Expr) -> JsonType:
    """The type of what a path starts from; open for what took the place of a Json variable, such as a text."""
    return source.col_type if isinstance(source.col_type, JsonType) else JsonType(True)


def _show_step(step: str | int | slice) -> str:
    if isinstance(step, str) and step.isidentifier():
        return f".{step}"
    return f"[{step if step == WILDCARD else show_index(step) if isinstance(step, slice) else repr(step)}]"


@builder("field")
def _field(source: Expr, name: str) -> Expr:
    return _extend(source, name)


@builder("item")
def _item(source: Expr, key: Any) -> Expr:
    if isinstance(source.col_type, ArrayType):
        return array_item(source, key)
    if not isinstance(source.col_type, JsonType):
        raise TypeMismatch(
            f"`{source}` has type `{source.col_type}`, which has no items", hint="Only Json and Array have."
        )
    if isinstance(key, slice):
        return _extend(source, _slice(source, key))
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise InvalidExpression(
            f"{source}[{key!r}]: a Json path takes a key (str), a position (int), a slice of positions or '*'"
        )
    return _extend(source, key)


def _slice(source: Expr, key: slice) -> slice:
    bounds = (key.start, key.stop, key.step)
    if key.step == 0 or any(bound is not None and type(bound) is not int for bound in bounds):
        raise InvalidExpression(f"{source}[{show_index(key)}]: a slice of a list takes ints, and a step that is not 0")
    return key


def _extend(source: Expr, step: str | int | slice) -> Expr:
    """The path one step further; a key of a typed list is that of all its items.

    Raises:
        InvalidExpression: the type of the source has nothing there.
    """
    root, before = (source.json_root, source.json_steps) if isinstance(source, JsonPath) else (source, ())
    if before and isinstance(before[-1], slice) and isinstance(step, str) and step != WILDCARD:
        before = (*before, WILDCARD)  # a key of a slice is that of all its items
    try:
        _, steps = _root_type(root).follow((*before, step))
    except InvalidExpression as error:
        raise InvalidExpression(f"{JsonPath(root, (*before, step))}: {error.message}") from None
    return JsonPath(root, steps)
