"""What an MCP server says of a tool becomes the signature of a function."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltable.providers.mcp_schema import OfferedTool, column_type_of, read_tool
from pixeltable.udfs.arguments import show_parameters


def offered(properties: dict[str, Any], required: list[str], output: Any = None, **schema: Any) -> OfferedTool:
    described = {"type": "object", "properties": properties, "required": required, **schema}
    return read_tool(SimpleNamespace(name="t", description=None, input_schema=described, output_schema=output))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "String"),
        ({"type": "integer"}, "Int"),
        ({"type": "number"}, "Float"),
        ({"type": ["integer", "number"]}, "Float"),
        ({"type": "boolean"}, "Bool"),
        ({"type": "object"}, "Json"),
        ({"type": "array", "items": {"type": "string"}}, "Json"),
        ({"type": ["string", "null"]}, "String | None"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "Int | None"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "Json"),
        ({"anyOf": [{"type": "integer"}, {}]}, "Json | None"),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "String"),
        ({"enum": ["a", "b"]}, "String"),
        ({"enum": [1, None]}, "Int | None"),
        ({"enum": [1, True]}, "Json"),
        ({"const": 0.5}, "Float"),
        ({"type": "null"}, "Json | None"),
        ({}, "Json | None"),
        (True, "Json | None"),
    ],
)
def test_type_of_values_that_a_schema_allows(schema: Any, expected: str) -> None:
    assert str(column_type_of(schema)) == expected


def test_required_parameters_come_first_and_the_others_are_none_by_default() -> None:
    tool = offered({"limit": {"type": "integer", "default": 5}, "query": {"type": "string"}}, ["query"])
    assert show_parameters(tool.signature.parameters) == "(query: String, limit: Int | None = None)"


@pytest.mark.parametrize(("output", "expected"), [(None, "String"), ({"type": "object"}, "Json | None")])
def test_declared_output_is_json_and_any_other_text(output: Any, expected: str) -> None:
    assert str(offered({}, [], output).signature.returns) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (["from", "user-id", "_x", "2d", "größe", "$"], ["from_", "user_id", "x", "p2d", "größe", "p"]),
        (["a-b", "a_b", "a.b"], ["a_b_", "a_b", "a_b__"]),
        (["group_by", "order_by"], ["group_by_", "order_by_"]),
    ],
)
def test_names_that_cannot_be_parameters_are_changed(properties: list[str], expected: list[str]) -> None:
    tool = offered({name: {"type": "string"} for name in properties}, properties)
    assert [parameter.name for parameter in tool.signature.parameters] == expected
    given = dict(zip(expected, properties, strict=True))
    assert tool.arguments(given) == {name: name for name in properties}


@given(st.lists(st.text(max_size=6), unique=True, max_size=6))
def test_every_property_has_a_parameter_of_its_own(properties: list[str]) -> None:
    names = [p.name for p in offered({name: {} for name in properties}, properties).signature.parameters]
    assert len(set(names)) == len(properties)
    assert all(name.isidentifier() and not name.startswith("_") for name in names)


def test_none_leaves_out_what_is_optional_and_is_passed_for_what_is_required() -> None:
    tool = offered({"a": {"type": ["string", "null"]}, "b": {"type": ["string", "null"]}}, ["a"])
    assert tool.arguments({"a": None, "b": None}) == {"a": None}


def test_references_are_replaced_by_what_they_name() -> None:
    tool = offered({"unit": {"$ref": "#/$defs/Unit", "title": "u"}}, ["unit"], **{"$defs": {"Unit": {"enum": ["C"]}}})
    assert tool.schemas == {"unit": {"enum": ["C"], "title": "u"}}
    assert str(tool.signature.parameters[0].type) == "String"


@pytest.mark.parametrize("reference", ["#/$defs/Tree", "https://example.org/schema", "#/$defs/none"])
def test_reference_without_an_end_or_to_elsewhere_allows_anything_there(reference: str) -> None:
    tree = {"type": "object", "properties": {"children": {"$ref": reference}}}
    tool = offered({"tree": tree}, ["tree"], **{"$defs": {"Tree": tree}})
    assert "$ref" not in str(tool.schemas)
    assert str(tool.signature.parameters[0].type) == "Json"


def test_code_changes_with_the_interface_and_not_with_the_order_of_its_parts() -> None:
    a, b = {"type": "string"}, {"type": "integer"}
    assert offered({"a": a, "b": b}, []).code == offered({"b": b, "a": a}, []).code
    assert offered({"a": a}, []).code != offered({"a": a}, ["a"]).code != offered({"a": b}, ["a"]).code
