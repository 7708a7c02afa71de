"""Checking plain JSON values against the structure of their type; what is wrong is told with the place where it is."""

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType, JsonType, StringType
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonScalar, JsonTuple

Convert = Callable[[Any], Any]
"""From a plain JSON value to the same in the form its type has; it is not changed itself.

Raises JsonMisfit if it is none of that type.
"""


class JsonMisfit(ValueError):
    """A part of a JSON value is not what its type says; `steps` lead to it from the outermost."""

    def __init__(self, fact: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.steps: list[str | int] = []

    @property
    def reason(self) -> str:
        """Place and fact, such as `$.items[2].price is a String, not a Float`."""
        return f"${''.join(map(_show_step, reversed(self.steps)))} {self.fact}"


def _show_step(step: str | int) -> str:
    return f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]"


@lru_cache(maxsize=1000)
def part_converter(part: ColumnType) -> Convert:
    """What checks and converts the values of a part."""
    convert = _present(part)
    if part.nullable:
        return lambda value: None if value is None else convert(value)
    return convert


def _present(part: ColumnType) -> Convert:
    """The same for values that are not null."""
    if not isinstance(part, JsonType):
        return _SCALARS[type(part)]
    schema = part.schema
    if isinstance(schema, JsonScalar):
        return _SCALARS[type(schema.kind)]
    if isinstance(schema, JsonItems):
        return _items(part_converter(schema.item))
    if isinstance(schema, JsonTuple):
        return _tuple([part_converter(item) for item in schema.items])
    if isinstance(schema, JsonFields):
        return _fields(schema)
    return _anything


def _misfit(value: Any, wanted: str) -> JsonMisfit:
    return JsonMisfit(f"is {_KINDS[type(value)]}, not {wanted}")


_KINDS = {
    str: "a String", int: "an Int", float: "a Float", bool: "a Bool", list: "a list", dict: "an object",
    type(None): "null",
}  # fmt: skip


def _anything(value: Any) -> Any:
    if value is None:
        raise _misfit(value, "a value")
    return value


def _string(value: Any) -> Any:
    if type(value) is not str:
        raise _misfit(value, "a String")
    return value


def _int(value: Any) -> Any:
    if type(value) is not int:
        raise _misfit(value, "an Int")
    if not -(2**63) <= value < 2**63:
        raise JsonMisfit(f"is {value}, which is out of the range of a 64-bit integer")
    return value


def _float(value: Any) -> Any:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _misfit(value, "a Float")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if number != value:
        raise JsonMisfit(f"is {value}, which is not exact as a Float")
    return number


def _bool(value: Any) -> Any:
    if type(value) is not bool:
        raise _misfit(value, "a Bool")
    return value


_SCALARS: dict[type[ColumnType], Convert] = {StringType: _string, IntType: _int, FloatType: _float, BoolType: _bool}


def _items(convert: Convert) -> Convert:
    def convert_list(value: Any) -> Any:
        if type(value) is not list:
            raise _misfit(value, "a list")
        converted: list[Any] = []
        try:
            for item in value:
                converted.append(convert(item))
        except JsonMisfit as error:
            error.steps.append(len(converted))
            raise
        return converted

    return convert_list


def _tuple(converts: list[Convert]) -> Convert:
    def convert_tuple(value: Any) -> Any:
        if type(value) is not list:
            raise _misfit(value, f"a list of {len(converts)}")
        if len(value) != len(converts):
            raise JsonMisfit(f"has {len(value)} items, not {len(converts)}")
        converted: list[Any] = []
        try:
            for convert, item in zip(converts, value, strict=True):
                converted.append(convert(item))
        except JsonMisfit as error:
            error.steps.append(len(converted))
            raise
        return converted

    return convert_tuple


def _fields(schema: JsonFields) -> Convert:
    converts = {key.name: part_converter(key.part) for key in schema.keys}
    required = {key.name for key in schema.keys if key.required}

    def convert_object(value: Any) -> Any:
        if type(value) is not dict:
            raise _misfit(value, "an object")
        if not required <= value.keys() <= converts.keys():
            raise JsonMisfit(_wrong_keys(value, converts, required))
        converted = {}
        for name, item in value.items():
            try:
                converted[name] = converts[name](item)
            except JsonMisfit as error:
                error.steps.append(name)
                raise
        return converted

    return convert_object


def _wrong_keys(value: Mapping[str, Any], known: Mapping[str, Any], required: set[str]) -> str:
    unknown = [name for name in value if name not in known]
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        return f"has a key {unknown[0]!r}, which its type does not" + (f"; did you mean {near[0]!r}?" if near else "")
    return f"lacks the key {next(name for name in known if name in required and name not in value)!r}"
