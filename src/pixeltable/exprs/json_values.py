"""Building Json from expressions."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidExpression
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import as_expr, container
from pixeltable.types.column_type import ColumnType, JsonType


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonList(Expr):
    """A Json list of the values of `list_items`."""

    list_items: tuple[Expr, ...]

    @property
    def col_type(self) -> ColumnType:
        return JsonType()

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.list_items))}]"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonObject(Expr):
    """A Json object with the values of `object_items` under `object_keys`."""

    object_keys: tuple[str, ...]
    object_items: tuple[Expr, ...]

    @property
    def col_type(self) -> ColumnType:
        return JsonType()

    def __str__(self) -> str:
        return (
            "{"
            + ", ".join(f"{key!r}: {item}" for key, item in zip(self.object_keys, self.object_items, strict=True))
            + "}"
        )


@container(list, tuple)
def _list(values: Any) -> Expr:
    return JsonList(tuple(as_expr(value) for value in values))


@container(dict)
def _object(values: dict[str, Any]) -> Expr:
    for key in values:
        if not isinstance(key, str):
            raise InvalidExpression(f"the key {key!r} of a Json object is not a string")
    return JsonObject(tuple(values), tuple(as_expr(value) for value in values.values()))
