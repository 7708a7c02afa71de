"""Expressions as JSON-ready data and back: the form in which the catalog keeps them, and their fingerprints."""

import base64
import datetime
import hashlib
import json
import uuid
from dataclasses import fields
from typing import Any

from pixeltable.exceptions import InvalidState
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.arrays import ArrayItem, ArrayOf
from pixeltable.exprs.call import Call, FunctionSpec, Parameter
from pixeltable.exprs.elements import Element, JsonFilter, JsonMap, JsonSort
from pixeltable.exprs.expr import RECORDS, Expr, structure
from pixeltable.exprs.json_path import JsonPath
from pixeltable.exprs.json_values import JsonList, JsonObject
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.membership import IsIn, IsInList
from pixeltable.exprs.operators import And, Arithmetic, Cast, Comparison, Concat, IsNull, Negate, Not, Or, Repeat
from pixeltable.exprs.properties import BaseRow, CellProperty, InShare, RowHash, RowId, Similarity, VectorScore
from pixeltable.exprs.queries import InQuery, QueryCall
from pixeltable.exprs.shift import Shift
from pixeltable.exprs.tool_calls import ToolCalls
from pixeltable.exprs.variable import Variable
from pixeltable.lazy import np
from pixeltable.types.column_type import ColumnType, decode_type, encode_type

FORMAT = 1

NODES: dict[str, type[Expr]] = {
    node.__name__: node
    for node in (
        Aggregate, And, Arithmetic, ArrayItem, ArrayOf, BaseRow, Call, Cast, CellProperty, ColumnRef, Comparison,
        Concat, Element, InQuery, InShare, IsIn, IsInList, IsNull, JsonFilter, JsonList, JsonMap, JsonObject, JsonPath,
        JsonSort, Literal, Negate, Not, Or, QueryCall, Repeat, RowHash, RowId, Shift, Similarity, ToolCalls, Variable,
        VectorScore,
    )
}  # fmt: skip
_RECORDS: dict[str, type] = {"FunctionSpec": FunctionSpec, "Parameter": Parameter}


def encode(node: Expr) -> dict[str, Any]:
    """The node as JSON-ready data; inverse of `decode`."""
    return {"format": FORMAT, "expr": _encode(node)}


def decode(data: dict[str, Any]) -> Expr:
    """The node that `encode` described.

    Raises:
        InvalidState: it was written by a newer version, which this one cannot read.
    """
    if data["format"] > FORMAT:
        raise InvalidState(
            f"an expression is stored in format {data['format']}, but this version reads up to {FORMAT}",
            hint="Upgrade pixeltable.",
        )
    found = _decode(data["expr"])
    assert isinstance(found, Expr)
    return found


def encode_value(value: Any) -> dict[str, Any]:
    """As `encode`, of a value that a node could hold: a scalar, a record, a type, a list of these."""
    return {"format": FORMAT, "value": _encode(value)}


def decode_value(data: dict[str, Any]) -> Any:
    """The value that `encode_value` described."""
    return _decode(data["value"])


def fingerprint(node: Expr) -> str:
    """A hash that is equal for nodes built alike, in every process and on every machine."""
    return hashlib.sha256(json.dumps(_encode(node), sort_keys=True).encode()).hexdigest()


def _encode(value: Any) -> Any:
    """Scalars stand for themselves; all else is a list of a tag and its content."""
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, Expr):
        return ["node", type(value).__name__, *(_encode(item) for item in _written(value).values())]
    if isinstance(value, ColumnType):
        return ["type", encode_type(value)]
    if type(value).__name__ in _RECORDS or type(value).__name__ in RECORDS:
        return [type(value).__name__, {name: _encode(item) for name, item in _written(value).items()}]
    for kind, (tag, write, _) in _VALUES.items():
        if isinstance(value, kind):
            return [tag, write(value)]
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return ["array", [value.dtype.str, list(value.shape), data]]
    raise TypeError(f"a {type(value).__name__} cannot be stored in an expression")


def _written(value: Any) -> dict[str, Any]:
    """The fields of a node or a record that are written: what was encoded before a field came has the same form still.

    Of the fields added later to a node, which are known by their places, just the last ones are left out.
    """
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    for field in reversed(fields(value)):
        if not field.metadata.get("added_later"):
            break
        if structure(found[field.name]) == structure(field.default):
            del found[field.name]
        elif isinstance(value, Expr):
            break
    return found


def _decode(data: Any) -> Any:
    if not isinstance(data, list):
        return data
    tag, *content = data
    if tag == "node":
        return NODES[content[0]](*(_decode(item) for item in content[1:]))
    if tag == "type":
        return decode_type(content[0])
    if tag in _RECORDS or tag in RECORDS:
        return (_RECORDS.get(tag) or RECORDS[tag])(**{name: _decode(item) for name, item in content[0].items()})
    if tag == "array":
        dtype, shape, data = content[0]
        return np.frombuffer(base64.b64decode(data), dtype=dtype).reshape(shape)
    read = next(read for name, _, read in _VALUES.values() if name == tag)
    return read(content[0])


_VALUES: dict[type, tuple[str, Any, Any]] = {
    tuple: ("tuple", lambda v: [_encode(item) for item in v], lambda c: tuple(_decode(item) for item in c)),
    list: ("list", lambda v: [_encode(item) for item in v], lambda c: [_decode(item) for item in c]),
    dict: ("dict", lambda v: {k: _encode(x) for k, x in v.items()}, lambda c: {k: _decode(x) for k, x in c.items()}),
    float: ("float", repr, float),
    datetime.datetime: ("timestamp", datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    datetime.date: ("date", datetime.date.isoformat, datetime.date.fromisoformat),
    uuid.UUID: ("uuid", str, uuid.UUID),
    bytes: ("bytes", lambda v: base64.b64encode(v).decode(), base64.b64decode),
    slice: ("slice", lambda v: [v.start, v.stop, v.step], lambda c: slice(*c)),
}
"""From type to its tag, how it is written and how it is read; a subclass stands before its base."""
