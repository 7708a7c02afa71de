"""The aggregates of the library: what they are of no rows, of Json, and that parts of the rows can be merged."""

import datetime
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.types.column_type import (
    ArrayType,
    BoolType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    UUIDType,
)
from pixeltable.types.json_structure import JsonItems
from pixeltable.udfs.aggregate import AggregateFunction
from tests.udfs.columns import column

NAMES = [
    "all", "any", "approx_count_distinct", "count", "count_distinct", "first", "last", "make_list", "max", "mean",
    "median", "min", "mode", "percentile", "stddev", "sum", "variance",
]  # fmt: skip
CONSTANTS: dict[str, dict[str, Any]] = {"percentile": {"q": 0.3}}


def fed(name: str, values: Sequence[Any]) -> Any:
    """An instance that has seen the values."""
    state = getattr(pxtf, name).body(**CONSTANTS.get(name, {}))
    for value in values:
        state.update(value)
    return state


def result(name: str, values: Sequence[Any]) -> Any:
    return fed(name, values).value()


@pytest.mark.parametrize("name", NAMES)
def test_is_exported(name: str) -> None:
    assert isinstance(getattr(pxtf, name), AggregateFunction)
    assert name in dir(pxtf)
    assert getattr(pxtf, name).help_str()


def test_of_no_rows() -> None:
    numbers = {"approx_count_distinct": 0, "count": 0, "count_distinct": 0, "make_list": []}
    assert {name: result(name, []) for name in NAMES} == dict.fromkeys(NAMES) | numbers


NUMBERS = st.lists(st.integers(-100, 100) | st.floats(allow_nan=True, allow_infinity=True))
BOOLS = st.lists(st.booleans())
FEW = st.lists(st.sampled_from([1, 1.5, -0.0, 0.0, math.nan, 2]))
VALUES = {
    "all": BOOLS, "any": BOOLS, "approx_count_distinct": NUMBERS, "count_distinct": FEW, "mode": FEW,
    "first": st.lists(st.none() | st.text()), "last": st.lists(st.none() | st.text()), "median": NUMBERS,
    "percentile": NUMBERS, "stddev": st.lists(st.integers()), "variance": st.lists(st.integers()),
    "count": st.lists(st.none() | st.integers()), "make_list": st.lists(st.text()), "max": NUMBERS, "min": NUMBERS,
    "mean": st.lists(st.integers()), "sum": st.lists(st.integers()),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_merging_parts_gives_what_all_rows_give(name: str, data: st.DataObject) -> None:
    parts = data.draw(st.lists(VALUES[name], min_size=1, max_size=4))
    first, *others = (fed(name, part) for part in parts)
    for other in others:
        first.merge(other)
    whole = result(name, [value for part in parts for value in part])
    assert repr(first.value()) == repr(whole)  # NaN is NaN, and 1 is not 1.0


@given(st.lists(st.lists(st.floats(-1e100, 1e100)), min_size=1))
def test_merged_sums_of_floats_differ_by_rounding_alone(parts: list[list[float]]) -> None:
    first, *others = (fed("sum", part) for part in parts)
    for other in others:
        first.merge(other)
    values = [value for part in parts for value in part]
    assert (first.value() is None) == (not values)
    scale = math.fsum(map(abs, values))
    assert math.isclose(first.value() or 0.0, math.fsum(values), rel_tol=0, abs_tol=1e-12 * scale)


@given(st.lists(st.floats(), min_size=1))
def test_extremes_are_those_of_the_sorted_values(values: list[float]) -> None:
    ordered = sorted(values, key=lambda x: (math.isnan(x), 0.0 if math.isnan(x) else x))
    assert repr(result("min", values)) == repr(ordered[0] + 0.0)
    assert repr(result("max", values)) == repr(ordered[-1] + 0.0)


def test_text_is_compared_by_code_point() -> None:
    words = ["b", "B", "ä", "\uffff", "\U0001f600", ""]
    assert (result("min", words), result("max", words)) == ("", "\U0001f600")


def test_bools_and_dates() -> None:
    assert (result("min", [True, False]), result("max", [False, True])) == (False, True)
    days = [datetime.date(2024, 1, day) for day in (2, 1, 3)]
    assert (result("min", days), result("max", days)) == (days[1], days[2])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sum", [1, "a"]), ("sum", [True]), ("mean", [[1]]), ("min", [1, "a"]), ("max", ["a", 1]), ("max", [1, True]),
        ("min", [True, 0]), ("any", [1]), ("all", ["a"]), ("mode", [1, "a"]), ("mode", [True, 1]), ("mode", [[1]]),
        ("median", ["a"]), ("variance", [True]), ("min", [{"a": 1}]), ("max", [[1]]),
    ],
)  # fmt: skip
def test_json_without_a_common_order_or_sum_raises(name: str, values: list[Any]) -> None:
    with pytest.raises(TypeError):
        result(name, values)


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("sum", IntType(), IntType(True)), ("sum", FloatType(True), FloatType(True)),
        ("sum", JsonType(), JsonType(True)),
        ("mean", IntType(), FloatType(True)), ("mean", JsonType(), FloatType(True)), ("count", JsonType(), IntType()),
        ("min", DateType(), DateType(True)), ("max", UUIDType(True), UUIDType(True)),
        ("min", BoolType(), BoolType(True)),
        ("make_list", StringType(), JsonType(schema=JsonItems(JsonType(True)))),
        ("first", UUIDType(), UUIDType(True)),
        ("last", ArrayType(shape=(2,)), ArrayType(True, shape=(2,))), ("any", BoolType(), BoolType(True)),
        ("median", IntType(), FloatType(True)), ("stddev", FloatType(), FloatType(True)),
        ("mode", DateType(), DateType(True)), ("count_distinct", JsonType(), IntType()),
    ],
)  # fmt: skip
def test_types(name: str, argument: Any, expected: Any) -> None:
    assert getattr(pxtf, name)(column("x", argument)).col_type == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
def test_percentiles_are_those_of_numpy(values: list[float], q: float) -> None:
    state = pxtf.percentile.body(q=q)
    for value in values:
        state.update(value)
    assert state.value() == float(np.quantile(values, q))


@given(st.lists(st.integers(-1000, 1000) | st.floats(-1e3, 1e3), min_size=2), st.integers(0, 2), st.integers(0, 50))
def test_variance_is_that_of_numpy_however_parts_are_merged(values: list[float], ddof: int, cut: int) -> None:
    state, other = (pxtf.variance.body(ddof=ddof) for _ in range(2))
    for part, numbers in ((state, values[:cut]), (other, values[cut:])):
        for number in numbers:
            part.update(number)
    state.merge(other)
    if len(values) <= ddof:
        assert state.value() is None
    else:
        assert math.isclose(state.value(), float(np.var(values, ddof=ddof)), rel_tol=1e-9, abs_tol=1e-9)


@given(st.lists(st.sampled_from("abcd"), min_size=1))
def test_the_mode_is_the_least_of_the_most_frequent(values: list[str]) -> None:
    assert result("mode", values) == min(values, key=lambda value: (-values.count(value), value))


@pytest.mark.parametrize("count", [10, 1000, 30_000])
def test_an_approximation_is_within_three_standard_errors(count: int) -> None:
    found = result("approx_count_distinct", [f"value {number}" for number in range(count)])
    assert abs(found - count) <= 3 * 0.016 * count


def test_an_approximation_is_the_same_in_every_process() -> None:
    program = (
        "import pixeltable.functions as pxtf; s = pxtf.approx_count_distinct.body(); "
        "[s.update(v) for v in ['a', {'b': [1.5], 'c': None}, *range(20000)]]; print(s.value())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{result('approx_count_distinct', ['a', {'b': [1.5], 'c': None}, *range(20000)])}\n".encode()}


def test_values_that_are_equal_are_counted_once() -> None:
    values = [1, 1.0, True, 0.0, -0.0, math.nan, float("nan"), "1", [1], [1.0], {"a": 1, "b": 2}, {"b": 2, "a": 1}]
    assert result("count_distinct", values) == result("approx_count_distinct", values) == 7


@pytest.mark.parametrize(
    "call",
    [
        lambda x: pxtf.percentile(x, 1.5), lambda x: pxtf.percentile(x, q=-0.1),
        lambda x: pxtf.percentile(x, math.nan), lambda x: pxtf.variance(x, ddof=-1),
        lambda x: pxtf.stddev(x, ddof=-1), lambda x: pxtf.lag(x, -1), lambda x: pxtf.lead(x, default="a"),
        lambda x: pxtf.rank(order_by=x, frame="all"), lambda _: pxtf.rank(asc=False), lambda x: pxtf.sum(x, asc=False),
        lambda x: pxtf.sum(x, frame="half"), lambda x: pxtf.sum(x, order_by=x, asc=None),
        lambda x: pxtf.make_list(x, frame="all"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_when_the_expression_is_built(call: Any) -> None:
    with pytest.raises(pxt.RequestError):
        call(column("x", IntType()))
