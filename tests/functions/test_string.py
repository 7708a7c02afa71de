"""The functions on text as methods of expressions, and their SQL; their results are in their docstrings."""

from typing import Any

import pytest
import sqlalchemy as sa

import pixeltable.functions as pxtf
from pixeltable.functions import string
from pixeltable.types.column_type import BoolType, ColumnType, IntType, JsonType, StringType
from pixeltable.types.json_structure import JsonItems
from pixeltable.udfs.function import Function
from tests.udfs.columns import column

NAMES = [
    "capitalize", "contains", "endswith", "find", "len", "lower", "replace", "reverse", "slice", "split", "startswith",
    "strip", "title", "upper",
]  # fmt: skip


def other_arguments(function: Function) -> list[str]:
    return ["x" for parameter in function.parameters[1:] if not parameter.has_default]


@pytest.mark.parametrize("name", NAMES)
def test_is_a_method_of_strings(name: str) -> None:
    function = getattr(string, name)
    call = getattr(column("s", StringType()), name)(*other_arguments(function))
    assert call.function is function.spec


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (string.upper, StringType()),
        (string.len, IntType()),
        (string.split, JsonType(schema=JsonItems(StringType()))),
        (string.contains, BoolType()),
    ],
)
@pytest.mark.parametrize("nullable", [False, True])
def test_null_in_null_out(function: Function, result: ColumnType, nullable: bool) -> None:
    call = function(column("s", StringType(nullable)), *other_arguments(function))
    assert call.type == result.with_nullable(nullable)


def test_library_modules_are_attributes() -> None:
    assert pxtf.string is string
    assert {"string", "wordllama"} <= set(dir(pxtf))


def test_unknown_library_module_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_module"):
        pxtf.no_such_module  # noqa: B018  # the access itself is what is tested


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (string.len, "s", "length(s)"),
        (string.reverse, "s", "reverse(s)"),
        (string.startswith, "sx", "starts_with(s, x)"),
        (string.endswith, "sx", "right(s, length(x)) = x"),
        (string.contains, ("s", "x", True), "strpos(s, x) > 0"),
        (string.find, ("s", "x", 0, None), "strpos(s, x) - 1"),
        (string.replace, ("s", b"a", b"b", None), "replace(s, 'a', 'b')"),
        (string.strip, ("s", b"-"), "btrim(s, '-')"),
    ],
)
def test_sql_where_it_means_the_same(function: Function, args: Any, expected: str) -> None:
    assert sql(function, *args) == expected


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (string.contains, ("s", "x", False)),
        (string.contains, ("s", "x", "c")),
        (string.find, ("s", "x", 1, None)),
        (string.replace, ("s", b"", b"b", None)),
        (string.replace, ("s", "x", b"b", None)),
        (string.replace, ("s", b"a", b"b", 1)),
        (string.strip, ("s", None)),
        (string.strip, ("s", "c")),
    ],
)
def test_python_where_sql_means_something_else(function: Function, args: Any) -> None:
    assert sql(function, *args) is None


def sql(function: Function, *args: Any) -> str | None:
    """The SQL of a call: text stands for columns, bytes for constant text, other values for constants."""
    assert function.sql is not None
    elements = [
        sa.column(arg) if isinstance(arg, str) else sa.literal(arg.decode() if isinstance(arg, bytes) else arg)
        for arg in args
    ]
    found = function.sql(*elements)
    return None if found is None else str(found.compile(compile_kwargs={"literal_binds": True}))


@pytest.mark.parametrize("function", [string.capitalize, string.lower, string.title, string.upper])
def test_case_is_left_to_python(function: Function) -> None:
    assert function.sql is None
