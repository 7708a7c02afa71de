"""From annotations to column types: Python hints in function signatures, pixeltable forms in schemas."""

import datetime
import enum
import sys
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin

from pixeltable.exceptions import InvalidType
from pixeltable.lazy import np
from pixeltable.types.annotations import annotated_type
from pixeltable.types.column_type import (
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.common import common_type
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonKey, JsonScalar, JsonStructure, JsonTuple
from pixeltable.types.literals import plain

_BUILTINS: dict[Any, ColumnType] = {
    str: StringType(),
    int: IntType(),
    float: FloatType(),
    bool: BoolType(),
    datetime.datetime: TimestampType(),
    datetime.date: DateType(),
    uuid.UUID: UUIDType(),
    bytes: BinaryType(),
    list: JsonType(),
    tuple: JsonType(),
    dict: JsonType(),
}


def type_from_hint(hint: Any) -> ColumnType | None:
    """The column type a hint in a function's signature names, or None if it names none.

    >>> str(type_from_hint(int | None)), str(type_from_hint(list[str])), str(type_from_hint(dict[str, int]))
    ('Int | None', 'Json[list[String]]', 'Json')
    """
    return _read(hint, frozenset())


Seen = frozenset[Any]
"""The classes around an annotation; one that comes up again within itself is left open there."""


def _read(hint: Any, seen: Seen) -> ColumnType | None:
    carried = hint if isinstance(hint, ColumnType) else annotated_type(hint)
    if carried is not None:
        return carried
    if get_origin(hint) is Annotated:
        return _read(get_args(hint)[0], seen)
    if get_origin(hint) in (Union, types.UnionType):
        return _union(get_args(hint), seen)
    if get_origin(hint) is Literal:
        return _literal(get_args(hint))
    return _class_type(hint, get_origin(hint) or hint, seen)


def _union(members: Sequence[Any], seen: Seen) -> ColumnType | None:
    found = [_read(member, seen) for member in members if member is not types.NoneType]
    if None in found or not found:
        return None
    merged = common_type([member for member in found if member is not None])
    return merged and merged.with_nullable(merged.nullable or types.NoneType in members)


def _literal(values: Sequence[Any]) -> ColumnType | None:
    found = [_BUILTINS.get(type(plain(value))) for value in values if value is not None]
    merged = common_type([member for member in found if member is not None]) if found and None not in found else None
    return merged and merged.with_nullable(None in values)


def _class_type(hint: Any, cls: Any, seen: Seen) -> ColumnType | None:
    """Types for classes: containers, TypedDicts, pydantic models, enums, Pillow images."""
    if not isinstance(cls, type):
        return None
    if cls in _BUILTINS and not get_args(hint):
        return _BUILTINS[cls]
    if issubclass(cls, enum.Enum):
        return _literal([member.value for member in cls])
    if typing.is_typeddict(cls) or hasattr(cls, "model_computed_fields"):
        return JsonType() if cls in seen else _record_type(cls, seen | {cls})
    if issubclass(cls, Sequence) and not issubclass(cls, str | bytes):
        return JsonType(schema=_sequence(cls, get_args(hint), lambda part: _open_part(part, seen)))
    if issubclass(cls, Mapping):
        return JsonType()
    # Pillow is looked up, not imported: a hint can only name its class after someone imported it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and issubclass(cls, pillow.Image):
        return ImageType()
    return None


ReadPart = Callable[[Any], ColumnType]


def _sequence(cls: Any, items: Sequence[Any], read: ReadPart) -> JsonStructure | None:
    """The structure of `list[T]`, `tuple[T, ...]`, `tuple[T1, T2]`; None where nothing is said of the items."""
    if not items:
        return None
    if issubclass(cls, tuple):
        return _tuple(items, read)
    # `list[(T1, T2)]` is to Python what `list[T1, T2]` is: a list of tuples is meant.
    return JsonItems(read(items[0]) if len(items) == 1 else JsonType(schema=_tuple(items, read)))


def _tuple(items: Sequence[Any], read: ReadPart) -> JsonStructure:
    if len(items) == 2 and items[1] is Ellipsis:
        return JsonItems(read(items[0]))
    return JsonTuple(tuple(map(read, items)))


def _open_part(hint: Any, seen: Seen = frozenset()) -> ColumnType:
    """The type of a part of a Json value; anything, where the annotation names nothing that JSON has."""
    found = _read(hint, seen)
    return JsonType(True) if found is None else json_part(found)


def json_part(part: ColumnType) -> ColumnType:
    """A type as the part of a Json value: `Json[Int]` is an `Int` there, and what JSON does not have is left open."""
    if not JsonType().accepts(part):
        return JsonType(True)
    if isinstance(part, JsonType) and isinstance(part.schema, JsonScalar):
        return part.schema.kind.with_nullable(part.nullable)
    return part


def _record_type(cls: Any, seen: Seen) -> ColumnType | None:
    if typing.is_typeddict(cls):
        return _typed_dict(cls, seen)
    if getattr(cls, "__pydantic_root_model__", False):
        return _read(cls.model_fields["root"].annotation, seen)
    if cls.model_config.get("extra") == "allow" or cls.__pydantic_decorators__.model_serializers:
        return JsonType()
    return JsonType(schema=JsonFields(tuple(_model_keys(cls, seen))))


def _typed_dict(cls: Any, seen: Seen) -> JsonType:
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return JsonType()  # its annotations are text that names nothing here
    return JsonType(schema=JsonFields(tuple(_typed_dict_key(cls, name, hint, seen) for name, hint in hints.items())))


def _typed_dict_key(cls: Any, name: str, hint: Any, seen: Seen) -> JsonKey:
    # Of annotations that are text, as in `from __future__ import annotations`, `__required_keys__` knows nothing.
    required = name in cls.__required_keys__ and get_origin(hint) is not NotRequired
    if get_origin(hint) in (NotRequired, typing.Required):
        (hint,) = get_args(hint)
    return JsonKey(name, _open_part(hint, seen), required)


def _model_keys(cls: Any, seen: Seen) -> Sequence[JsonKey]:
    """What `model_dump()` gives for a pydantic model; fields that have a default may be left out of a dict."""
    by_alias = cls.model_config.get("serialize_by_alias", False)
    keys = []
    for name, field in cls.model_fields.items():
        part = JsonType(True) if _is_rewritten(cls, name, field) else _open_part(field.annotation, seen)
        shown = (field.serialization_alias if by_alias else None) or name
        required = field.is_required() and not field.exclude
        keys.append(JsonKey(shown, part.with_nullable(part.nullable or field.default is None), required))
    computed = cls.model_computed_fields.items()
    return keys + [JsonKey(name, _open_part(field.return_type, seen), False) for name, field in computed]


def _is_rewritten(cls: Any, name: str, field: Any) -> bool:
    """Whether a serializer of the model's makes something of the field that its annotation does not tell."""
    serializers = cls.__pydantic_decorators__.field_serializers.values()
    rewritten = {field_name for serializer in serializers for field_name in serializer.info.fields}
    return bool(rewritten & {name, "*"}) or any(type(item).__name__.endswith("Serializer") for item in field.metadata)


def json_type_from(item: Any) -> JsonType:
    """The type of `pxt.Json[item]`; null is allowed where `item` allows it.

    Raises:
        InvalidType: it names something that JSON does not have.

    >>> str(json_type_from({"name": str, "tags": [str], "at": (float, float), "note": NotRequired[str]}))
    "Json[{'name': String, 'tags': list[String], 'at': (Float, Float), 'note': NotRequired[String]}]"
    """
    part = _written_part(item)
    if isinstance(part, JsonType):
        return part.with_nullable(part.nullable and item is not Any)
    return JsonType(part.nullable, JsonScalar(part.with_nullable(False)))


def _written_part(item: Any) -> ColumnType:
    """A part as it is written between the brackets of `Json`, which must be something that JSON has."""
    if isinstance(item, tuple):
        return JsonType(schema=_tuple(item, _written_part))
    if isinstance(item, list) and len(item) == 1:
        return JsonType(schema=JsonItems(_written_part(item[0])))
    if isinstance(item, dict):
        return JsonType(schema=JsonFields(tuple(_written_key(name, part) for name, part in item.items())))
    cls = get_origin(item)
    if isinstance(cls, type) and issubclass(cls, Sequence):
        return JsonType(schema=_sequence(cls, get_args(item), _written_part))
    if cls in (Union, types.UnionType) and len(get_args(item)) == 2 and types.NoneType in get_args(item):
        return _written_part(next(part for part in get_args(item) if part is not types.NoneType)).with_nullable(True)
    if item in (Any, object):
        return JsonType(True)
    found = _read(item, frozenset())
    if found is None or not JsonType().accepts(found):
        shown = item.__name__ if isinstance(item, type) else f"{item!r}" if found is None else f"pxt.{found}"
        raise InvalidType(f"pxt.Json[...]: JSON has no `{shown}`", hint=_PARTS)
    return json_part(found)


_PARTS = (
    "Write pxt.String, Int, Float, Bool or Json, `T | None`, list[T], (T1, T2), (T, ...), {'key': T}, a TypedDict or a "
    "pydantic model."
)


def _written_key(name: Any, part: Any) -> JsonKey:
    if not isinstance(name, str):
        raise InvalidType(f"pxt.Json[...]: the key {name!r} of an object is not a string")
    if get_origin(part) is NotRequired:
        return JsonKey(name, _written_part(get_args(part)[0]), required=False)
    return JsonKey(name, _written_part(part))


def type_from_form(form: Any, *, subject: str) -> ColumnType:
    """The column type a schema gives for `subject`: a pixeltable form, or a union of forms and None.

    Raises:
        InvalidType: it is something else; the hint has the form that was meant, where that can be told.
    """
    found = type_from_hint(form) if _is_form(form) else None
    if found is not None:
        return found
    meant = _meant(form)
    if isinstance(form, type) and form in _NAMES:
        fact = f"standard Python type `{form.__name__}` cannot be used here"
    else:
        fact = f"{_shown(form)} is not a column type"
    hint = "Use pxt.Int, pxt.String | None, ..." if meant is None else f"Use `{meant}` instead."
    raise InvalidType(f"{subject}: {fact}", hint=hint)


def _is_form(form: Any) -> bool:
    if get_origin(form) in (Union, types.UnionType):
        members = [member for member in get_args(form) if member is not types.NoneType]
        return bool(members) and all(map(_is_form, members))
    if get_origin(form) is Annotated and annotated_type(form) is None:
        return _is_form(get_args(form)[0])
    return isinstance(form, ColumnType) or annotated_type(form) is not None


_NAMES = {
    str: "String", int: "Int", float: "Float", bool: "Bool", bytes: "Binary", bytearray: "Binary", dict: "Json",
    list: "Json", tuple: "Json", datetime.datetime: "Timestamp", datetime.date: "Date", uuid.UUID: "UUID",
}  # fmt: skip


def _meant(form: Any) -> str | None:
    """How a schema names what the annotation seems to mean."""
    if isinstance(form, type) and form in _NAMES:
        return f"pxt.{_NAMES[form]}"
    if get_origin(form) in (Union, types.UnionType):
        members = [member for member in get_args(form) if member is not types.NoneType]
        inner = (_meant(members[0]) or _shown(members[0])) if len(members) == 1 else None
        return inner and f"{inner} | None"
    cls = get_origin(form) or form
    found = type_from_hint(form)
    if isinstance(found, ImageType):
        return "pxt.Image"
    if isinstance(found, JsonType) and found.schema is not None:
        return f"pxt.Json[{_shown(form)}]"
    if isinstance(cls, type) and cls.__module__ == "numpy":
        return "pxt.Array[shape, dtype]" if cls is np.ndarray else _NUMPY_NAMES.get(np.dtype(cls).kind)
    return None if found is None or isinstance(form, ColumnType) else f"pxt.{found}"


_NUMPY_NAMES = {"b": "pxt.Bool", "i": "pxt.Int", "u": "pxt.Int", "f": "pxt.Float", "U": "pxt.String"}


def _shown(form: Any) -> str:
    return form.__name__ if isinstance(form, type) and get_origin(form) is None else str(form).replace("typing.", "")
