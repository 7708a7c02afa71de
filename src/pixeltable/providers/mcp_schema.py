"""From the description that an MCP server gives of a tool to the signature of a function."""

import hashlib
import keyword
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pixeltable.exprs.call import Parameter
from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType, JsonType, StringType
from pixeltable.udfs.signature import RESERVED, Signature

Schema = Mapping[str, Any]

_TYPES: dict[frozenset[str], ColumnType] = {
    frozenset({"string"}): StringType(),
    frozenset({"integer"}): IntType(),
    frozenset({"number"}): FloatType(),
    frozenset({"integer", "number"}): FloatType(),
    frozenset({"boolean"}): BoolType(),
}
_DEEPEST = 16
"""References within references that are followed; the definition of a tree has no end."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as a server offers it; `properties` has the name in the tool's schema for each parameter."""

    name: str
    description: str | None
    signature: Signature
    properties: Mapping[str, str]
    required: frozenset[str]
    """The properties, not parameters, that a call has to give."""
    schemas: Mapping[str, Schema]
    """The JSON Schema of each parameter, without references."""
    code: str
    """A hash of the schemas: the interface, by which a change of the tool is noticed."""

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the server is sent. None stands for an optional argument that is left out: its default holds."""
        named = {self.properties[name]: value for name, value in given.items()}
        return {name: value for name, value in named.items() if value is not None or name in self.required}


def read_tool(tool: Any) -> OfferedTool:
    """A tool of the SDK's as a function can be made of it.

    Required parameters come first; the others accept null, which is their default. What is no string, integer, number
    or bool is Json. Names that Python or pixeltable have a use for are changed: `from` becomes `from_`, `user-id`
    becomes `user_id`.
    """
    schema: Schema = tool.input_schema
    required = frozenset(schema.get("required", ()))
    declared: Mapping[str, Any] = schema.get("properties", {})
    ordered = sorted(declared, key=lambda name: name not in required)
    names = _parameter_names(ordered)
    schemas = {names[name]: _resolved(declared[name], schema, _DEEPEST) for name in ordered}
    parameters = tuple(_parameter(names[name], schemas[names[name]], name in required) for name in ordered)
    returns: ColumnType = StringType() if tool.output_schema is None else JsonType(True)
    return OfferedTool(
        name=tool.name,
        description=tool.description,
        signature=Signature(parameters, returns, batched=False),
        properties={parameter: name for name, parameter in names.items()},
        required=required,
        schemas=schemas,
        code=hashlib.sha256(_canonical([schema, tool.output_schema])).hexdigest()[:16],
    )


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _parameter_names(properties: list[str]) -> dict[str, str]:
    """A name of a parameter for each property; one that is taken gets an underscore."""
    found: dict[str, str] = {}
    plain = [name for name in properties if _as_parameter(name) == name]
    for name in (*plain, *(name for name in properties if name not in plain)):
        parameter = _as_parameter(name)
        while parameter in found.values():
            parameter += "_"
        found[name] = parameter
    return found


def _as_parameter(name: str) -> str:
    spelt = unicodedata.normalize("NFKC", name)  # as Python reads names in a program
    plain = "".join(char if f"p{char}".isidentifier() else "_" for char in spelt).lstrip("_")
    if not plain[:1].isidentifier():
        plain = f"p{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) or plain in RESERVED else plain


def _parameter(name: str, schema: Any, required: bool) -> Parameter:
    column_type = column_type_of(schema)
    return Parameter(name, column_type) if required else Parameter(name, column_type.with_nullable(True), True, None)


def column_type_of(schema: Any) -> ColumnType:
    """The type of the values that a JSON Schema without references allows.

    >>> [str(column_type_of({"type": name})) for name in ("string", "number", "array")]
    ['String', 'Float', 'Json']
    >>> str(column_type_of({"anyOf": [{"type": "integer"}, {"type": "null"}]}))
    'Int | None'
    """
    kinds = _kinds(schema)
    if kinds is None:
        return JsonType(True)
    return _TYPES.get(kinds - {"null"}, JsonType()).with_nullable("null" in kinds)


def _kinds(schema: Any) -> frozenset[str] | None:
    """The names that JSON Schema has for the types of allowed values; None where any is."""
    if not isinstance(schema, Mapping):
        return None
    named = schema.get("type")
    if named is not None:
        return frozenset([named] if isinstance(named, str) else named)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values is not None:
        return frozenset(map(_kind_of, values))
    for together in ("anyOf", "oneOf"):
        if together in schema:
            members = [_kinds(member) for member in schema[together]]
            return None if None in members else frozenset[str]().union(*filter(None, members))
    narrowed = [found for found in map(_kinds, schema.get("allOf", ())) if found is not None]
    return frozenset.intersection(*narrowed) if narrowed else None


def _kind_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", dict: "object"}
    return kinds.get(type(value), "array")


def _resolved(schema: Any, root: Schema, depth: int) -> Any:
    """A schema in which what references stand for is in their place: its definitions stay behind, in the root."""
    if isinstance(schema, list):
        return [_resolved(member, root, depth) for member in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" not in schema:
        return {name: _resolved(value, root, depth) for name, value in schema.items()}
    rest = {name: _resolved(value, root, depth) for name, value in schema.items() if name != "$ref"}
    found = _referred(schema["$ref"], root) if depth else None
    return {**_resolved(found, root, depth - 1), **rest} if isinstance(found, Mapping) else rest


def _referred(reference: Any, root: Schema) -> Any:
    """What `#/a/b` names in the root (RFC 6901); None for what is in another document."""
    start, *parts = str(reference).split("/")
    found: Any = root if start == "#" else None
    for part in parts:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
