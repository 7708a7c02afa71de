"""From annotations to column types: Python hints in function signatures, pixeltable forms in schemas."""

import datetime
import enum
import sys
import types
import typing
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pixeltable.exceptions import InvalidType
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
    common_type,
)
from pixeltable.types.forms import annotated_type
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

    >>> str(type_from_hint(int | None)), str(type_from_hint(list[str]))
    ('Int | None', 'Json')
    """
    carried = annotated_type(hint)
    if carried is not None:
        return carried
    if isinstance(hint, ColumnType):
        return hint
    if get_origin(hint) is Annotated:
        return type_from_hint(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return _union(get_args(hint))
    if get_origin(hint) is Literal:
        return _literal(get_args(hint))
    return _class_type(get_origin(hint) or hint)


def _union(members: Sequence[Any]) -> ColumnType | None:
    found = [type_from_hint(member) for member in members if member is not types.NoneType]
    if None in found or not found:
        return None
    merged = common_type([member for member in found if member is not None])
    return merged and merged.with_nullable(merged.nullable or types.NoneType in members)


def _literal(values: Sequence[Any]) -> ColumnType | None:
    found = [_BUILTINS.get(type(plain(value))) for value in values if value is not None]
    merged = common_type([member for member in found if member is not None]) if found and None not in found else None
    return merged and merged.with_nullable(None in values)


def _class_type(hint: Any) -> ColumnType | None:
    """Types for classes: containers, TypedDicts, pydantic models, enums, Pillow images."""
    if not isinstance(hint, type):
        return None
    if hint in _BUILTINS:
        return _BUILTINS[hint]
    if issubclass(hint, enum.Enum):
        return _literal([member.value for member in hint])
    if typing.is_typeddict(hint) or issubclass(hint, Mapping | Sequence) or hasattr(hint, "model_fields"):
        return JsonType()
    # Pillow is looked up, not imported: a hint can only name its class after someone imported it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and issubclass(hint, pillow.Image):
        return ImageType()
    return None


_FORMS = {
    str: "String", int: "Int", float: "Float", bool: "Bool", bytes: "Binary", dict: "Json", list: "Json",
    datetime.datetime: "Timestamp", datetime.date: "Date", uuid.UUID: "UUID",
}  # fmt: skip


def type_from_form(form: Any, *, column: str) -> ColumnType:
    """The column type a schema gives for `column`: a pixeltable form, or a union of one with None."""
    if isinstance(form, type) and form in _FORMS:
        name = _FORMS[form]
        raise InvalidType(
            f"column {column!r}: standard Python type `{form.__name__}` cannot be used here",
            hint=f"Use `pxt.{name}` instead.",
        )
    members = get_args(form) if get_origin(form) in (Union, types.UnionType) else (form,)
    found = type_from_hint(form)
    if found is None or any(isinstance(member, type) and member in _FORMS for member in members):
        raise InvalidType(
            f"column {column!r}: {form!r} is not a column type", hint="Use pxt.Int, pxt.String | None, ..."
        )
    return found
