"""Column types as JSON Schema and back, and as what pydantic checks."""

from typing import Any

import pydantic
import pytest
from hypothesis import given

from pixeltable.types.column_type import TYPES, ArrayType, ColumnType, IntType, JsonType, StringType, UUIDType
from pixeltable.types.hints import json_type_from
from pixeltable.types.json_schema import type_from_schema, type_schema
from pixeltable.types.json_structure import JsonScalar
from pixeltable.types.pydantic_types import pydantic_type
from tests.types.generated import json_types

ORDER = json_type_from({"id": int, "items": [{"name": str, "price": float | None}], "at": (float, float)})


@given(json_types)
def test_a_json_type_is_read_back_from_its_schema(column_type: JsonType) -> None:
    if column_type.schema is None:
        assert type_from_schema(type_schema(column_type)) == JsonType(True)  # a schema that says nothing allows null
        return
    found = type_from_schema(type_schema(column_type))
    if isinstance(column_type.schema, JsonScalar):
        column_type = column_type.schema.kind.with_nullable(column_type.nullable)  # type: ignore[assignment]
    assert type_schema(found) == type_schema(column_type)


@pytest.mark.parametrize("column_type", [StringType(), IntType(True), UUIDType(), ORDER])
def test_a_type_is_read_back_from_its_schema(column_type: ColumnType) -> None:
    assert type_from_schema(type_schema(column_type)) == column_type


class Node(pydantic.BaseModel, extra="forbid"):
    name: str
    parent: "Node | None" = None


class Free(pydantic.BaseModel):
    name: str


SCHEMAS: list[tuple[dict[str, Any], str]] = [
    ({}, "Json | None"), ({"type": "string"}, "String"), ({"type": ["number", "null"]}, "Float | None"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "Int | None"),
    ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "Float"),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "Json"), ({"type": "object"}, "Json"),
    ({"type": "array"}, "Json"), ({"type": "null"}, "Json | None"), ({"type": "date"}, "Json"),
    ({"type": "array", "items": True}, "Json[list[Json | None]]"),
    ({"type": "array", "prefixItems": [{}], "items": {"type": "string"}}, "Json"),
    ({"type": "array", "items": {"type": "string", "format": "uuid"}}, "Json[list[String]]"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "boolean"}}}, "Bool"), ({"$ref": "elsewhere"}, "Json | None"),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
     "Json[{'a': NotRequired[String]}]"),
    (Node.model_json_schema(),
     "Json[{'name': String, 'parent': NotRequired[Json | None]}]"),
    (Free.model_json_schema(), "Json"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "text"), SCHEMAS, ids=[str(n) for n in range(len(SCHEMAS))])
def test_from_a_schema(schema: dict[str, Any], text: str) -> None:
    assert str(type_from_schema(schema)) == text


GOOD = {"id": 1, "items": [{"name": "a", "price": None}], "at": [1.5, 2.5]}


def test_pydantic_takes_what_the_type_takes() -> None:
    assert pydantic.TypeAdapter(pydantic_type(ORDER)).validate_python(GOOD) == {**GOOD, "at": (1.5, 2.5)}


@pytest.mark.parametrize("bad", [{**GOOD, "id": "x"}, {**GOOD, "more": 1}, {"id": 1}, {**GOOD, "at": [1.5]}, None])
def test_pydantic_refuses_what_the_type_refuses(bad: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        pydantic.TypeAdapter(pydantic_type(ORDER)).validate_python(bad)


@pytest.mark.parametrize("kind", TYPES.values())
def test_every_type_has_a_pydantic_type(kind: type[ColumnType]) -> None:
    assert pydantic.TypeAdapter(pydantic_type(kind(True))).validate_python(None) is None


def test_what_a_type_is() -> None:
    asked = {name for name in dir(ColumnType) if name.startswith("is_")}
    answers = {name: {each for each, kind in TYPES.items() if getattr(kind(), name)()} for name in asked}
    assert {f"is_{name.lower()}_type": {name} for name in TYPES}.items() <= answers.items()
    assert answers["is_numeric_type"] == {"Int", "Float"}
    assert answers["is_media_type"] == {"Image", "Video", "Audio", "Document"}
    assert answers["is_scalar_type"] == {"String", "Int", "Float", "Bool", "Timestamp", "Date", "UUID"}


@pytest.mark.parametrize(("a", "b", "expected"), [
    (IntType(), IntType(True), True), (IntType(), StringType(), False), (ArrayType(), ArrayType(dtype="bool"), False),
])  # fmt: skip
def test_matching_leaves_null_aside(a: ColumnType, b: ColumnType, expected: bool) -> None:
    assert a.matches(b) is expected
