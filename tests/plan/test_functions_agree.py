"""Functions of the library that run in SQL yield there what they yield in Python; see `test_engines_agree`."""

import itertools
import json as standard_json
import math as standard_math
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exprs.expr import Expr
from pixeltable.functions import json, math, string
from pixeltable.types.column_type import JsonType
from pixeltable.types.conform import INT_MAX, INT_MIN
from pixeltable.udfs.aggregate import AggregateFunction
from pixeltable.udfs.function import Function
from pixeltable.udfs.iterators import IteratorFunction
from tests.engines import RAISED, Failed, Rows, StoredRows, columns_in, examples, run_in_python
from tests.plan.test_engines_agree import (
    EDGE_FLOATS,
    EDGE_INTS,
    EDGE_TEXTS,
    B,
    I,
    J,
    S,
    T,
    X,
    as_rows,
    characters,
    column,
    differences,
    floats,
    ints,
    pairs,
    texts,
)

L, M, O, P, V = (column(name, JsonType(True)) for name in "lmopv")  # noqa: E741  # lists, objects, anything

TEXT_FUNCTIONS: dict[str, Callable[[], list[Expr]]] = {
    "center": lambda: [string.center(S, I), string.center(S, 5, "é"), string.center(S, 6), string.center("ab", I)],
    "contains": lambda: [string.contains(S, T), string.contains(S, "", True), string.contains("ab", T)],
    "endswith": lambda: [string.endswith(S, T), string.endswith(S, ""), string.endswith(T, "b") & (I == 1)],
    "find": lambda: [
        string.find(S, T), string.find(S, "b"), string.find(S, T) > 0, string.find(S, T, I), string.find(S, T, I, J),
        string.find(S, T, -2), string.find(S, "", 1, -1), string.find(S, "a", 0, J), string.find("aab", T, I, 3),
    ],
    "isascii": lambda: [string.isascii(S), ~string.isascii(T)],
    "len": lambda: [string.len(S), string.len(S) + 1, string.len(S) / string.len(T)],
    "ljust": lambda: [string.ljust(S, I), string.ljust(S, 4, "\U0001f600"), string.ljust(S, -1)],
    "lstrip": lambda: [string.lstrip(S, "a"), string.lstrip(S, " ab"), string.lstrip(S, ""), string.lstrip(S, "]^\\-")],
    "pad": lambda: [string.pad(S, I), string.pad(S, I, "right", "-"), string.pad(S, 7, "both", "é")],
    "removeprefix": lambda: [string.removeprefix(S, T), string.removeprefix(S, "a"), string.removeprefix("ab", T)],
    "removesuffix": lambda: [string.removesuffix(S, T), string.removesuffix(S, "b"), string.removesuffix(S, "")],
    "repeat": lambda: [string.repeat(S, I), string.repeat(S, 3), string.repeat("ab", I), string.repeat("", J)],
    "replace": lambda: [string.replace(S, "a", T), string.replace(S, "ab", ""), string.replace(S, "\\", "%")],
    "reverse": lambda: [string.reverse(S), string.reverse(S) + T],
    "rfind": lambda: [
        string.rfind(S, T), string.rfind(S, "b", I), string.rfind(S, T, I, J), string.rfind(S, "", -1),
        string.rfind(S, T, -3, -1),
    ],
    "rjust": lambda: [string.rjust(S, I), string.rjust(S, 4, "%"), string.rjust(S + T, 6)],
    "rstrip": lambda: [string.rstrip(S, "a"), string.rstrip(S, " ab"), string.rstrip(S, ""), string.rstrip(S, "]^\\-")],
    "slice": lambda: [
        string.slice(S, I, J), string.slice(S, I), string.slice(S, stop=J), string.slice(S), string.slice(S, 1, -1),
        string.slice(S, -2), string.slice(S, 1, 3, 1), string.slice(S, INT_MIN, INT_MAX), string.slice("aéb", I, J),
    ],
    "slice_replace": lambda: [
        string.slice_replace(S, I, J, T), string.slice_replace(S, I, J), string.slice_replace(S, 1, 2, "-"),
        string.slice_replace(S, repl=T), string.slice_replace(S, stop=-1, repl="é"),
    ],
    "startswith": lambda: [string.startswith(S, T), string.startswith(S, ""), ~string.startswith(S, "a")],
    "strip": lambda: [string.strip(S, "a"), string.strip(S, " ab"), string.strip(S, ""), string.strip(S, "\\]^-")],
    "zfill": lambda: [string.zfill(S, I), string.zfill(S, 4), string.zfill("-" + S, 5), string.zfill("+" + T, I)],
}  # fmt: skip

NUMBER_FUNCTIONS: dict[str, Callable[[], list[Expr]]] = {
    "abs": lambda: [math.abs(I), math.abs(X), abs(I), abs(X), abs(X) > 2],
    "bitwise_and": lambda: [math.bitwise_and(I, J), math.bitwise_and(I, -4)],
    "bitwise_or": lambda: [math.bitwise_or(I, J), math.bitwise_or(7, J)],
    "bitwise_xor": lambda: [math.bitwise_xor(I, J), math.bitwise_xor(I, 1) + 1],
    "ceil": lambda: [math.ceil(I), math.ceil(X), math.ceil(X) + I],
    "floor": lambda: [math.floor(I), math.floor(X), math.floor(X) == X],
    "round": lambda: [math.round(I), math.round(X), math.round(I, 2), math.round(X, 0), round(X), round(I, 1)],
    "sqrt": lambda: [math.sqrt(I), math.sqrt(X), math.sqrt(math.abs(X))],
    "to_float": lambda: [math.to_float(I), math.to_float(I) / 3],
    "to_int": lambda: [math.to_int(X), math.to_int(X) + 1, math.to_int(I), math.to_int(X / 3)],
}

JSON_FUNCTIONS: dict[str, Callable[[], list[Expr]]] = {
    "concat": lambda: [json.concat(L, M), json.concat(L, L), json.concat(L, V)],
    "contains": lambda: [
        json.contains(L, S), json.contains(L, "a"), json.contains(L, True), json.contains(L, 1), json.contains(O, S),
        json.contains(O, 1), json.contains(V, 1), json.contains(V, ""), json.contains(L, 2**53), json.contains(L, B),
    ],
    "count": lambda: [json.count(L, S), json.count(L, "a"), json.count(L, 1), json.count(L, False), json.count(V, "")],
    "flatten": lambda: [json.flatten(L), json.flatten(V)],
    "get": lambda: [json.get(O, S), json.get(O, "a"), json.get(O, "a") == None, json.get(V, "")],  # noqa: E711
    "is_empty": lambda: [json.is_empty(V), json.is_empty(L), ~json.is_empty(O)],
    "keys": lambda: [json.keys(O), json.keys(V)],
    "len": lambda: [json.len(L), json.len(O), json.len(V), json.len(L) > 1],
    "merge": lambda: [json.merge(O, P), json.merge(P, O), json.merge(O, V)],
    "values": lambda: [json.values(O), json.values(V)],
}  # fmt: skip


NESTED: list[Expr] = [
    json.len(json.concat(L, M)), json.keys(json.merge(O, P)), json.is_empty(json.get(O, S)),
    json.contains(json.keys(O), S), json.count(json.values(O), 1), json.len(json.flatten(json.concat(L, M))),
    string.repeat("a", json.len(L)), math.sqrt(json.len(O)),
]  # fmt: skip


def functions_of(module: ModuleType) -> dict[str, Function]:
    """The public functions of a module by name, without aggregates and iterators."""
    others = AggregateFunction | IteratorFunction
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Function) and not isinstance(value, others) and not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("module", "tested"), [(string, TEXT_FUNCTIONS), (math, NUMBER_FUNCTIONS), (json, JSON_FUNCTIONS)]
)
def test_every_function_with_sql_is_here(module: ModuleType, tested: dict[str, Any]) -> None:
    functions = functions_of(module)
    with_sql = {name for name, function in functions.items() if function.sql is not None}
    assert with_sql == tested.keys()
    assert functions.keys() - with_sql == module.PYTHON_ONLY.keys(), "say why it has none"
    assert all(module.PYTHON_ONLY.values())


POSITIONS = [None, 0, 1, 2, 3, 5, -1, -2, -5, INT_MAX, INT_MIN, 2**31, -(2**31) - 1]
positions = st.none() | st.integers(-6, 6) | st.integers(INT_MIN, INT_MAX)


@cache
def texts_with_positions() -> Rows:
    """Rows of two texts and two positions, each value at the edges beside each of its kind."""
    wide = st.text(characters, max_size=8)
    found = pairs(EDGE_TEXTS, texts, 60)
    places = itertools.cycle([*itertools.product(POSITIONS, repeat=2), *examples(st.tuples(positions, positions), 40)])
    longer = [(left + middle + right, middle) for left, middle, right in examples(st.tuples(wide, wide, wide), 60)]
    return as_rows("stij", [(*text, *place) for text, place in zip([*found, *longer], places, strict=False)])


@pytest.mark.parametrize("name", TEXT_FUNCTIONS)
def test_text_function(name: str, ns: str) -> None:
    assert not list(differences(TEXT_FUNCTIONS[name](), texts_with_positions(), f"{ns}/t"))


def test_positions_at_every_edge(ns: str) -> None:
    exprs = [string.slice(S, I, J), string.find(S, T, I, J), string.rfind(S, T, I, J)]
    exprs += [string.slice_replace(S, I, J, T), string.center(S, I)]
    cases = itertools.product(["", "a", "aab", "éa\U0001f600"], ["", "a"], POSITIONS, POSITIONS)
    assert not list(differences(exprs, as_rows("stij", list(cases)), f"{ns}/t"))


NEAR_HALVES = [half + step for half in (0.5, -0.5, 1.5, 2.5, -2.5, 2.0**52 - 0.5, 1e15 + 0.5) for step in (0, 1e-9)]


def numbers() -> Rows:
    edges = itertools.zip_longest(
        itertools.product(EDGE_INTS, repeat=2), [*EDGE_FLOATS, *NEAR_HALVES, standard_math.nextafter(0.5, 0)]
    )
    return as_rows("ijx", [(*both, x) for both, x in edges] + examples(st.tuples(ints, ints, floats), 120))


@pytest.mark.parametrize("name", NUMBER_FUNCTIONS)
def test_number_function(name: str, ns: str) -> None:
    assert not list(differences(NUMBER_FUNCTIONS[name](), numbers(), f"{ns}/t"))


def test_functions_of_what_operators_and_functions_yield(ns: str) -> None:
    exprs = [math.ceil(I + X), math.floor(X * I), math.round(I / J), math.to_int(I / 3), math.ceil(-X), math.abs(I - X)]
    exprs += [math.ceil(math.sqrt(math.abs(I))), math.round(math.to_float(I) / 7), math.to_int(math.floor(X) + 0.5)]
    exprs += [math.bitwise_and(math.abs(I), I % 7), math.sqrt(I / 2), math.abs(X + I) > I, math.round(2.5 * I)]
    assert not list(differences(exprs, numbers(), f"{ns}/t"))


def test_functions_on_text_that_functions_yield(ns: str) -> None:
    exprs = [string.slice(S + T, 1, string.len(T)), string.find(S, string.slice(S, -1), string.len(S) - 1)]
    exprs += [string.zfill(string.reverse(S), 5), string.pad(string.strip(S, "a") + T, string.len(S) + 3, "both", ".")]
    exprs += [math.sqrt(string.len(S)), math.ceil(string.len(S) / 2), string.repeat(T, string.find(S, "b") + 2)]
    assert not list(differences(exprs, texts_with_positions(), f"{ns}/t"))


atoms = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.floats(-1e15, 1e15).map(lambda x: x + 0.0)
    | st.text(characters, max_size=3) | st.sampled_from(["a", "b", "ab", 1.0, 2**53, 2.0**53, 1e300])
)  # fmt: skip
names = st.text(characters, max_size=3) | st.sampled_from(
    ["", "a", "b", "ab", "é", "zz", "\U0001f600", "a.b", '"', "\\", "$"]
)
nested = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)
lists = st.none() | st.lists(nested, max_size=6)
objects = st.none() | st.dictionaries(names, nested, max_size=6)
EDGE_VALUES = [
    None, [], {}, "", "a", 0, False, [None], [[]], {"a": None}, ["a", "a", 1, True], [["a"], "a"], "é\U0001f600",
]  # fmt: skip


@cache
def json_rows() -> Rows:
    """Rows of two lists, two objects, any value, a text and a bool."""
    drawn = st.tuples(lists, lists, objects, objects, nested, names, st.booleans())
    rows = [
        (v if isinstance(v, list) else [], [], v if isinstance(v, dict) else {}, {}, v, "a", True) for v in EDGE_VALUES
    ]
    rows += [(None, None, None, None, None, None, None), *examples(drawn, 150)]
    return as_rows("lmopvsb", rows)


def shown(value: Any) -> str:
    """A Json value so that no other is equal to it: 1, 1.0 and True are equal in Python. Objects have no order."""
    return standard_json.dumps(value, sort_keys=True) if not isinstance(value, Failed) else value.name


@pytest.mark.parametrize("name", JSON_FUNCTIONS)
def test_json_function(name: str, ns: str) -> None:
    assert_json_agrees(JSON_FUNCTIONS[name](), f"{ns}/t")


def test_functions_on_json_that_functions_yield(ns: str) -> None:
    assert_json_agrees(NESTED, f"{ns}/t")


def assert_json_agrees(exprs: Sequence[Expr], path: str) -> None:
    rows = json_rows()
    stored = StoredRows(path, {name: kind for expr in exprs for name, kind in columns_in(expr).items()}, rows)
    for expr in exprs:
        in_python, in_sql = run_in_python(expr, rows), stored.run(expr)
        expected = ["OUT_OF_RANGE" if value is RAISED else shown(value) for value in in_python]
        assert [shown(value) for value in in_sql] == expected, expr


def test_a_value_of_the_wrong_kind_is_told_by_python(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.insert([{"j": {"a": 1}}, {"j": [1]}])
    with pytest.raises(pxt.RequestError, match=r"keys\(j\).*expected an object, got a list \[1\]"):
        t.select(json.keys(t.j)).collect()
