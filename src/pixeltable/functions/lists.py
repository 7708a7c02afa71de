"""Views of the elements of lists: `create_view(iterator=list_iterator(t.items))`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Annotated, Any

from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.json_values import JsonList, JsonObject
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.types.column_type import ColumnType, JsonType
from pixeltable.types.common import common_type
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonTuple
from pixeltable.udfs.iterators import IteratorCall, iterator

__all__ = ["list_iterator"]

Json = Annotated[Any, JsonType()]

MODES = ("strict", "truncated", "padded")


def list_iterator(elements: Any = None, *, mode: Any = "strict", **lists: Any) -> IteratorCall:
    """An iterator over the elements of lists, for `create_view(iterator=...)`; `pos` is the place of an element.

    Of one list of objects, the view has a column for each of their keys. Of lists given by name, which go side by side,
    it has a column for each list. The lists are of typed Json, such as `pxt.Json[[pxt.Int]]`, which says what type the
    columns have. A row whose list is null has no rows in the view; an object that is null is a row of nulls.

    Args:
        elements: a list of objects.
        mode: of lists with other lengths, "strict" refuses the row, "truncated" leaves out what is beyond the shortest,
            "padded" has nulls up to the longest; a list that is null has no elements.
        lists: lists of anything, by the names of their columns.

    Raises:
        TypeMismatch: the type does not say what the elements are.
        InvalidArgument: there are no lists, or both kinds.

    >>> print(list_iterator(letter=["a", "b"], number=[1, 2], mode="padded"))
    list_iterator({'letter': ['a', 'b'], 'number': [1, 2]}, mode='padded')
    """
    if isinstance(mode, Expr) or mode not in MODES:
        raise InvalidArgument(f"list_iterator(): mode is one of {', '.join(map(repr, MODES))}, got {mode!r}")
    if elements is not None and lists:
        raise InvalidArgument(
            f"list_iterator() takes one list of objects or lists by name, not both: {', '.join(lists)}"
        )
    if elements is not None and mode != "strict":
        raise InvalidArgument("list_iterator(): mode is about lists of different lengths, but there is one list")
    if elements is not None:
        found: IteratorCall = _of_elements(elements)
    elif lists:
        found = _of_lists(lists, mode=mode)
    else:
        raise InvalidArgument("list_iterator() takes a list", hint="list_iterator(t.items), or list_iterator(a=t.a).")
    return found


@iterator
def _of_elements(elements: Json) -> Iterator[dict[str, Any]]:
    return ({} if element is None else element for element in elements)


@_of_elements.conditional_output_schema
def _keys(bound_args: dict[str, Any]) -> dict[str, ColumnType]:
    """A column for each key of the objects in the list."""
    expr = as_expr(bound_args["elements"])
    item = _item(expr)
    schema = item.schema if isinstance(item, JsonType) else None
    if not isinstance(schema, JsonFields):
        raise TypeMismatch(
            f"list_iterator(): `{expr}` has type `{expr.col_type.brief()}`, "
            "whose elements are no objects with known keys",
            hint=f"Give it a name to have its elements in one column: list_iterator(element={expr}).",
        )
    return {
        key.name: key.part.with_nullable(key.part.nullable or not key.required or item.nullable) for key in schema.keys
    }


@iterator
def _of_lists(lists: Json, *, mode: str = "strict") -> Iterator[dict[str, Any]]:
    names = list(lists)
    found = [[] if values is None else values for values in lists.values()]
    if mode == "strict" and len(set(map(len, found))) > 1:
        way_out = "mode='truncated' takes the shortest, mode='padded' the longest"
        raise ValueError(f"lists of unequal lengths: {_lengths(lists)}; {way_out}")
    together = zip_longest(*found) if mode == "padded" else zip(*found, strict=False)
    return (dict(zip(names, values, strict=True)) for values in together)


def _lengths(lists: Mapping[str, Sequence[Any] | None]) -> str:
    return ", ".join(
        f"{name} {'is null' if values is None else f'has {len(values)}'}" for name, values in lists.items()
    )


@_of_lists.conditional_output_schema
def _columns(bound_args: dict[str, Any]) -> dict[str, ColumnType]:
    """A column for each list."""
    given, padded = bound_args["lists"], bound_args["mode"] == "padded"
    lists = zip(given.object_keys, given.object_items, strict=True) if isinstance(given, JsonObject) else given.items()
    items = {name: _item(as_expr(values)) for name, values in lists}
    return {name: item.with_nullable(item.nullable or padded) for name, item in items.items()}


def _item(expr: Expr) -> ColumnType:
    """The type of the elements of a list."""
    schema = expr.col_type.schema if isinstance(expr.col_type, JsonType) else None
    if isinstance(schema, JsonItems):
        return schema.item
    parts = schema.items if isinstance(schema, JsonTuple) else _written_parts(expr)
    if parts is None:
        raise TypeMismatch(
            f"list_iterator(): `{expr}` has type `{expr.col_type.brief()}`, which does not say what the elements are",
            hint="Declare a column as `pxt.Json[[pxt.Int]]`, with the type of the elements, the result of a udf as "
            "`list[int]`.",
        )
    known = [part for part in parts if part is not None]
    found = common_type(known) if known else JsonType(nullable=True)
    if found is None:
        kinds = ", ".join(sorted({str(part) for part in known}))
        raise TypeMismatch(f"list_iterator(): no column holds the elements of `{expr}`, which are of types {kinds}")
    return found.with_nullable(found.nullable or len(known) < len(parts))


def _written_parts(expr: Expr) -> Sequence[ColumnType | None] | None:
    """The types of the elements of a list that is written in the program; None for one that is null."""
    if isinstance(expr, JsonList):
        items: Sequence[Expr] = expr.list_items
    elif isinstance(expr, Literal) and isinstance(expr.value, list):
        items = [as_expr(value) for value in expr.value]
    else:
        return None
    return [None if isinstance(item, Literal) and item.value is None else item.col_type for item in items]


_of_elements.name = _of_lists.name = "list_iterator"
