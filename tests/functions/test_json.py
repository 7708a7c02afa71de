"""The functions on Json: kinds they refuse, what is equal, the order of keys; more in their docstrings."""

import json as standard_json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exprs.expr import METHODS
from pixeltable.functions import json
from pixeltable.types.column_type import BoolType, FloatType, IntType, JsonType, StringType
from pixeltable.types.hints import type_from_hint
from pixeltable.udfs.function import Function
from tests.udfs.columns import column

METHOD_NAMES = [name for name in json.__all__ if name not in ("list_iterator", "make_list")]


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_is_a_method_of_json(name: str) -> None:
    function = getattr(json, name)
    arguments = ["x" for parameter in function.parameters[1:] if not parameter.has_default]
    if name in ("concat", "merge"):
        arguments = [column("k", JsonType())]
    assert getattr(column("j", JsonType(True)), name)(*arguments).call_function is function.spec


def test_make_list_is_the_aggregate() -> None:
    assert json.make_list is pxtf.make_list
    assert ("Json", "make_list") not in METHODS


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (json.dumps, (), StringType(True)), (json.len, (), IntType(True)), (json.is_empty, (), BoolType()),
        (json.contains, (1,), BoolType(True)), (json.get, ("a",), JsonType(True)), (json.sum, (), FloatType(True)),
        (json.max, (), FloatType(True)), (json.mean, (), FloatType(True)), (json.count, (1,), IntType(True)),
        (json.keys, (), type_from_hint(list[str] | None)), (json.concat, ([1],), JsonType()),
        (json.flatten, (), JsonType(True)),
    ],
)  # fmt: skip
def test_types(function: Function, arguments: tuple[Any, ...], expected: Any) -> None:
    assert function(column("j", JsonType(True)), *arguments).col_type == expected


def test_sum_of_required_json_is_never_null_but_extremes_may_be() -> None:
    found = [
        function(column("j", JsonType())).col_type.nullable for function in (json.sum, json.min, json.max, json.mean)
    ]
    assert found == [False, True, True, True]


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        (json.len, (5,), "a list, an object or a string, got a number 5"),
        (json.contains, ("abc", "a"), "a list or an object, got a string 'abc'"),
        (json.get, ([1], "a"), r"an object, got a list \[1\]"),
        (json.keys, (True,), "an object, got a bool True"),
        (json.values, ([],), "an object, got a list"), (json.items, ("a",), "an object, got a string"),
        (json.flatten, ({"a": 1},), "a list, got an object {'a': 1}"), (json.count, ({}, 1), "a list, got an object"),
        (json.concat, ([1], {"a": 1}), "a list, got an object"), (json.concat, (0, None), "a list, got a number 0"),
        (json.merge, ({}, [1]), "an object, got a list"), (json.sum, ("12",), "a list of numbers, got a string"),
        (json.max, ([1, "a"],), "element 1 of the list is no number, but a string 'a'"),
        (json.mean, ([None],), "element 0 of the list is no number, but null None"),
        (json.min, ([True],), "element 0 of the list is no number, but a bool True"),
        (json.keys, (["x" * 90],), r"xxx\.\.\.$"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_named(function: Function, arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        function.body(*arguments)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True), (1, True, False), (0, False, False), (True, True, True), ("1", 1, False), (None, None, True),
        ([1, [True]], [1.0, [True]], True), ([1], [True], False), ([1], [1, 2], False), ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False), ({"a": 1}, {"b": 1}, False), ({}, [], False),
    ],
)  # fmt: skip
def test_what_is_equal(left: Any, right: Any, equal: bool) -> None:
    assert json.contains.body([left], right) == equal
    assert json.count.body([left, right], left) == 1 + equal


def test_get_yields_null_that_is_there_and_not_the_default() -> None:
    assert json.get.body({"a": None}, "a", 1) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(values)
def test_dumps_can_be_read_again(value: Any) -> None:
    assert repr(standard_json.loads(json.dumps.body(value))) == repr(in_order(value))


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in json.items.body(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), st.integers()))
def test_items_are_keys_with_values_whatever_the_order_of_insertion(value: dict[str, int]) -> None:
    pairs = [list(pair) for pair in zip(json.keys.body(value), json.values.body(value), strict=True)]
    backwards = dict(reversed(value.items()))
    assert json.items.body(value) == json.items.body(backwards) == pairs
    assert json.dumps.body(value) == json.dumps.body(backwards)
    assert dict(map(tuple, pairs)) == value


@given(st.lists(values), st.lists(values))
def test_flatten_undoes_a_list_of_lists(left: list[Any], right: list[Any]) -> None:
    assert json.flatten.body([left, right]) == json.concat.body(left, right)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"j": pxt.Json | None, "k": pxt.Json | None})
    table.insert([{"j": {"word": 1, "a": [3, 1]}, "k": [2]}, {"j": None, "k": None}])
    return table


def test_order_of_keys_is_the_same_computed_on_insert_and_later(t: pxt.Table) -> None:
    t.add_computed_column(names=t.j.keys())
    t.add_computed_column(text=t.j.dumps())
    t.insert([{"j": {"word": 1, "a": [3, 1]}, "k": None}])
    first, _, last = t.select(t.names, t.text, now=t.j.keys()).collect()
    assert first == last
    assert first["names"] == first["now"] == ["a", "word"]
    assert first["text"] == '{"a": [3, 1], "word": 1}'


def test_null(t: pxt.Table) -> None:
    found = t.where(t.j == None).select(  # noqa: E711  # builds a node
        empty=t.j.is_empty(), n=t.j.len(), joined=t.j.concat(t.k), merged=t.j.merge({"a": 1}), got=t.j.get("a", 1)
    )
    assert found.collect()[0] == {"empty": True, "n": None, "joined": [], "merged": None, "got": None}


def test_on_paths_and_literals(t: pxt.Table) -> None:
    found = t.select(n=t.j.a.len(), most=t.j.a.max(), all=t.j.a.concat([5]), merged=t.j.merge({"a": t.k}))
    first = found.collect()[0]
    assert (first["n"], first["most"], first["all"]) == (2, 3.0, [3, 1, 5])
    assert first["merged"] == {"word": 1, "a": [2]}


def test_a_wrong_kind_fails_its_cell_alone(t: pxt.Table) -> None:
    t.insert([{"j": [1], "k": None}])
    t.add_computed_column(names=t.j.keys(), on_error="ignore")
    found = t.select(t.names, t.names.errormsg).collect()
    assert found["names"] == [["a", "word"], None, None]
    assert found["names_errormsg"] == [None, None, "expected an object, got a list [1]"]
