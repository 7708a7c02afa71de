"""JSON Schema of annotations and of column types, as language models and web services are told what to send."""

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType, JsonType, StringType, UUIDType
from pixeltable.types.common import common_type
from pixeltable.types.hints import json_part, type_from_hint
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonKey, JsonScalar, JsonStructure, JsonTuple
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
    """What a value of a column type looks like in JSON; a Json value may be anything, unless its type says more.

    >>> type_schema(IntType(True))
    {'type': ['integer', 'null']}
    >>> type_schema(JsonType(schema=JsonItems(StringType())))
    {'type': 'array', 'items': {'type': 'string'}}
    """
    structure = column_type.schema if isinstance(column_type, JsonType) else None
    found = _BY_TYPE.get(type(column_type), {}) if structure is None else _structure_schema(structure)
    return _or_null(found) if column_type.nullable else dict(found)


def _structure_schema(structure: JsonStructure) -> Schema:
    if isinstance(structure, JsonScalar):
        return type_schema(structure.kind)
    if isinstance(structure, JsonItems):
        return {"type": "array", "items": type_schema(structure.item)}
    if isinstance(structure, JsonTuple):
        count = len(structure.items)
        items = {"prefixItems": [type_schema(item) for item in structure.items]} if count else {}
        return {"type": "array", **items, "minItems": count, "maxItems": count}
    assert isinstance(structure, JsonFields)
    return {
        "type": "object",
        "properties": {key.name: type_schema(key.part) for key in structure.keys},
        "required": [key.name for key in structure.keys if key.required],
        "additionalProperties": False,
    }


def type_from_schema(schema: Schema) -> ColumnType:
    """The column type of what a JSON Schema describes; what it leaves open, or no type can say, is left open.

    An object that allows properties it does not name is open, as is one whose properties are not named at all.

    >>> str(type_from_schema({"type": "array", "items": {"type": ["integer", "null"]}}))
    'Json[list[Int | None]]'
    """
    return _from_schema(schema, schema.get("$defs", {}))


def _from_schema(schema: Any, definitions: Mapping[str, Any]) -> ColumnType:
    """`definitions` are what a reference may name; what is within one does not have its name, or there were no end."""
    if not isinstance(schema, Mapping):
        return JsonType(True)
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        others = {other: definition for other, definition in definitions.items() if other != name}
        return _from_schema(definitions.get(name), others)
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices is not None:
        return _common([_from_schema(choice, definitions) for choice in choices if not _is_null(choice)], choices)
    named = schema.get("type")
    kinds = [named] if isinstance(named, str) else list(named or ())
    found = [_of_kind(kind, schema, definitions) for kind in kinds if kind != "null"]
    return _common(found, [{"type": kind} for kind in kinds])


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _common(found: Sequence[ColumnType], choices: Sequence[Any]) -> ColumnType:
    common = common_type(found) or JsonType(not found)
    return common.with_nullable(common.nullable or any(map(_is_null, choices)))


def _of_kind(kind: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> ColumnType:
    def part(inner: Any) -> ColumnType:
        found = _from_schema(inner, definitions)
        return StringType(found.nullable) if isinstance(found, UUIDType) else json_part(found)

    if kind == "string" and schema.get("format") == "uuid":
        return UUIDType()
    if kind == "array":
        return JsonType(schema=_array_structure(schema, part))
    if kind == "object":
        return JsonType(schema=_object_structure(schema, part))
    return _BY_NAME.get(kind, JsonType())


_BY_NAME: dict[Any, ColumnType] = {
    "string": StringType(),
    "integer": IntType(),
    "number": FloatType(),
    "boolean": BoolType(),
}


def _array_structure(schema: Mapping[str, Any], part: Callable[[Any], ColumnType]) -> JsonStructure | None:
    count = schema.get("maxItems")
    prefix = schema.get("prefixItems", ())
    if count is not None and count == schema.get("minItems") == len(prefix):
        return JsonTuple(tuple(map(part, prefix)))
    return JsonItems(part(schema["items"])) if "items" in schema and not prefix else None


def _object_structure(schema: Mapping[str, Any], part: Callable[[Any], ColumnType]) -> JsonStructure | None:
    if schema.get("additionalProperties", True) is not False:
        return None
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    return JsonFields(tuple(JsonKey(name, part(inner), name in required) for name, inner in properties.items()))


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
