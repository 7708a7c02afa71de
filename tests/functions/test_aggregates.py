"""The aggregates of the library: what they are of no rows, of Json, and that parts of the rows can be merged."""

import datetime
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixeltable.functions as pxtf
from pixeltable.types.column_type import BoolType, DateType, FloatType, IntType, JsonType, StringType, UUIDType
from pixeltable.types.json_structure import JsonItems
from pixeltable.udfs.aggregate import AggregateFunction
from tests.udfs.columns import column

NAMES = ["count", "make_list", "max", "mean", "min", "sum"]


def fed(name: str, values: Sequence[Any]) -> Any:
    """An instance that has seen the values."""
    state = getattr(pxtf, name).body()
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
    assert {name: result(name, []) for name in NAMES} == {
        "count": 0, "make_list": [], "max": None, "mean": None, "min": None, "sum": None,
    }  # fmt: skip


NUMBERS = st.lists(st.integers(-100, 100) | st.floats(allow_nan=True, allow_infinity=True))
VALUES = {
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
        ("min", [True, 0]), ("min", [{"a": 1}]), ("max", [[1]]),
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
    ],
)  # fmt: skip
def test_types(name: str, argument: Any, expected: Any) -> None:
    assert getattr(pxtf, name)(column("x", argument)).type == expected
