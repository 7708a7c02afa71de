"""The functions on text as methods of expressions, and their SQL; their results are in their docstrings."""

import datetime
import re
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exprs.expr import METHODS
from pixeltable.functions import string
from pixeltable.types.column_type import BoolType, ColumnType, IntType, JsonType, StringType
from pixeltable.types.json_structure import JsonItems
from pixeltable.udfs import registry
from pixeltable.udfs.function import Function
from tests.udfs.columns import column

NO_METHODS = {"join", "string_splitter"}
NAMES = [name for name in string.__all__ if name not in NO_METHODS]
GIVEN = {"width": 7, "n": 2, "form": "NFC"}
"""Arguments for required parameters that take no text of any kind."""


def other_arguments(function: Function) -> list[Any]:
    return [GIVEN.get(p.name, "x") for p in function.parameters[1:] if not p.has_default]


@pytest.mark.parametrize("name", NAMES)
def test_is_a_method_of_strings(name: str) -> None:
    function = getattr(string, name)
    call = getattr(column("s", StringType()), name)(*other_arguments(function))
    assert call.call_function is function.spec


def test_join_is_no_method() -> None:
    assert ("String", "join") not in METHODS
    assert string.join(", ", column("j", JsonType(True))).col_type == StringType(True)


@pytest.mark.parametrize("name", string.__all__)
def test_is_stored_under_the_name_of_the_package(name: str) -> None:
    path = getattr(string, name).spec.path
    assert path == f"pixeltable.functions.string.{name}"
    assert registry.find(path) is getattr(string, name)


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (string.upper, StringType()),
        (string.len, IntType()),
        (string.split, JsonType(schema=JsonItems(StringType()))),
        (string.contains, BoolType()),
        (string.startswith, BoolType()),
        (string.count, IntType()),
        (string.partition, JsonType(schema=JsonItems(StringType()))),
        (string.wrap, JsonType(schema=JsonItems(StringType()))),
        (string.fullmatch, BoolType()),
    ],
)
@pytest.mark.parametrize("nullable", [False, True])
def test_null_in_null_out(function: Function, result: ColumnType, nullable: bool) -> None:
    call = function(column("s", StringType(nullable)), *other_arguments(function))
    assert call.col_type == result.with_nullable(nullable)


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
        (string.slice, ("s", 0, 3, 2)),
        (string.ljust, ("s", 3, "c")),
        (string.ljust, ("s", 3, b"ab")),
        (string.pad, ("s", 3, b"middle", b" ")),
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


@given(st.text(), st.none() | st.integers(-8, 8), st.none() | st.integers(-8, 8), st.text(max_size=2))
def test_slice_replace_puts_the_text_where_the_span_was(
    text: str, start: int | None, stop: int | None, to: str
) -> None:
    removed = string.slice.body(text, start, stop)
    replaced = string.slice_replace.body(text, start, stop, to)
    assert len(replaced) == len(text) - len(removed) + len(to)
    assert string.slice_replace.body(text, start, stop, removed) == text


@given(st.text(), st.integers(-3, 12), st.sampled_from(["left", "right", "both"]))
def test_padding_reaches_the_width_and_keeps_the_text(text: str, width: int, side: str) -> None:
    padded = string.pad.body(text, width, side, "*")
    assert text in padded
    assert len(padded) == max(len(text), width)


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        (string.index, ("abc", "x"), ValueError), (string.rindex, ("abc", "a", 1), ValueError),
        (string.split, ("abc", ""), ValueError), (string.partition, ("abc", ""), ValueError),
        (string.slice, ("abc", None, None, 0), ValueError), (string.normalize, ("abc", "NFX"), ValueError),
        (string.pad, ("abc", 9, "middle"), ValueError), (string.ljust, ("abc", 9, "ab"), TypeError),
        (string.wrap, ("abc", 0), ValueError), (string.match, ("abc", "("), re.error),
        (string.join, (",", {"a": 1}), TypeError), (string.join, (",", [1]), TypeError),
        (string.repeat, ("abc", 2**28), OverflowError), (string.zfill, ("abc", 2**62), OverflowError),
        (string.center, ("abc", 2**40), OverflowError), (string.format, ("{}", [], {}), IndexError),
        (string.format, ("{:>99999999999}", [1], {}), OverflowError), (string.format, ("{x}", [], {}), KeyError),
    ],
)  # fmt: skip
def test_fails(function: Function, args: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        function.body(*args)


def test_nothing_repeated_is_nothing_however_often() -> None:
    assert string.repeat.body("", 2**62) == ""


@pytest.mark.parametrize(("n", "expected"), [(None, "###"), (-1, "###"), (0, "abc"), (2, "##c")])
def test_replace_re_replaces_at_most_n(n: int | None, expected: str) -> None:
    assert string.replace_re.body("abc", ".", "#", n) == expected


@pytest.mark.parametrize("template", ["{0.__class__}", "{x._hidden}", "{x[a]._hidden}", "{0:{x.__doc__}}"])
def test_format_does_not_reach_private_names(template: str) -> None:
    with pytest.raises(ValueError, match="private name"):
        string.format.body(template, [uuid.UUID(int=0)], {"x": uuid.UUID(int=1)})


def test_format_reaches_public_names_and_keys() -> None:
    found = string.format.body("{0.year} {x[a._b]} {x[c]}", [datetime.date(2024, 1, 2)], {"x": {"a._b": 1, "c": 2}})
    assert found == "2024 1 2"


@given(st.lists(st.integers() | st.text()), st.dictionaries(st.sampled_from("abc"), st.floats()))
def test_format_is_that_of_str(args: list[Any], kwargs: dict[str, Any]) -> None:
    template = "|".join(["{!r:>12}"] * len(args) + [f"{{{name}:.3e}}" for name in kwargs] + ["{{}}"])
    assert string.format.body(template, args, kwargs) == template.format(*args, **kwargs)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    schema = {"s": pxt.String | None, "n": pxt.Int, "stop": pxt.Int | None, "day": pxt.Date, "j": pxt.Json}
    table = pxt.create_table(f"{ns}/t", schema)
    day = datetime.date(2024, 1, 2)
    table.insert([{"s": "tea: {}, {n:03}", "n": 7, "day": day, "j": ["a", "b"]}])
    table.insert([{"s": None, "n": 1, "day": day, "j": "abc"}])
    return table


def test_format_takes_columns_by_place_and_by_name(t: pxt.Table) -> None:
    assert t.select(x=t.s.format(t.day, n=t.n)).collect()["x"] == ["tea: 2024-01-02, 007", None]
    assert t.select(x=string.format("{:%Y} {}", t.day, "b")).collect()["x"] == ["2024 b", "2024 b"]


def test_format_is_stored_with_a_column(t: pxt.Table) -> None:
    t.add_computed_column(text=t.s.format(t.n, n=t.n))
    assert t.select(t.text).collect()["text"] == ["tea: 7, 007", None]


def test_options_are_given_by_name(t: pxt.Table) -> None:
    wrapped = t.s.wrap(8, break_long_words=False, initial_indent="> ")
    assert t.select(x=wrapped).collect()["x"] == [["> tea:", "{},", "{n:03}"], None]


def test_patterns_take_flags_of_re(t: pxt.Table) -> None:
    assert t.select(x=t.s.contains_re("TEA", re.IGNORECASE)).collect()["x"] == [True, None]


def test_json_where_text_is_wanted_is_looked_at_in_each_row(t: pxt.Table) -> None:
    assert t.where(t.n == 1).select(x=string.len(t.j)).collect()["x"] == [3]
    with pytest.raises(pxt.RequestError, match="failed in row"):
        t.select(x=string.upper(t.j)).collect()


def test_a_position_that_is_null_is_the_default(t: pxt.Table) -> None:
    assert t.select(x=t.s.slice(0, t.j.stop.astype(pxt.Int | None))).collect()["x"] == ["tea: {}, {n:03}", None]
    assert t.select(x=t.s.slice(t.stop, t.stop)).collect()["x"] == ["tea: {}, {n:03}", None]
