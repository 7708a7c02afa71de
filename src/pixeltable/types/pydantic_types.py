"""Column types as the Python types that pydantic and FastAPI check values by."""

import datetime
import uuid
from typing import Any, NotRequired

from typing_extensions import TypedDict  # the one pydantic knows on every version of Python

from pixeltable.types.column_type import (
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    MediaType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonScalar, JsonStructure, JsonTuple

_PYTHON: dict[type[ColumnType], Any] = {
    StringType: str,
    IntType: int,
    FloatType: float,
    BoolType: bool,
    TimestampType: datetime.datetime,
    DateType: datetime.date,
    UUIDType: uuid.UUID,
    BinaryType: bytes,
}


def pydantic_type(column_type: ColumnType) -> Any:
    """The type of a value in a request or an answer; media are text (a path or URL), arrays lists.

    >>> pydantic_type(JsonType(True, JsonItems(IntType())))
    list[int] | None
    """
    found = _present(column_type)
    return found | None if column_type.nullable and found is not Any else found


def _present(column_type: ColumnType) -> Any:
    if isinstance(column_type, JsonType):
        return Any if column_type.schema is None else _structured(column_type.schema)
    if isinstance(column_type, MediaType):
        return str
    return _PYTHON.get(type(column_type), list[Any])


def _structured(schema: JsonStructure) -> Any:
    if isinstance(schema, JsonScalar):
        return pydantic_type(schema.kind)
    if isinstance(schema, JsonItems):
        return list[pydantic_type(schema.item)]  # type: ignore[misc]  # made at run time
    if isinstance(schema, JsonTuple):
        return tuple[tuple(map(pydantic_type, schema.items))]  # type: ignore[misc]  # made at run time
    assert isinstance(schema, JsonFields)
    parts = {key.name: (pydantic_type(key.part), key.required) for key in schema.keys}
    fields = {name: part if required else NotRequired[part] for name, (part, required) in parts.items()}
    found = TypedDict("Object", fields)  # type: ignore[misc]  # made at run time
    found.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]  # pydantic reads it
    return found
