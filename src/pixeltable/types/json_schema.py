"""JSON Schema of annotations and of column types, as language models and web services are told what to send."""

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType, StringType, UUIDType
from pixeltable.types.hints import type_from_hint
from pixeltable.types.literals import plain

Schema = dict[str, Any]

_BY_TYPE: dict[type[ColumnType], Schema] = {
    StringType: {"type": "string"},
    IntType: {"type": "integer"},
    FloatType: {"type": "number"},
    BoolType: {"type": "boolean"},
    UUIDType: {"type": "string", "format": "uuid"},
}


def type_schema(column_type: ColumnType) -> Schema:
    """What a value of a column type looks like in JSON; a Json value may be anything.

    >>> type_schema(IntType(True))
    {'type': ['integer', 'null']}
    """
    found = _BY_TYPE.get(type(column_type), {})
    return _or_null(found) if column_type.nullable else dict(found)


def hint_schema(hint: Any) -> Schema | None:
    """The same of an annotation, with the choices and parts that it names; None where it says no more than its type.

    >>> hint_schema(Literal["C", "F"])
    {'type': 'string', 'enum': ['C', 'F']}
    >>> hint_schema(list[int] | None)
    {'type': ['array', 'null'], 'items': {'type': 'integer'}}
    """
    origin = get_origin(hint)
    if origin is Annotated:
        return hint_schema(get_args(hint)[0]) if type_from_hint(get_args(hint)[0]) is not None else None
    if origin in (Union, types.UnionType):
        return _union(get_args(hint))
    if origin is Literal:
        return _choices(get_args(hint))
    return _class_schema(hint, origin or hint)


def _class_schema(hint: Any, cls: Any) -> Schema | None:
    if not isinstance(cls, type):
        return None
    if issubclass(cls, enum.Enum):
        return _choices([member.value for member in cls])
    described: Callable[[], Schema] | None = getattr(cls, "model_json_schema", None)
    if described is not None:
        return described()
    if typing.is_typeddict(cls):
        return _typed_dict(cls)
    if issubclass(cls, Mapping):
        return {"type": "object"}
    is_list = issubclass(cls, Sequence) and not issubclass(cls, str | bytes)
    return _array(get_args(hint)) if is_list else None


def _typed_dict(cls: Any) -> Schema:
    hints = typing.get_type_hints(cls)
    return {
        "type": "object",
        "properties": {name: _any_schema(hint) for name, hint in hints.items()},
        "required": sorted(cls.__required_keys__),
        "additionalProperties": False,
    }


def _array(items: Sequence[Any]) -> Schema:
    return {"type": "array"} | ({"items": _any_schema(items[0])} if items else {})


def _any_schema(hint: Any) -> Schema:
    """The schema of an annotation within another; empty, which allows anything, for one that names no type."""
    found = hint_schema(hint)
    column_type = type_from_hint(hint)
    return found if found is not None else {} if column_type is None else type_schema(column_type)


def _choices(values: Sequence[Any]) -> Schema:
    plain_values = [plain(value) for value in values]
    column_type = type_from_hint(Literal[tuple(values)])
    described = {} if column_type is None else type_schema(column_type)
    return {**described, "enum": plain_values}


def _union(members: Sequence[Any]) -> Schema:
    found = [_any_schema(member) for member in members if member is not types.NoneType]
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    return _or_null(schema) if types.NoneType in members else schema


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}
